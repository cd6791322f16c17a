"""What the HTTP side may ask of an engine; tests answer it with a fake."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from app.engine.messages import Finished, Generation, Prefilled, Stats, Tokens

State = Literal["loading", "ready", "dead"]


class Steps(Protocol):
    """One running generation: iterate for its tokens.

    Attributes:
        prefilled: Set with the first token, or at the end where there is none.
        finished: Set after the last token.
    """

    prefilled: Prefilled | None
    finished: Finished | None

    def __aiter__(self) -> Steps: ...

    async def __anext__(self) -> Tokens: ...


class Engine(Protocol):
    """Generates tokens for many callers at once."""

    @property
    def state(self) -> State:
        """`loading` until a real completion has run, `dead` while the process is gone and not yet back."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it cannot be used now, for operators; None where nothing is known to be wrong."""
        ...

    @property
    def restarts(self) -> int:
        """Processes that were started, or tried to be, after the first one had died."""
        ...

    @property
    def slots(self) -> int:
        """Sequences decoded at the same time."""
        ...

    @property
    def runtime(self) -> tuple[str, str]:
        """Name and version of the runtime that runs the model."""
        ...

    @property
    def pid(self) -> int | None:
        """Of the engine's process."""
        ...

    @property
    def stats(self) -> Stats:
        """The engine's latest counters."""
        ...

    async def start(self) -> None:
        """Spawn the process and wait until it is ready; where none can be spawned now, try again for ever.

        Raises:
            ModelRefusedError: The model cannot be run, in one line that says why.
        """
        ...

    async def stop(self) -> None:
        """End the process; generations that still run fail with EngineFailedError."""
        ...

    def generate(self, generation: Generation) -> AbstractAsyncContextManager[Steps]:
        """Submit on entering; leaving early cancels and frees the slot.

        Raises (on entering or while iterating):
            NotReadyError: The engine is loading or dead.
            EngineFailedError: This generation failed, or its process died.
        """
        ...
