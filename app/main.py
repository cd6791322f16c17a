"""The composition root: settings in, application out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.admission import Admission
from app.api import ALWAYS_OPEN, build_api, countable_paths
from app.bias import ProfanityBias, read_vocabulary
from app.chat import ChatTemplate
from app.completion import Completer
from app.engine.client import EngineClient
from app.engine.config import EngineConfig
from app.engine.local import model_shape
from app.engine.protocol import Engine
from app.guard.files import GuardFiles
from app.guard.guard import Guard
from app.guard.thresholds import Thresholds
from app.job import Tokenizer
from app.keys import ApiKeys
from app.limits import Limits
from app.manifest import Manifest, read_manifest, verify_file, verify_text_ops
from app.metrics import Metrics
from app.middleware import BodyReceiver, KeyCheck, Observer
from app.model_file import ModelFile, open_model_file
from app.runtime import resolve_runtime
from app.service import Service
from app.settings import Settings
from app.text import open_text_model
from app.tokenization import Tokenization


def create_app(
    settings: Settings,
    *,
    manifest: Manifest | None = None,
    engine: Engine | None = None,
    open_tokenizer: Callable[[], Tokenizer] | None = None,
    guard: Callable[[], Guard] | None = None,
) -> FastAPI:
    """Compose the service; a part that is given takes the place of the one that the settings describe.

    Raises:
        ModelRefusedError: The model file is not what its manifest says, or cannot be run.
    """
    file = None
    if manifest is None:
        manifest = read_manifest(settings.model)
        file = open_model_file(settings.model)
        verify_file(file.path, manifest, file.place)
    if open_tokenizer is None:
        text_ops = settings.text_ops or settings.model.parent / "text_ops"
        verify_text_ops(text_ops, manifest)
        open_tokenizer = partial(
            open_text_model, settings.model, text_ops, settings.runtime, file.place if file else None
        )
    tokenizer = open_tokenizer()
    tokenization = Tokenization(tokenizer, open_tokenizer)
    engine = engine or EngineClient(_engine_config(settings, manifest, file))
    if guard is None:
        thresholds = Thresholds.of(settings.profanity_thresholds)
        guard = GuardFiles(settings.profanity_allow, settings.profanity_deny, thresholds).current
    vocabulary = read_vocabulary(tokenizer, manifest.vocabulary_size) if settings.profanity_bias else []
    bias = ProfanityBias(vocabulary, settings.profanity_bias)
    metrics = Metrics()
    limits = Limits.of(
        settings, sequence_length=manifest.sequence_length, vocabulary_size=manifest.vocabulary_size
    )
    first = guard()
    completer = Completer(
        manifest=manifest,
        engine=engine,
        tokenizer=tokenizer,
        tokenization=tokenization,
        guard=first,
        bias=bias.against(first),
        retries=settings.profanity_retries,
        metrics=metrics,
    )
    service = Service(
        settings=settings,
        manifest=manifest,
        limits=limits,
        engine=engine,
        tokenizer=tokenizer,
        tokenization=tokenization,
        read_guard=guard,
        bias=bias,
        completer=completer,
        admission=Admission(settings.capacity),
        metrics=metrics,
        chat_template=_chat_template(manifest),
    )
    app = build_api(settings, limits, middleware=_middleware(settings, metrics), lifespan=_lifespan)
    app.state.service = service
    return app


def _chat_template(manifest: Manifest) -> ChatTemplate | None:
    if manifest.chat_template is None:
        return None
    return ChatTemplate(manifest.chat_template, manifest.special_tokens, manifest.end_ids)


def _engine_config(settings: Settings, manifest: Manifest, file: ModelFile | None) -> EngineConfig:
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
        descriptor=file.descriptor if file else None,
    )


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """What every request passes, outermost first."""
    keys = ApiKeys([key.get_secret_value() for key in settings.api_keys], settings.api_keys_file)
    open_paths = frozenset(ALWAYS_OPEN + (("/metrics",) if settings.metrics == "open" else ()))
    key_check = Middleware(KeyCheck, keys=keys, open_paths=open_paths)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", "traceparent"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return [
        Middleware(Observer, metrics=metrics, paths=countable_paths(settings)),
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
