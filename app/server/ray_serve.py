"""`python -m app.server.ray_serve [MOST]`: the application as replicas under Ray Serve, here or on a cluster.

AUTOCOMPLETE_WORKERS replicas share AUTOCOMPLETE_THREADS; where MOST is more, others are started while their
slots are full. Needs the extra `ray`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from threading import Event

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingConfig, HTTPOptions, RequestRouterConfig

from app.completion.service import Service
from app.errors import ModelRefusedError
from app.main import create_app
from app.settings import Settings

NAME = "autocomplete"

CLIENT_HEADER = "x-client"
"""Requests with the same value go to the same replica, which holds what their prompts begin with."""

ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"

LOOK_SECONDS = 0.05
"""Between two looks at an engine that is not ready."""


class Replica:
    """One replica: the application as `create_app` composes it, in a process of Ray's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The application; Ray Serve asks for it after the constructor."""
        app = create_app(self._settings)
        self._service: Service = app.state.service
        return app

    async def check_health(self) -> None:
        """Return once the engine is ready: before that Ray Serve sends nothing.

        An engine that has died is back within a second; Ray Serve loses patience with one that is not.

        Raises:
            ModelRefusedError: The model cannot be served.
        """
        while self._service.engine.state != "ready":
            if self._service.refused:
                raise ModelRefusedError(self._service.refused)
            await asyncio.sleep(LOOK_SECONDS)


def start(settings: Settings, most: int | None = None) -> None:
    """Serve under Ray: on the cluster of RAY_ADDRESS where there is one, else on this machine.

    Args:
        settings: Of every replica; a model file of that path must be on every machine.
        most: Replicas at most; none: as many as AUTOCOMPLETE_WORKERS says.
    """
    os.environ.setdefault("RAY_SERVE_SESSION_ID_HEADER_KEY", CLIENT_HEADER)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "RAY_ADDRESS" in os.environ:
        ray.init()
    else:
        ray.init(include_dashboard=False, num_cpus=max(most or 0, settings.workers))
    serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
    there = settings.model_copy(update={"model": settings.model.resolve()})
    serve.run(deployment(settings, most).bind(there), name=NAME)


def deployment(settings: Settings, most: int | None = None) -> serve.Deployment:
    """How the replicas are kept.

    A replica says 429 itself when it is full, so Ray Serve queues nothing before it.
    """
    return serve.deployment(
        serve.ingress()(Replica),
        name=NAME,
        max_ongoing_requests=settings.max_connections,
        ray_actor_options={"num_cpus": 1},
        graceful_shutdown_timeout_s=settings.pre_stop_seconds + settings.grace_seconds,
        health_check_period_s=2,
        health_check_timeout_s=30,
        request_router_config=RequestRouterConfig(request_router_class=ROUTER),
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.workers,
            max_replicas=max(most or 0, settings.workers),
            target_ongoing_requests=settings.engine_slots,
        ),
    )


def main(arguments: Sequence[str]) -> None:
    """Serve until told to end; what runs then is finished."""
    told = Event()
    start(Settings(), int(arguments[0]) if arguments else None)
    for number in (signal.SIGTERM, signal.SIGINT):  # after Ray, whose own handler ends at once
        signal.signal(number, lambda *_: told.set())
    told.wait()
    serve.delete(NAME)  # running requests finish; a shutdown alone would cut them
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
