"""The composition root: settings in, application out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.completion.admission import Admission
from app.completion.chat_template import ChatTemplate
from app.completion.defaults import advised_settings
from app.completion.guard_thread import GuardThread
from app.completion.healing import Healer
from app.completion.limits import NEEDS_BYTES, Limits
from app.completion.phrases import read_phrases
from app.completion.pipeline import Pipeline
from app.completion.preparation import Preparation
from app.completion.segments import KEPT, SegmentedTokenizer, Segments
from app.completion.service import Service
from app.completion.sessions import Sessions
from app.completion.tokenizer_pool import TokenizerPool
from app.completion.writer import ChoiceWriter
from app.engine.client import EngineClient
from app.engine.config import EngineConfig
from app.engine.interface import Engine
from app.errors import ModelRefusedError
from app.guard.guard import Guard
from app.guard.loader import GuardFiles
from app.guard.token_bias import ProfanityBias
from app.guard.unfinished import InnocentWords
from app.guard.verdict import Thresholds
from app.http.api import ALWAYS_OPEN, build_api, countable_paths
from app.http.api_keys import ApiKeys
from app.http.host_check import HostCheck, is_loopback
from app.http.middleware import BodyReceiver, KeyCheck, Observer
from app.http.routes import routes_of
from app.metrics import Metrics
from app.model.foreign.loader import open_model
from app.model.loader import ServedModel
from app.model.manifest import Manifest
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.runtime import resolve_runtime
from app.model.shape import model_shape
from app.model.template import named_tokens
from app.model.tokenizer import Tokenizer, read_vocabulary
from app.model.vocabulary import Vocabulary
from app.settings import Settings

STALL_SECONDS = 10.0
"""An engine that has said nothing for so long is replaced."""


def create_app(
    settings: Settings,
    *,
    manifest: Manifest | None = None,
    engine: Engine | None = None,
    open_tokenizer: Callable[[], Tokenizer] | None = None,
    guard: Callable[[], Guard] | None = None,
    vocabulary: Vocabulary | None = None,
) -> FastAPI:
    """Compose the service; a part that is given takes the place of the one that the settings describe.

    Raises:
        ModelRefusedError: The model file is not what its manifest says, or cannot be run.
    """
    if manifest is None or open_tokenizer is None:
        model = open_model(settings)
    else:
        model = ServedModel("own", manifest, open_tokenizer)
    if model.foreign is not None:
        settings = settings.model_copy(update={"slots": 1})  # such a file holds one sequence
    manifest = model.manifest
    settings = advised_settings(settings, manifest)
    tokenizer = model.open_tokenizer()
    tokenizer_pool = _tokenizer_pool(model, tokenizer)
    if model.file is not None:
        vocabulary = read_vocabulary_of(model.file.place, manifest.vocabulary_size, control_ids(manifest))
    engine = engine or _engine(settings, model)
    guard = guard or _guards(settings)
    bias = _profanity_bias(settings, tokenizer, manifest.vocabulary_size)
    metrics, guard_thread = Metrics(), GuardThread()
    limits = _limits(settings, model, heals=vocabulary is not None)
    preparation = Preparation(
        manifest=manifest,
        tokenizer=tokenizer,
        tokenizer_pool=tokenizer_pool,
        metrics=metrics,
        guard_thread=guard_thread,
        healer=Healer(vocabulary, tokenizer, manifest) if vocabulary else None,
        innocent_words=InnocentWords.of_tokens(vocabulary.pieces) if vocabulary else None,
        phrases=read_phrases(settings.phrases_file),
    )
    first = guard()
    writer = ChoiceWriter(
        manifest=manifest,
        engine=engine,
        tokenizer=tokenizer,
        preparation=preparation,
        retries=settings.profanity_retries,
        metrics=metrics,
    )
    pipeline = Pipeline(
        engine=engine,
        preparation=preparation,
        writer=writer,
        guard=first,
        bias=bias.against(first),
        metrics=metrics,
        guard_thread=guard_thread,
    )
    service = Service(
        settings=settings,
        manifest=manifest,
        kind=model.kind,
        limits=limits,
        engine=engine,
        tokenizer=tokenizer,
        tokenizer_pool=tokenizer_pool,
        read_guard=guard,
        bias=bias,
        pipeline=pipeline,
        admission=Admission(settings.capacity),
        sessions=Sessions(),
        metrics=metrics,
        chat_template=_chat_template(manifest),
    )
    routes = routes_of(settings)
    middleware = _middleware(settings, metrics, countable_paths(routes))
    app = build_api(settings, limits, routes=routes, middleware=middleware, lifespan=_lifespan)
    app.state.service = service
    return app


def _profanity_bias(settings: Settings, tokenizer: Tokenizer, vocabulary_size: int) -> ProfanityBias:
    pieces = read_vocabulary(tokenizer, vocabulary_size) if settings.profanity_bias else []
    return ProfanityBias(pieces, settings.profanity_bias)


def _tokenizer_pool(model: ServedModel, tokenizer: Tokenizer) -> TokenizerPool:
    spaced = model.manifest.prefix_space
    known = Segments(KEPT)
    segmented = SegmentedTokenizer(tokenizer, known, prefix_space=spaced)
    return TokenizerPool(
        segmented,
        lambda: SegmentedTokenizer(model.open_tokenizer(), known, prefix_space=spaced),
        segmented.unread,
    )


def _limits(settings: Settings, model: ServedModel, *, heals: bool) -> Limits:
    return Limits.of(
        settings,
        sequence_length=model.manifest.sequence_length,
        vocabulary_size=model.manifest.vocabulary_size,
        refused=(*model.refused, *(() if heals else NEEDS_BYTES)),
        heals=heals,
        fills=bool(model.manifest.infill_tokens) and settings.fill_in,
    )


def _guards(settings: Settings) -> Callable[[], Guard]:
    thresholds = Thresholds.of(settings.profanity_thresholds)
    return GuardFiles(settings.profanity_allow, settings.profanity_deny, thresholds).current


def _chat_template(manifest: Manifest) -> ChatTemplate | None:
    if manifest.chat_template is None:
        return None
    special = manifest.special_tokens
    named = manifest.named_tokens or named_tokens(special, manifest.start_id, manifest.end_ids)
    try:
        return ChatTemplate(manifest.chat_template, special, named, manifest.token_strips)
    except ModelRefusedError as error:
        raise ModelRefusedError(f"{manifest.id}: {error}") from None


def _engine(settings: Settings, model: ServedModel) -> EngineClient:
    """The client of an engine; one whose calls cannot be cut short may be silent for a whole request."""
    stall = STALL_SECONDS + (settings.request_timeout_seconds if model.kind == "text-to-text" else 0.0)
    return EngineClient(engine_config(settings, model), stall_seconds=stall)


def engine_config(settings: Settings, model: ServedModel) -> EngineConfig:
    """What the engine of a model file is told."""
    manifest = model.manifest
    return EngineConfig(
        model=settings.model,
        digest=manifest.sha256,
        runtime=resolve_runtime(settings.runtime),
        shape=model_shape(manifest),
        threads=settings.engine_threads,
        slots=settings.engine_slots,
        prefill_chunk=settings.prefill_chunk,
        cache_bytes=settings.cache_bytes,
        cache_folder=settings.weight_cache or settings.model.parent,
        drafting=settings.drafting,
        descriptor=model.file.descriptor if model.file else None,
        control_ids=control_ids(manifest),
        foreign=model.foreign,
    )


def _middleware(settings: Settings, metrics: Metrics, paths: frozenset[str]) -> list[Middleware]:
    """What every request passes, outermost first."""
    keys = ApiKeys([key.get_secret_value() for key in settings.api_keys], settings.api_keys_file)
    open_paths = frozenset(ALWAYS_OPEN + (("/metrics",) if settings.metrics == "open" else ()))
    key_check = Middleware(KeyCheck, keys=keys, open_paths=open_paths)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["*"],  # of a named origin, whatever its client library adds
        allow_private_network=True,
        expose_headers=["X-Request-ID", "Retry-After", "X-Warning", "X-Prompt-Truncated"],
    )
    checked = settings.allowed_hosts or is_loopback(settings.host)
    return [
        Middleware(Observer, metrics=metrics, paths=paths),
        *([Middleware(HostCheck, hosts=settings.allowed_hosts)] if checked else []),
        *([cors] if settings.cors_origins else []),
        *([key_check] if keys.required else []),
        Middleware(
            BodyReceiver, max_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
        ),
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model while the first requests are already told to wait; end the engine at the end."""
    async with app.state.service.running():
        yield
