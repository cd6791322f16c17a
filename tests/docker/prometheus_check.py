"""Debian's Prometheus around the real service: `make deployment-test`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.docker.files import ROOT, alert_queries, board_queries, rules
from tests.docker.traffic import (
    answers,
    free_port,
    print_answers,
    program,
    send_traffic,
    wait_for_data,
    wait_until,
)

RULES = ROOT / "docker/prometheus"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("service") / "log"
    with program([sys.executable, "-m", "app"], log, **os.environ, AUTOCOMPLETE_PORT=str(port)):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def prometheus(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shipped configuration; only addresses and the pace differ."""
    folder = tmp_path_factory.mktemp("prometheus")
    address = f"127.0.0.1:{free_port()}"
    config = (RULES / "prometheus.yml").read_text()
    for shipped, here in [
        ("autocomplete:8000", service.removeprefix("http://")),
        ("127.0.0.1:9090", address),
        ("_interval: 5s", "_interval: 1s"),
    ]:
        assert shipped in config
        config = config.replace(shipped, here)
    (folder / "prometheus.yml").write_text(config)
    shutil.copy(RULES / "rules.yml", folder)
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with program([*command, f"--web.listen-address={address}"], folder / "log", **os.environ):
        wait_until(lambda: answers(f"http://{address}/-/ready"), 30)
        wait_for_data(f"http://{address}", "autocomplete_ready == 1")
        send_traffic(service, f"http://{address}")
        yield f"http://{address}"


@pytest.mark.parametrize("command", [["check", "config"], ["test", "rules"]], ids=" ".join)
def test_promtool_accepts(command: list[str]) -> None:
    file = RULES / ("rules_test.yml" if "test" in command else "prometheus.yml")
    done = subprocess.run(["promtool", *command, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", board_queries())
def test_the_board_shows_data(prometheus: str, name: str) -> None:
    wait_for_data(prometheus, board_queries()[name])


@pytest.mark.parametrize("name", alert_queries())
def test_the_alert_has_something_to_compare(prometheus: str, name: str) -> None:
    wait_for_data(prometheus, alert_queries()[name])


def test_every_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert health == {rule.get("alert") or rule["record"]: "ok" for rule in rules()}


def test_the_answers_as_a_table(prometheus: str) -> None:
    print_answers(prometheus, board_queries() | alert_queries())
