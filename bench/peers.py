"""Who is measured: ours, and the peers that are installed, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from bench.environments import IK, LLAMA, OPENVINO, ORT, OURS, Environment
from bench.gguf import downloaded, requantize
from bench.machine import Neighbours, Probe, Usage
from bench.work import Kind, Work

NAME = "ours"
ALONE = "ours without HTTP"
MUST = "llama.cpp Q8_0"
COMPILED = Path(sys.executable).with_name("llama-server")

ENGINE: tuple[Kind, ...] = ("prefill", "decode", "editor", "load", "resident", "private")
SCORED: tuple[Kind, ...] = (*ENGINE, "perplexity")
SERVER: tuple[Kind, ...] = ("closed", "streamed", "first")


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one peer.

    Attributes:
        usage: What others used of the machine meanwhile.
        slowed: Whether a fixed piece of work took too long just before.
    """

    figure: float
    usage: Usage
    slowed: bool

    @property
    def quiet(self) -> bool:
        """Whether nobody disturbed."""
        return self.usage.quiet and not self.slowed


class Child:
    """A peer in a process of its own, idle while another one works.

    Attributes:
        does: For each kind of work that it does, the name of its figure.
    """

    def __init__(self, does: dict[Kind, str], *arguments: str, python: Path = Path(sys.executable)) -> None:
        command = [str(python), "-m", "bench.child", *arguments]
        self.does = does
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def cell(self, work: Work, probe: Probe) -> Cell:
        """Do a work once, and see who disturbed."""
        slowed, neighbours = probe.disturbed(), Neighbours()
        figure = self.run(work)
        return Cell(figure, neighbours.usage(), slowed)

    def run(self, work: Work) -> float:
        """The figure of one run."""
        self._pipe(self._process.stdin).write(f"{work.kind} {work.size}\n")
        self._pipe(self._process.stdin).flush()
        answer = self._pipe(self._process.stdout).readline()
        if not answer:
            raise RuntimeError(f"{self.does[work.kind]} ended while it did {work.name}")
        return float(answer)

    def end(self) -> None:
        """Close the pipe, which ends it."""
        self._pipe(self._process.stdin).close()
        self._process.wait(60)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@dataclass(frozen=True, slots=True)
class Peer:
    """Another engine on the same weights.

    Attributes:
        kind: Of `bench.child`.
        weights: Finds or makes its file, given our model file.
        does: What it can do.
        served: Of `bench.child`: its server, where it has one that is measured.
    """

    name: str
    environment: Environment
    kind: str
    weights: Callable[[Path], Path]
    does: tuple[Kind, ...] = SCORED
    served: str | None = None

    def missing(self, model: Path) -> str | None:
        """Why it cannot be measured, or nothing."""
        if not (self.environment is OURS or self.environment.ready):
            return f"make {self.environment.folder}/.ready"
        try:
            found = self.weights(model)
        except RuntimeError as error:
            return str(error)
        return None if found.exists() else f"make {found}"

    def children(self, model: Path, threads: int) -> list[Child]:
        """Its processes."""
        weights, count = str(self.weights(model)), str(threads)
        does, python = dict.fromkeys(self.does, self.name), self.environment.python
        found = [Child(does, self.kind, weights, count, python=python)]
        if self.served:
            found.append(Child(dict.fromkeys(SERVER, self.name), self.served, weights, count, str(COMPILED)))
        return found


def _gguf(kind: str | None) -> Callable[[Path], Path]:
    return lambda model: requantize(downloaded(model), kind) if kind else downloaded(model)


def _folder(name: str) -> Callable[[Path], Path]:
    return lambda model: model.parent / name


def _litertlm(model: Path) -> Path:
    folder = model.parent / "foreign"
    return next(iter(sorted(folder.glob("*.litertlm"))), folder / "SmolLM2-135M-Instruct.litertlm")


def _llama(name: str, kind: str | None) -> Peer:
    """Compiled for this processor where `make bench` has done so, else the package's."""
    if find_spec("llama_cpp") and COMPILED.exists():
        return Peer(name, OURS, "llama", _gguf(kind), served="llama-server")
    return Peer(name, LLAMA, "llama-wheel", _gguf(kind), served="llama-wheel-server")


def known() -> list[Peer]:
    """All peers, whether they are installed or not."""
    return [
        _llama(MUST, "Q8_0"),
        _llama("llama.cpp Q4_0", "Q4_0"),
        _llama("llama.cpp as downloaded", None),
        Peer("ik_llama.cpp Q8_0", IK, "ik", _gguf("Q8_0")),
        Peer("ik_llama.cpp Q4_0", IK, "ik", _gguf("Q4_0")),
        Peer("ONNX Runtime int8", ORT, "onnx-runtime", _folder("onnx-int8")),
        Peer("ONNX Runtime int4", ORT, "onnx-runtime", _folder("onnx-int4")),
        Peer("OpenVINO int8", OPENVINO, "openvino", _gguf("Q8_0")),
        Peer("ours, .litertlm", OURS, "plugged", _litertlm, ENGINE),
        Peer("LiteRT-LM", OURS, "litert-lm", _litertlm, ENGINE),
    ]


def ours(model: Path, threads: int) -> list[Child]:
    """Our engine alone, and behind its server."""
    alone = dict.fromkeys(SCORED, NAME) | dict.fromkeys(SERVER, ALONE)
    return [
        Child(alone, "engine", str(model), str(threads)),
        Child(dict.fromkeys(SERVER, NAME), "server", str(model), str(threads)),
    ]


def chosen(model: Path, wanted: Sequence[str]) -> Iterator[tuple[Peer, str | None]]:
    """The peers that are asked for, all where none is named, each with why it is left out."""
    for peer in known():
        if not wanted or peer.name in wanted:
            yield peer, peer.missing(model)
