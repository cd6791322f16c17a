"""The compose file, up: the image, Prometheus, and Grafana where it can be pulled: `make compose-test`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.docker.containers import docker, inspect
from tests.docker.files import ROOT, alert_queries, board, board_queries, compose_services
from tests.docker.traffic import answers, free_port, print_answers, send_traffic, wait_for_data, wait_until

PROJECT = "autocomplete-check"


@dataclass(frozen=True)
class Stack:
    """Addresses of what is up, by service."""

    urls: dict[str, str]

    @property
    def prometheus(self) -> str:
        return self.urls["prometheus"]

    def compose(self, *arguments: str) -> str:
        return docker(
            "compose", "--project-name", PROJECT, "--file", str(ROOT / "docker-compose.yml"), *arguments
        )


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    images = _images()
    ports = {name: free_port() for name in images}
    with pytest.MonkeyPatch.context() as environment:
        for name, image in images.items():
            environment.setenv(f"{name.upper()}_IMAGE", image)
            environment.setenv(f"{name.upper()}_PUBLISH", str(ports[name]))
        stack = Stack({name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        try:
            stack.compose("up", "--detach", "--no-build", *images)
            wait_until(lambda: answers(f"{stack.urls['autocomplete']}/readyz"), 60)
            wait_until(lambda: answers(f"{stack.prometheus}/-/ready"), 60)
            wait_for_data(stack.prometheus, "autocomplete_ready == 1")
            send_traffic(stack.urls["autocomplete"], stack.prometheus)
            yield stack
        finally:
            stack.compose("down", "--volumes")


def _images() -> dict[str, str]:
    """What to run of each service: Prometheus' stand-in where need be; Grafana has none."""
    images = {"autocomplete": "autocomplete:local"}
    published = {
        name: re.sub(r".*:-(.*)}", r"\1", service["image"]) for name, service in compose_services().items()
    }
    base = [str(ROOT / "docker/base.sh"), "prometheus", published["prometheus"]]
    images["prometheus"] = subprocess.run(base, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    pull = ["docker", "pull", "--quiet", published["grafana"]]
    if subprocess.run(pull, capture_output=True, timeout=600).returncode == 0:
        images["grafana"] = published["grafana"]
    else:
        print(f"{published['grafana']} cannot be pulled, and Debian has no Grafana: it is not started")
    return images


def test_compose_accepts_the_file(stack: Stack) -> None:
    assert sorted(stack.compose("config", "--services").split()) == sorted(compose_services())


def test_every_container_is_hardened_and_published_here_alone(stack: Stack) -> None:
    for container in stack.compose("ps", "--quiet").split():
        limits = inspect(container)["HostConfig"]
        assert limits["ReadonlyRootfs"] is True
        assert limits["CapDrop"] == ["ALL"]
        assert limits["SecurityOpt"] == ["no-new-privileges:true"]
        assert limits["PidsLimit"] == 128
        assert limits["Memory"] in (2**29, 2**30)
        assert [binding["HostIp"] for port in limits["PortBindings"].values() for binding in port] == [
            "127.0.0.1"
        ]


def test_prometheus_answers_what_board_and_alerts_ask(stack: Stack) -> None:
    queries = board_queries() | alert_queries()
    for expression in queries.values():
        wait_for_data(stack.prometheus, expression)
    print_answers(stack.prometheus, queries)


def test_grafana_shows_the_board_where_it_runs(stack: Stack) -> None:
    if "grafana" in stack.urls:
        url = stack.urls["grafana"]
        wait_until(lambda: answers(f"{url}/api/health"), 60)
        shown = httpx.get(f"{url}/api/dashboards/uid/autocomplete").json()["dashboard"]
        assert [panel["title"] for panel in shown["panels"]] == [
            panel["title"] for panel in board()["panels"]
        ]
        assert httpx.get(f"{url}/api/datasources/uid/prometheus/health").json()["status"] == "OK"


def test_a_stopped_service_raises_the_alarm_and_comes_back(stack: Stack) -> None:
    (container,) = stack.compose("ps", "--quiet", "autocomplete").split()
    stack.compose("stop", "autocomplete")
    assert inspect(container)["State"]["ExitCode"] == 0
    wait_for_data(stack.prometheus, 'ALERTS{alertname="AutocompleteDown", alertstate="pending"}')
    stack.compose("start", "autocomplete")
    wait_for_data(stack.prometheus, 'up{job="autocomplete"} == 1 and autocomplete_ready == 1')
