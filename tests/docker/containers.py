"""The image and containers of it, by the docker command line."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.docker.files import compose_services
from tests.docker.traffic import answers, free_port, wait_until

IMAGE = "autocomplete:local"


def docker(*arguments: str) -> str:
    """Run it; what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    (found,) = json.loads(docker("inspect", name))
    return dict(found)


@dataclass(frozen=True)
class Container:
    """A container that listens on this machine's loopback address."""

    name: str
    url: str
    ready_seconds: float

    def python(self, code: str) -> Any:
        """What code prints as JSON, run beside the service."""
        return json.loads(docker("exec", self.name, "python", "-c", code))


@contextmanager
def running() -> Iterator[Container]:
    """A container as the compose file hardens it, ready; on the host's network: no bridge is needed."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = ["--env", "AUTOCOMPLETE_HOST=127.0.0.1", "--env", f"AUTOCOMPLETE_PORT={port}"]
    name = docker("run", "--detach", "--network", "host", *environment, *_hardening(), IMAGE)
    try:
        wait_until(lambda: answers(f"{url}/readyz"), 30)
        started = datetime.fromisoformat(inspect(name)["State"]["StartedAt"])
        yield Container(name, url, time.time() - started.timestamp())
    finally:
        docker("rm", "--force", name)


def _hardening() -> list[str]:
    service = compose_services()["autocomplete"]
    assert service["read_only"]
    return [
        "--read-only",
        *(f"--tmpfs={mount}" for mount in service["tmpfs"]),
        *(f"--cap-drop={capability}" for capability in service["cap_drop"]),
        *(f"--security-opt={option}" for option in service["security_opt"]),
        f"--pids-limit={service['pids_limit']}",
        f"--memory={service['mem_limit']}",
        f"--memory-swap={service['memswap_limit']}",
        f"--ipc={service['ipc']}",
    ]


def image_files() -> list[tarfile.TarInfo]:
    """Every file of the image."""
    name = docker("create", IMAGE)
    try:
        with (
            subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            return list(archive)
    finally:
        docker("rm", name)
