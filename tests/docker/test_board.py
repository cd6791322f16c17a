from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import Metrics
from tests.docker.files import alert_queries, board, board_queries, read_yaml, rules, used_series


def test_grafana_knows_every_field_of_the_board() -> None:
    register_default_plugins()
    ours = board()
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    assert list(_unknown(ours, known)) == []


def _unknown(ours: object, known: object, path: str = "") -> Iterator[str]:
    """Paths of what is lost when Grafana's own model of a board reads it and writes it again."""
    if isinstance(ours, dict) and isinstance(known, dict):
        for name, value in ours.items():
            yield from _unknown(value, known.get(name), f"{path}/{name}")
    elif isinstance(ours, list) and isinstance(known, list) and len(ours) == len(known):
        for number, pair in enumerate(zip(ours, known, strict=True)):
            yield from _unknown(*pair, f"{path}/{number}")
    elif ours != known:
        yield path


def test_panels_fill_the_grid_without_overlap() -> None:
    places = [panel["gridPos"] for panel in board()["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert sum(place["w"] * place["h"] for place in places) == 24 * 28
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_panels_have_numbers_of_their_own() -> None:
    numbers = [panel["id"] for panel in board()["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_board_shows_what_an_operator_asks_for() -> None:
    titles = {panel["title"] for panel in board()["panels"]}
    assert titles >= {"Requests", "Errors", "Queue", "Time to first token", "Tokens", "Guard", "Memory"}
    shares = [name for name in board_queries() if name.startswith("Time to first token")]
    assert shares == ["Time to first token: p50", "Time to first token: p95", "Time to first token: p99"]


def test_every_series_of_board_and_rules_is_one_of_the_service() -> None:
    expressions = [*board_queries().values(), *(rule["expr"] for rule in rules())]
    tested = [
        series["series"]
        for case in read_yaml("docker/prometheus/rules_test.yml")["tests"]
        for series in case["input_series"]
    ]
    used = set().union(*map(used_series, [*expressions, *tested]))
    assert used - _exported() == set()


def _exported() -> set[str]:
    """Names under which Prometheus stores the service's series."""
    names = set()
    for family in text_string_to_metric_families(Metrics().render().decode()):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + suffix for suffix in suffixes}
    return names


def test_recorded_series_that_are_used_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    expressions = [*board_queries().values(), *alert_queries().values()]
    used = {word for text in expressions for word in text.replace("(", " ").replace(")", " ").split()}
    assert {word for word in used if word.startswith("autocomplete:")} <= recorded
    assert recorded <= used


def test_every_alert_has_a_severity_a_summary_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert {alert["labels"]["severity"] for alert in alerts} == {"critical", "warning"}
    assert [set(alert["annotations"]) for alert in alerts] == [{"summary", "action"}] * len(alerts)


def test_every_alert_is_tested_silent_and_firing() -> None:
    tested: dict[bool, set[str]] = {True: set(), False: set()}
    for case in read_yaml("docker/prometheus/rules_test.yml")["tests"]:
        for expected in case["alert_rule_test"]:
            tested[bool(expected["exp_alerts"])].add(expected["alertname"])
    assert tested == {True: set(alert_queries()), False: set(alert_queries())}
