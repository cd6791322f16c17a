"""The files of the deployment, parsed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def compose_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = read_yaml("docker-compose.yml")["services"]
    return services


def replicas_overlay() -> dict[str, dict[str, Any]]:
    """Services of the overlay; what it resets is empty."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!reset", lambda *_: [])
    text = (ROOT / "docker/compose.replicas.yml").read_text()
    services: dict[str, dict[str, Any]] = yaml.load(text, Loader)["services"]
    return services


def board() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((ROOT / "docker/grafana/boards/autocomplete.json").read_text())
    return parsed


def board_queries() -> dict[str, str]:
    """Expressions by panel and legend, with a window that Grafana would fill in."""
    return {
        f"{panel['title']}: {target['legendFormat']}" if target["legendFormat"] else panel["title"]: target[
            "expr"
        ].replace("$__rate_interval", "5m")
        for panel in board()["panels"]
        for target in panel["targets"]
    }


def rules() -> list[dict[str, Any]]:
    return [rule for group in read_yaml("docker/prometheus/rules.yml")["groups"] for rule in group["rules"]]


def alert_queries() -> dict[str, str]:
    """What each alert compares with its limit."""
    return {
        rule["alert"]: re.split(r" (?:==|>) [\d.e]+$", rule["expr"])[0] for rule in rules() if "alert" in rule
    }


def used_series(expression: str) -> set[str]:
    """Names of the service's series in an expression."""
    return set(re.findall(r"\bautocomplete_\w+", expression))
