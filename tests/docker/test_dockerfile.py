from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.settings import PREFIX, Settings
from tests.docker.files import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LAST_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def test_no_frontend_is_fetched() -> None:
    assert not re.search(r"^#\s*syntax\s*=", DOCKERFILE, re.MULTILINE)


def test_the_packages_are_the_locked_ones() -> None:
    assert re.findall(r"PIP_REQUIRE_HASHES=(\d)", DOCKERFILE) == ["1"]
    assert re.findall(r"--requirement (\S+)", DOCKERFILE) == [
        "locks/build.txt",
        "/build/serve.txt",
        "/build/requirements.txt",
    ]
    assert "COPY locks/serve.txt /build/" in DOCKERFILE
    assert "pip install" not in LAST_STAGE


def test_the_image_runs_as_a_numbered_user_and_ends_on_sigterm() -> None:
    assert "USER 10001:10001" in LAST_STAGE
    assert "STOPSIGNAL SIGTERM" in LAST_STAGE
    assert re.findall(r"^ *(?:CMD|ENTRYPOINT) (.*)", LAST_STAGE, re.MULTILINE) == [
        '["python", "-IS", "healthcheck.py"]',
        '["env", "--block-signal=HUP,INT,TERM", "python", "-m", "app"]',
    ]


def test_the_exposed_port_is_the_one_that_is_listened_on() -> None:
    assert re.findall(r"EXPOSE (\d+)", DOCKERFILE) == [str(Settings.model_fields["port"].default)]


@pytest.mark.parametrize(
    "file",
    [
        "Dockerfile",
        "docker-compose.yml",
        "docker/healthcheck.py",
        "docker/compose.replicas.yml",
        "docker/nginx/autocomplete.conf",
        "docker/nginx/one.conf",
        "docker/nginx/replicas.conf",
        "docker/systemd/autocomplete.service",
        "docs/deployment.md",
    ],
)
def test_every_setting_that_a_file_names_exists(file: str) -> None:
    published = {
        "AUTOCOMPLETE_IMAGE",
        "AUTOCOMPLETE_PUBLISH",
        "AUTOCOMPLETE_REPLICAS",
    }  # of the compose file, not of the service
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", (ROOT / file).read_text())) - published
    assert named
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """A server that answers GET /readyz with a status; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_request(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _health(port: int) -> int:
    command = [sys.executable, "-IS", str(ROOT / "docker/healthcheck.py")]
    return subprocess.run(command, env={"AUTOCOMPLETE_PORT": str(port)}, stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_the_health_check_says_what_readyz_says(status: int, expected: int) -> None:
    with _answering(status) as port:
        assert _health(port) == expected


def test_the_health_check_fails_where_nothing_listens() -> None:
    with _answering(200) as port:
        pass
    assert _health(port) == 1
