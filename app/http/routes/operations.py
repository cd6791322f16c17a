"""What operators and their tools ask."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.engine.interface import Engine
from app.errors import NotReadyError, UnauthorizedError
from app.http.schemas.errors import errors
from app.http.schemas.operations import Alive, LimitsReport, ModelReport, Ready, RuntimeReport
from app.http.service import service_of

router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])


@router.get("/livez", summary="Alive?", responses=errors(NotReadyError()))
async def livez(request: Request) -> Alive:
    """Alive unless the engine is dead and not yet back."""
    engine = service_of(request).engine
    if engine.state == "dead":
        raise NotReadyError(_engine_fault(engine))
    return Alive()


@router.get("/health", summary="Alive? As other servers of models name it", responses=errors(NotReadyError()))
async def health(request: Request) -> Alive:
    """The same as `/livez`."""
    return await livez(request)


@router.get("/readyz", summary="Ready?", responses=errors(NotReadyError()))
async def readyz(request: Request) -> Ready:
    """Ready once a real completion has run, until the process is told to end."""
    service = service_of(request)
    if service.draining:
        raise NotReadyError("draining")
    if service.engine.state != "ready" or service.engine.trouble:
        raise NotReadyError(_engine_fault(service.engine))
    return Ready()


def _engine_fault(engine: Engine) -> str:
    state = "the engine is of no use" if engine.state == "ready" else f"the engine is {engine.state}"
    return f"{state}: {engine.trouble}" if engine.trouble else state


@router.get("/model", summary="What is served", responses=errors(UnauthorizedError()))
async def model(request: Request) -> ModelReport:
    """Identity of the model, what it may be asked for and what it does by default."""
    service = service_of(request)
    manifest, settings, refused = service.manifest, service.settings, service.limits.refused
    runtime, version = service.engine.runtime
    identity = manifest.model_dump(include=set(ModelReport.model_fields) & set(type(manifest).model_fields))
    return ModelReport(
        **identity | {"default_window": service.limits.default_window},
        kind=service.kind,
        slots=service.engine.slots,
        fills=service.limits.fills,
        heals=service.limits.heals,
        refused=list(refused),
        runtime=RuntimeReport(name=runtime, version=version),
        guard_version=service.pipeline.guard.version,
        chat=manifest.chat_template is not None,
        defaults={
            name: value
            for name, value in {
                "max_tokens": settings.default_max_tokens,
                "temperature": settings.default_temperature,
                "top_p": settings.default_top_p,
                "repetition_penalty": settings.default_repetition_penalty,
            }.items()
            if name not in refused
        },
        limits=LimitsReport.of(service.limits),
    )


@metrics_router.get(
    "/metrics", summary="Prometheus metrics", responses=errors(UnauthorizedError()), response_class=Response
)
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    service = service_of(request)
    service.observe()
    return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)
