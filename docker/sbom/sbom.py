"""Prints the bill of materials of what is served, as CycloneDX JSON: packages, model, text operators, Debian.

Runs in an environment made from requirements.txt beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

Component = dict[str, Any]

LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT"}
"""SPDX names of the licences that checkpoints name in their own way."""


def main() -> None:
    """Print it, once it is valid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the server's environment")
    parser.add_argument("--project", type=Path, required=True, help="the service's pyproject.toml")
    parser.add_argument("--manifest", type=Path, required=True, help="the model's manifest")
    parser.add_argument("--debian", type=Path, help="dpkg's status file, where the whole system is shipped")
    given = parser.parse_args()
    bill = python_packages(given.python, given.project)
    bill["components"] += model(json.loads(given.manifest.read_bytes()))
    if given.debian:
        bill["components"] += debian_packages(given.debian.read_text())
    text = json.dumps(bill, indent=1)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"not valid CycloneDX: {fault}")
    print(text)


def python_packages(python: Path, project: Path) -> dict[str, Any]:
    """The bill of an environment, with the service as its subject."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--spec-version=1.6",
    ]
    done = subprocess.run(
        [*command, "--pyproject", project, python], check=True, capture_output=True, text=True
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def model(manifest: dict[str, Any]) -> Iterator[Component]:
    """The model file and the shared objects of its custom operators."""
    licence, source = manifest["licence"], manifest["source"]
    yield {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": manifest["id"],
        "description": f"{manifest['file']}, quantization {manifest['quantization']}, from {source}",
        "licenses": [
            {"license": {"id": LICENCES[licence]} if licence in LICENCES else {"name": licence}},
        ],
        "hashes": sha256(manifest["sha256"]),
    }
    for name, digest in manifest["text_ops"].items():
        if name.endswith(".so"):
            yield {
                "type": "library",
                "bom-ref": name,
                "name": name,
                "version": manifest["tools"]["tensorflow-text"],
                "description": "from the wheel tensorflow-text",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": sha256(digest),
                "purl": f"pkg:pypi/tensorflow-text@{manifest['tools']['tensorflow-text']}#{name}",
            }


def sha256(digest: str) -> list[dict[str, str]]:
    """A component's hashes."""
    return [{"alg": "SHA-256", "content": digest}]


def debian_packages(status: str) -> Iterator[Component]:
    """The installed packages of a Debian system, from the text of dpkg's status file."""
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " "
        )
        if fields.get("Status", "").endswith(" installed"):
            purl = "pkg:deb/debian/{Package}@{Version}?arch={Architecture}".format_map(fields)
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": fields["Package"],
                "version": fields["Version"],
                "purl": purl,
            }


if __name__ == "__main__":
    main()
