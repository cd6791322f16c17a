"""The OpenAPI document: committed, kept, and true.

TEST_EXAMPLES sets how many requests are made for each of the 16 routes, beside those that schemathesis always
makes; their numbers are printed at the end. TEST_URL is a running service to ask in place of one over the
scripted engine. `make test-contract` asks both at length.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.errors import STATUS
from app.guard.loader import load_guard
from app.guard.verdict import Thresholds
from app.http.routes.document import openapi_text
from app.main import create_app
from app.model.vocabulary import Vocabulary
from app.settings import Settings
from tests.fakes import ByteTokenizer, FakeEngine, infill_manifest

MEANINGS = (
    "content_filter",
    "longer than its window",
    "prompts times n",
    "characters are accepted together",
    "token ids are at most",
    "only the value of n",
    "which has no suffix",
    "no tokens for filling in",
    "not together with",
    "cannot be honoured",
    "should be a JSON schema",
    "json_schema is required",
)
"""Why a request may be refused whose form is that of the document."""

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "25"))
URL = os.environ.get("TEST_URL")
PATIENCE: dict[str, Any] = {"timeout": 90} if URL else {}
"""The service's own deadline comes first, also on a machine that does much else."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_documents_version_is_the_packages() -> None:
    project = tomllib.loads((DOCUMENT.parents[1] / "pyproject.toml").read_text())["project"]
    assert json.loads(openapi_text())["info"]["version"] == project["version"]


def load_schema() -> BaseSchema:
    """The document of a running service, or of one over the scripted engine."""
    if URL:
        return schemathesis.openapi.from_url(f"{URL}/openapi.json")
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
    app = create_app(
        Settings(),
        manifest=infill_manifest(),
        engine=FakeEngine(),
        open_tokenizer=ByteTokenizer,
        guard=lambda: guard,
        vocabulary=Vocabulary.of([*(bytes([number]) for number in range(256)), b""]),
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app)


asked: Counter[str] = Counter()
"""Requests by route, and answers by status."""


@pytest.fixture(scope="module", autouse=True)
def _counts() -> Iterator[None]:
    yield
    cases = sum(number for name, number in asked.items() if name.startswith("/"))
    print(f"\n{cases} cases: {', '.join(f'{name} {number}' for name, number in sorted(asked.items()))}")


# Loaded at collection: schemathesis' lazy fixtures do not work with pytest 9.
schema = load_schema()


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_what_the_document_promises_is_kept(case: schemathesis.Case[Any]) -> None:
    answer = case.call(**PATIENCE)
    asked.update((case.operation.path, str(answer.status_code)))
    excused: list[Any] = (
        [positive_data_acceptance] if any(meaning in answer.text for meaning in MEANINGS) else []
    )
    if answer.status_code == 413:
        excused.append(negative_data_rejection)
    if answer.status_code == 504:  # some ask for an answer within a millisecond
        excused.append(not_a_server_error)
    case.validate_response(answer, excluded_checks=excused)


def test_the_committed_document_is_the_services() -> None:
    anew = "write it anew: python -m app.http.routes.document > docs/openapi.json"
    assert DOCUMENT.read_text() == openapi_text(), anew


def test_every_documented_status_is_of_the_table() -> None:
    for path in json.loads(openapi_text())["paths"].values():
        for operation in path.values():
            assert {int(status) for status in operation["responses"]} <= {200, *STATUS.values()}


def test_every_route_but_the_probes_may_need_a_key() -> None:
    document = json.loads(openapi_text())
    assert document["security"] == [{}, {"key": []}]
    open_routes = {
        path for path, item in document["paths"].items() if any("security" in o for o in item.values())
    }
    assert open_routes == {"/livez", "/readyz", "/health"}


def test_every_error_has_an_example() -> None:
    for path in json.loads(openapi_text())["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status != "200":
                    examples = response["content"]["application/json"]["examples"]
                    assert examples != {}
                    assert all(each["value"]["error"]["code"] == code for code, each in examples.items())
