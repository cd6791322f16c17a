# The service and its model in one image; `make image` passes the arguments.
# MODEL: built from the pinned weights, or local: what models/artifacts holds.
ARG BASE=python:3.11-slim-bookworm
ARG MODEL=built

FROM ${BASE} AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1 \
    PIP_ROOT_USER_ACTION=ignore


FROM python AS model-built
WORKDIR /build
COPY locks/build.txt locks/wheels.txt locks/
RUN python -m pip install --quiet --no-compile --requirement locks/build.txt
COPY app app
COPY models models
# Its quality is known from the machine that changed it: models/texts, docs/models.md.
RUN --mount=type=cache,target=/model/downloads \
    python -m models build --no-quality --output /model/autocomplete.tflite


FROM scratch AS model-local
COPY models/artifacts /model


# hadolint ignore=DL3006
FROM model-${MODEL} AS model


FROM python AS packages
# strip comes with Debian, in the one version that this Debian has
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY locks/serve.txt /build/
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --quiet --no-compile --requirement /build/serve.txt
WORKDIR /opt/venv/lib/python3.11/site-packages
# Drivers of accelerators, tests and debug information are 80 of these 200 MB. LiteRT would load the one for GPUs also
# where it uses none, and some arm64 processors stop the process there; not every platform's wheel has all of these.
RUN rm -rf ai_edge_litert/libLiteRtWebGpuAccelerator.so ai_edge_litert/tools ai_edge_litert/vendors \
    && find . -depth -type d -name tests -exec rm -r {} + \
    && find . -name '*.so*' -exec strip --strip-debug {} +
ARG SOURCE_DATE_EPOCH=0
RUN python -m compileall -q --invalidation-mode unchecked-hash . \
    && find /opt/venv -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +


FROM packages AS service
COPY docker/sbom/requirements.txt /build/
RUN python -m venv --without-pip /build/sbom \
    && python -m pip --python /build/sbom/bin/python install --quiet --no-compile --requirement /build/requirements.txt
COPY pyproject.toml docker/sbom/sbom.py /build/
COPY --from=model /model/autocomplete.tflite /model/autocomplete.manifest.json /srv/model/
COPY --from=model /model/text_ops /srv/model/text_ops
WORKDIR /srv/autocomplete
COPY app app
COPY LICENSE docker/healthcheck.py docker/NOTICE ./
ARG SOURCE_DATE_EPOCH=0
RUN /build/sbom/bin/python /build/sbom.py --python /opt/venv/bin/python --project /build/pyproject.toml \
        --manifest /srv/model/autocomplete.manifest.json --debian /var/lib/dpkg/status > sbom.cdx.json \
    && python -m compileall -q --invalidation-mode unchecked-hash app \
    && find /srv -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +


# hadolint ignore=DL3006
FROM ${BASE}
ARG SOURCE_DATE_EPOCH=0
# A server installs nothing.
WORKDIR /usr/local/lib/python3.11
RUN rm -rf site-packages/* ensurepip /usr/local/bin/pip* /usr/local/bin/wheel \
    && touch --date="@${SOURCE_DATE_EPOCH}" . site-packages /usr/local/bin
COPY --from=packages /opt/venv /opt/venv
COPY --from=service /srv/model /srv/model
COPY --from=service /srv/autocomplete /srv/autocomplete
WORKDIR /srv/autocomplete
# /tmp is the one folder that must be writable: weights are packed there for this processor at the first start.
# Nothing here computes with BLAS, whose threads take 2 MB each.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    HOME=/tmp \
    AUTOCOMPLETE_HOST=0.0.0.0 \
    AUTOCOMPLETE_MODEL=/srv/model/autocomplete.tflite \
    AUTOCOMPLETE_WEIGHT_CACHE=/tmp
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "healthcheck.py"]
# Linux drops a signal that process 1 has no handler for, but keeps one that is blocked: so none is lost while Python
# starts, which on a busy machine takes seconds. The service unblocks them once its handlers stand.
CMD ["env", "--block-signal=HUP,INT,TERM", "python", "-m", "app"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Autocomplete" \
      org.opencontainers.image.description="Text completion by one self-contained TensorFlow Lite model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
