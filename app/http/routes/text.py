"""Text without the model: token ids, and the guard alone."""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.completion.context_window import keep_newest
from app.completion.defaults import given
from app.completion.prompt import PlainPrompt
from app.http.json_route import JsonRoute
from app.http.schemas.errors import BODY_ERRORS, errors
from app.http.schemas.limit_check import check_limits
from app.http.schemas.text import (
    DetokenizeAnswer,
    DetokenizeRequest,
    FlaggedSpan,
    ModerateAnswer,
    ModerateRequest,
    TokenizeAnswer,
    TokenizeRequest,
)
from app.http.schemas.window import window_report
from app.http.service import service_of

router = APIRouter(tags=["text"], route_class=JsonRoute, responses=errors(*BODY_ERRORS))


@router.post("/tokenize", summary="Token ids of a text")
async def tokenize(request: Request, body: TokenizeRequest) -> TokenizeAnswer:
    """Token ids of a text, and what the window would keep of them."""
    service = service_of(request)
    check_limits(body, service.limits)
    ids = await service.tokenizer_pool.ids(PlainPrompt(body.text))
    limit = given(body.context_window, service.limits.default_window)
    window = keep_newest(
        ids, limit, lambda number: service.tokenizer.detokenize([number]), service.manifest.start_id
    )
    return TokenizeAnswer(ids=ids, count=len(ids), window=window_report(window))


@router.post("/detokenize", summary="Text of token ids")
async def detokenize(request: Request, body: DetokenizeRequest) -> DetokenizeAnswer:
    """The text of token ids; the guard masks it, unless the policy is off."""
    service = service_of(request)
    check_limits(body, service.limits)
    text = service.tokenizer.detokenize(body.ids).decode(errors="replace")
    if service.settings.profanity != "off":
        text = await service.pipeline.masked(text)
    return DetokenizeAnswer(text=text)


@router.post("/moderate", summary="What the guard finds in a text")
async def moderate(request: Request, body: ModerateRequest) -> ModerateAnswer:
    """What the guard finds in a text, whatever the service's policy."""
    service = service_of(request)
    check_limits(body, service.limits)
    verdict = await service.pipeline.moderate(body.text)
    spans = [
        FlaggedSpan(start=span.start, end=span.end, category=span.category, severity=span.severity)
        for span in verdict.spans
    ]
    return ModerateAnswer(flagged=verdict.flagged, spans=spans, categories=list(verdict.categories))
