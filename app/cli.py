"""The `autocomplete` command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.completion.defaults import job_with_defaults, plain_job, sampling_with_defaults
from app.completion.job import Outcome, Piece
from app.completion.limits import LARGEST_SEED, MOST_STOPS
from app.completion.prompt import PlainPrompt
from app.completion.service import Service
from app.errors import ModelRefusedError, ServiceError
from app.guard.word_list import MalformedListError
from app.installation import module_command, module_environment, product_version
from app.main import create_app
from app.server.start import start as serve_process
from app.settings import PREFIX, Settings, setting_faults

BENCH_PROMPT = "The history of the city begins with a small settlement at the mouth of the river, where"

BUILD_MODULES = ("flatbuffers", "gguf", "h5py", "ml_dtypes", "packaging", "safetensors", "tokenizers")
"""Of the extra `build`: the service itself needs none of them."""

Model = Annotated[Path | None, typer.Option(help="Model file; its manifest stands beside it.")]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="0 takes the likeliest token.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens to generate.")]


def main() -> None:
    """Run the command line."""
    commands = typer.Typer(
        no_args_is_help=True,
        invoke_without_command=True,
        add_completion=False,
    )
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    commands.callback()(common_options)
    commands.command()(serve)
    commands.command()(complete)
    commands.command(context_settings=passed_on, add_help_option=False)(build)
    commands.command(context_settings=passed_on, add_help_option=False)(verify)
    commands.command()(bench)
    commands(prog_name="autocomplete")


def common_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Text completion by one self-contained TensorFlow Lite model."""
    if version:
        print(f"autocomplete {product_version()}")
        raise typer.Exit


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes; threads are divided.")] = None,
    model: Model = None,
) -> None:
    """Serve over HTTP. Every other setting comes from the environment: docs/settings.md lists them."""
    _override(host=host, port=port, workers=workers, model=model)
    raise typer.Exit(serve_process([]))


def complete(
    text: Annotated[str, typer.Argument(help="Text to continue.")],
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    seed: Annotated[
        int | None, typer.Option(min=-LARGEST_SEED, max=LARGEST_SEED, help="Same seed, same text.")
    ] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text; may be repeated.")] = None,
    model: Model = None,
) -> None:
    """Continue a text with the local model file, as it is written. No server is needed."""
    _override(model=model)
    stops = stop or []
    if not text:
        raise typer.BadParameter("prompt: String should have at least 1 character")
    if "" in stops or len(stops) > MOST_STOPS:
        raise typer.BadParameter(f"stop: at most {MOST_STOPS} texts of at least 1 character")

    async def write(service: Service) -> None:
        job = plain_job(
            service.settings,
            service.limits,
            text,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            stop=stops,
        )
        async with aclosing(service.run([job])) as events:
            async for event in events:
                if isinstance(event, Piece):
                    print(event.text, end="", flush=True)
        print()

    _with_engine(write)


def build(context: typer.Context) -> None:
    """Build the model file; needs the packages of the extra `build`."""
    raise typer.Exit(_run_models("build", context.args))


def verify(context: typer.Context) -> None:
    """Compare the model file with its source; needs the packages of the extra `build`."""
    raise typer.Exit(_run_models("verify", context.args))


def bench(
    max_tokens: Annotated[int, typer.Option(min=2, help="Tokens of each completion.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 5,
    model: Model = None,
) -> None:
    """Measure the local model file: time to the first token, and tokens per second for 1, 4 and 8 streams."""
    _override(model=model)

    async def measure(service: Service) -> None:
        prompt = PlainPrompt(BENCH_PROMPT)
        table = Table("streams", "first token, ms", "tokens/s", "tokens/s of each")
        for streams in (1, 4, 8):
            first, rate = [], []
            for seed in range(rounds):
                sampling = sampling_with_defaults(service.settings, seed=seed)
                job = job_with_defaults(
                    service.settings, service.limits, prompt, sampling, max_tokens=max_tokens
                )
                began = time.perf_counter()
                outcomes = await service.complete([job] * streams)
                seconds = time.perf_counter() - began
                first.append(median(outcome.timings.first_token_ms for outcome in outcomes))
                rate.append(_tokens(outcomes) / seconds)
            table.add_row(
                str(streams), f"{median(first):.0f}", f"{median(rate):.0f}", f"{median(rate) / streams:.0f}"
            )
        Console().print(table)

    _with_engine(measure)


def _run_models(command: str, arguments: list[str]) -> int:
    missing = [name for name in BUILD_MODULES if find_spec(name) is None]
    if missing:
        print(
            f"{command}: {', '.join(missing)} not installed; install the extra: pip install '.[build]'",
            file=sys.stderr,
        )
        return 1
    return subprocess.call([*module_command("models"), command, *arguments], env=module_environment())


def _tokens(outcomes: list[Outcome]) -> int:
    return sum(outcome.usage.completion for outcome in outcomes)


def _override(**settings: object) -> None:
    """Options count more than the environment, also for worker processes."""
    for name, value in settings.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = str(value)


def _with_engine(work: Callable[[Service], Awaitable[None]]) -> None:
    """Do something with the local model file; what goes wrong is one line and exit status 1."""

    async def run() -> None:
        service: Service = create_app(Settings()).state.service
        await service.engine.start()
        try:
            await work(service)
        finally:
            await service.engine.stop()

    try:
        asyncio.run(run())
    except ValidationError as error:
        print(setting_faults(error), file=sys.stderr)
    except (ModelRefusedError, MalformedListError, ServiceError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
    else:
        return
    raise typer.Exit(1)
