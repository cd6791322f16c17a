"""What kubectl makes of the manifests, against the schemas of Kubernetes. Nothing is sent to a cluster."""

from __future__ import annotations

import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.docker.files import ROOT
from tests.docker.test_kubernetes import CUSTOM, FOLDER, SCHEMA, settings

BASE = ["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"]
AUTOSCALED = [*BASE, "HorizontalPodAutoscaler", "ServiceMonitor"]


def rendered(overlay: str) -> dict[str, Any]:
    """The manifests of a folder by kind."""
    command = ["kubectl", "kustomize", str(ROOT / FOLDER / overlay)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize(
    ("overlay", "kinds"), [("base", BASE), ("autoscaled", AUTOSCALED), ("model-volume", AUTOSCALED)]
)
def test_every_rendered_manifest_fits_its_schema(overlay: str, kinds: list[str]) -> None:
    manifests = rendered(overlay)
    assert sorted(manifests) == sorted(kinds)
    for manifest in manifests.values():
        if manifest["apiVersion"] not in CUSTOM:
            kubernetes_validate.validate(manifest, SCHEMA, strict=True)


def test_the_container_reads_the_generated_settings_and_runs_a_tagged_image() -> None:
    manifests = rendered("base")
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    name = manifests["ConfigMap"]["metadata"]["name"]
    assert name.startswith("autocomplete-")
    assert container["envFrom"] == [{"configMapRef": {"name": name}}]
    assert container["image"] == "autocomplete:local"
    assert manifests["ConfigMap"]["data"]["AUTOCOMPLETE_THREADS"] == str(settings().threads)


def test_the_autoscaler_alone_says_how_many_replicas_there_are() -> None:
    assert rendered("base")["Deployment"]["spec"]["replicas"] == 2
    assert "replicas" not in rendered("autoscaled")["Deployment"]["spec"]


def test_a_model_of_ones_own_is_mounted_read_only_beside_the_writable_folder() -> None:
    manifests = rendered("model-volume")
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts == {"/model": True, "/tmp": False}
    assert {volume["name"] for volume in pod["volumes"]} == {"model", "tmp"}
    assert manifests["ConfigMap"]["data"]["AUTOCOMPLETE_MODEL"] == "/model/autocomplete.tflite"
