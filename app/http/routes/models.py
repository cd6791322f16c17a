"""GET /v1/models: the one model, in OpenAI's shape."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.errors import NotFoundError, UnauthorizedError
from app.http.schemas.errors import openai_errors
from app.http.service import service_of

NO_SUCH_MODEL = "no such model; GET /v1/models lists the one that is served"

router = APIRouter(tags=["openai"])


class ListedModel(BaseModel):
    """A model that is served."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["local"] = "local"


class ModelList(BaseModel):
    """The models that are served: one."""

    object: Literal["list"] = "list"
    data: list[ListedModel]


@router.get(
    "/v1/models", summary="The model, in OpenAI's shape", responses=openai_errors(UnauthorizedError())
)
async def list_models(request: Request) -> ModelList:
    """The model that is served."""
    return ModelList(data=[_listed(request)])


@router.get(
    "/v1/models/{identity:path}",
    summary="The model by its name",
    responses=openai_errors(UnauthorizedError(), NotFoundError(NO_SUCH_MODEL)),
)
async def retrieve_model(request: Request, identity: str) -> ListedModel:
    """The model of this name."""
    listed = _listed(request)
    if identity != listed.id:
        raise NotFoundError(NO_SUCH_MODEL)
    return listed


def _listed(request: Request) -> ListedModel:
    return ListedModel(id=service_of(request).manifest.id)
