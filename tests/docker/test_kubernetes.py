from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest

from app.main import create_app
from app.settings import PREFIX, Settings
from tests.docker.files import ROOT, board_queries, compose_services, read_yaml, used_series
from tests.fakes import ByteTokenizer, FakeEngine, tiny_manifest

FOLDER = "docker/kubernetes"
SCHEMA = "1.37"
BUILT_IN = ("autoscaling/", "apps/", "policy/", "networking.k8s.io/", "v1")
CUSTOM = ("kustomize.config.k8s.io/v1beta1", "monitoring.coreos.com/v1")
MANIFESTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / FOLDER).rglob("*.yaml")
    if path.name not in ("kustomization.yaml", "prometheus-adapter.yaml")
)
WHOLE = [path for path in MANIFESTS if "model-volume" not in path]  # that folder's is a patch of another

DEPLOYMENT = read_yaml(f"{FOLDER}/base/deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SERVICE = read_yaml(f"{FOLDER}/base/service.yaml")
AUTOSCALER = read_yaml(f"{FOLDER}/autoscaled/horizontal-pod-autoscaler.yaml")
MONITOR = read_yaml(f"{FOLDER}/autoscaled/service-monitor.yaml")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = {"Mi": 2**20, "Gi": 2**30}

PRIVATE_BYTES = 400e6
"""Of the service's processes where eight slots have been full (`python -m bench.memory`)."""

PACKED_BYTES = 137e6
"""Of weights packed for a processor, which are in memory like the rest."""


def written_settings() -> dict[str, str]:
    lines = (ROOT / FOLDER / "base/settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def settings() -> Settings:
    return Settings.model_validate(
        {name.removeprefix(PREFIX).lower(): value for name, value in written_settings().items()}
    )


def size(quantity: str) -> float:
    return float(quantity[:-2]) * UNITS[quantity[-2:]]


@pytest.mark.parametrize("path", WHOLE)
def test_every_manifest_fits_its_schema(path: str) -> None:
    manifest = read_yaml(path)
    if manifest["apiVersion"] in CUSTOM:
        return  # no schema of custom resources is at hand: the tests below read their fields
    assert manifest["apiVersion"].startswith(BUILT_IN)
    kubernetes_validate.validate(manifest, SCHEMA, strict=True)


def test_the_schemas_refuse_an_unknown_field() -> None:
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(DEPLOYMENT | {"spec": {"replica": 2}}, SCHEMA, strict=True)


def test_every_setting_exists_and_has_a_value_that_it_may_have() -> None:
    assert {name.removeprefix(PREFIX).lower() for name in written_settings()} <= set(Settings.model_fields)
    assert settings().metrics == "open"


def test_the_port_is_the_one_that_is_listened_on() -> None:
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": Settings.model_fields["port"].default}]
    assert re.findall(r"EXPOSE (\d+)", DOCKERFILE) == [str(CONTAINER["ports"][0]["containerPort"])]
    assert PREFIX + "PORT" not in written_settings()


def test_service_network_policy_and_monitor_name_the_port_of_the_container() -> None:
    policy = read_yaml(f"{FOLDER}/base/network-policy.yaml")["spec"]
    assert [port["targetPort"] for port in SERVICE["spec"]["ports"]] == ["http"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["http"]
    assert [end["port"] for end in MONITOR["spec"]["endpoints"]] == [SERVICE["spec"]["ports"][0]["name"]]
    assert policy["egress"] == []


def test_probes_and_monitor_ask_paths_that_the_service_answers_without_a_key() -> None:
    asked = {
        CONTAINER["livenessProbe"]["httpGet"]["path"]: "livez",
        CONTAINER["readinessProbe"]["httpGet"]["path"]: "readyz",
        CONTAINER["startupProbe"]["httpGet"]["path"]: "readyz",
        MONITOR["spec"]["endpoints"][0]["path"]: "metrics",
    }
    app = create_app(settings(), manifest=tiny_manifest(), engine=FakeEngine(), open_tokenizer=ByteTokenizer)
    routes = {
        path: operation["get"]["operationId"]
        for path, operation in app.openapi()["paths"].items()
        if "get" in operation
    }
    assert {path: routes[path].split("_")[0] for path in asked} == asked
    assert set(asked) == {"/livez", "/readyz", "/metrics"}
    assert [
        CONTAINER[f"{name}Probe"]["httpGet"]["port"] for name in ("liveness", "readiness", "startup")
    ] == ["http"] * 3


def test_service_links_do_not_read_as_settings() -> None:
    assert POD["enableServiceLinks"] is False


def test_a_stop_leaves_time_to_drain() -> None:
    drain = settings().pre_stop_seconds + settings().grace_seconds
    assert settings().pre_stop_seconds >= 2 * CONTAINER["readinessProbe"]["periodSeconds"]
    assert POD["terminationGracePeriodSeconds"] >= drain + 10


def test_the_user_is_the_images_and_may_do_nothing() -> None:
    pod, container = POD["securityContext"], CONTAINER["securityContext"]
    assert f"USER {pod['runAsUser']}:{pod['runAsGroup']}\n" in DOCKERFILE
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False


def test_the_writable_folder_is_the_one_of_the_packed_weights() -> None:
    assert re.findall(r"AUTOCOMPLETE_WEIGHT_CACHE=(\S+)", DOCKERFILE) == ["/tmp"]
    assert CONTAINER["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    (volume,) = POD["volumes"]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert compose_services()["autocomplete"]["tmpfs"] == ["/tmp:size=256m,mode=1777"]
    assert size(volume["emptyDir"]["sizeLimit"]) == 256 * 2**20


def test_resources_follow_what_was_measured() -> None:
    requests, limits = CONTAINER["resources"]["requests"], CONTAINER["resources"]["limits"]
    assert PRIVATE_BYTES + PACKED_BYTES <= size(requests["memory"]) <= size(limits["memory"])
    assert size(limits["memory"]) == 2**30
    assert compose_services()["autocomplete"]["mem_limit"] == "1g"
    assert int(requests["cpu"]) == settings().threads
    assert int(limits["cpu"]) == settings().threads + 1
    assert settings().engine_slots == 8


def test_selectors_find_the_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    budget = read_yaml(f"{FOLDER}/base/pod-disruption-budget.yaml")["spec"]
    policy = read_yaml(f"{FOLDER}/base/network-policy.yaml")["spec"]
    selectors: list[dict[str, Any]] = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        SERVICE["spec"]["selector"],
        budget["selector"]["matchLabels"],
        policy["podSelector"]["matchLabels"],
        *[spread["labelSelector"]["matchLabels"] for spread in POD["topologySpreadConstraints"]],
    ]
    assert selectors == [labels] * 6
    assert MONITOR["spec"]["selector"]["matchLabels"] == SERVICE["metadata"]["labels"]


def test_the_autoscaler_asks_for_series_that_the_adapter_offers_and_the_service_has() -> None:
    metrics = {metric["pods"]["metric"]["name"] for metric in AUTOSCALER["spec"]["metrics"]}
    (rule,) = read_yaml(f"{FOLDER}/autoscaled/prometheus-adapter.yaml")["rules"]["custom"]
    shown = set().union(*(used_series(query) for query in board_queries().values()))
    assert metrics == used_series(rule["seriesQuery"])
    assert metrics <= shown
    target = AUTOSCALER["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (DEPLOYMENT["kind"], DEPLOYMENT["metadata"]["name"])
    assert AUTOSCALER["spec"]["minReplicas"] == DEPLOYMENT["spec"]["replicas"]


def test_the_volumes_model_is_where_the_setting_says() -> None:
    patch = read_yaml(f"{FOLDER}/model-volume/deployment.yaml")["spec"]["template"]["spec"]
    (mount,) = patch["containers"][0]["volumeMounts"]
    (generated,) = read_yaml(f"{FOLDER}/model-volume/kustomization.yaml")["configMapGenerator"]
    assert generated["literals"] == [f"{PREFIX}MODEL={mount['mountPath']}/autocomplete.tflite"]
    assert mount["readOnly"] is True
