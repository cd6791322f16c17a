from __future__ import annotations

from typing import Any

import pytest

from app.settings import Settings
from tests.docker.files import ROOT, board, compose_services, read_yaml, replicas_overlay

SERVICES = compose_services()
OVERLAY = replicas_overlay()
ALL = SERVICES | {"nginx": OVERLAY["nginx"]}
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


def test_compose_1_can_read_the_file_too() -> None:
    assert "name" not in read_yaml("docker-compose.yml")


@pytest.mark.parametrize("service", ALL.values(), ids=ALL)
def test_every_service_is_hardened(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] == 128
    assert service["mem_limit"] in ("512m", "1g")
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", ALL.values(), ids=ALL)
def test_ports_are_published_on_this_machine_alone(service: dict[str, Any]) -> None:
    assert [port.startswith("127.0.0.1:${") for port in service["ports"]] == [True]


def test_the_published_port_is_the_one_that_is_listened_on() -> None:
    assert SERVICES["autocomplete"]["ports"] == [
        f"127.0.0.1:${{AUTOCOMPLETE_PUBLISH:-8000}}:{DEFAULTS['port']}"
    ]


def test_every_setting_is_passed_on_and_the_container_listens_where_its_port_is_published() -> None:
    environment = SERVICES["autocomplete"]["environment"]
    assert environment.keys() == {f"AUTOCOMPLETE_{name.upper()}" for name in DEFAULTS}
    given = {name: value for name, value in environment.items() if value is not None}
    assert given == {
        "AUTOCOMPLETE_HOST": "0.0.0.0",
        "AUTOCOMPLETE_PORT": DEFAULTS["port"],
        "AUTOCOMPLETE_ALLOWED_HOSTS": "${AUTOCOMPLETE_ALLOWED_HOSTS:-localhost}",
        "AUTOCOMPLETE_METRICS": "${AUTOCOMPLETE_METRICS:-open}",
    }


def test_nginx_says_a_name_that_the_service_takes_for_its_own() -> None:
    config = (ROOT / "docker/nginx/autocomplete.conf").read_text()
    assert "proxy_pass http://autocomplete;" in config  # which is the Host that it sends
    assert "proxy_set_header Host" not in config


def test_a_stop_leaves_time_to_drain() -> None:
    drain = DEFAULTS["pre_stop_seconds"] + DEFAULTS["grace_seconds"]
    unit = (ROOT / "docker/systemd/autocomplete.service").read_text()
    assert SERVICES["autocomplete"]["stop_grace_period"] == "45s"
    assert "TimeoutStopSec=45\n" in unit
    assert drain + 10 <= 45


def test_prometheus_asks_the_service_by_its_name_and_port() -> None:
    config = read_yaml("docker/prometheus/prometheus.yml")
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets["autocomplete"] == [f"autocomplete:{DEFAULTS['port']}"]
    assert config["rule_files"] == ["rules.yml"]
    assert SERVICES["autocomplete"]["environment"]["AUTOCOMPLETE_METRICS"] == "${AUTOCOMPLETE_METRICS:-open}"


def test_grafana_asks_prometheus_by_its_name_and_port() -> None:
    (source,) = read_yaml("docker/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:${PROMETHEUS_PUBLISH:-9090}:9090"]
    assert {panel["datasource"]["uid"] for panel in board()["panels"]} == {source["uid"]}


def test_grafana_finds_the_board_where_it_is_mounted() -> None:
    (provider,) = read_yaml("docker/grafana/provisioning/dashboards/boards.yml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./docker/grafana/boards"] == provider["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/autocomplete.json"


def test_every_mounted_path_exists() -> None:
    sources = {mount.split(":")[0] for service in ALL.values() for mount in service.get("volumes", ())}
    volumes = set(read_yaml("docker-compose.yml")["volumes"])
    assert {path for path in sources - volumes if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize(("upstream", "host"), [("one.conf", "127.0.0.1"), ("replicas.conf", "autocomplete")])
def test_nginx_gives_up_after_the_service_and_before_its_idle_connections_end(
    upstream: str, host: str
) -> None:
    nginx = ROOT / "docker/nginx"
    config = (nginx / "autocomplete.conf").read_text() + (nginx / upstream).read_text()
    assert f"server {host}:{DEFAULTS['port']};" in config
    assert "proxy_read_timeout 75s;" in config
    assert DEFAULTS["request_timeout_seconds"] < 75
    assert "  keepalive_timeout 4s;" in config
    assert DEFAULTS["keep_alive_seconds"] > 4
    assert "client_max_body_size 1m;" in config
    assert DEFAULTS["max_body_bytes"] < 2**20


def test_replicas_are_reached_through_nginx_alone() -> None:
    assert OVERLAY["autocomplete"]["ports"] == []
    assert OVERLAY["nginx"]["ports"] == ["127.0.0.1:${AUTOCOMPLETE_PUBLISH:-8000}:80"]
    assert "listen 80;" in (ROOT / "docker/nginx/autocomplete.conf").read_text()
    mounted = {mount.split(":")[0] for mount in OVERLAY["nginx"]["volumes"]}
    assert mounted == {"./docker/nginx/autocomplete.conf", "./docker/nginx/replicas.conf"}


def test_prometheus_asks_every_replica_and_is_the_same_otherwise() -> None:
    one, many = read_yaml("docker/prometheus/prometheus.yml"), read_yaml("docker/prometheus/replicas.yml")
    (found,) = many["scrape_configs"][0].pop("dns_sd_configs")
    (static,) = one["scrape_configs"][0].pop("static_configs")
    assert static["targets"] == [f"{found['names'][0]}:{found['port']}"]
    assert many == one
    commands = OVERLAY["prometheus"]["command"], SERVICES["prometheus"]["command"]
    assert [part.replace("replicas.yml", "prometheus.yml") for part in commands[0]] == commands[1]
