"""`python -m app.http.routes.document` prints the OpenAPI document, of default settings and model."""

from __future__ import annotations

import json

from app.completion.limits import Limits
from app.http.api import build_api
from app.http.routes import routes_of
from app.settings import Settings

SEQUENCE_LENGTH, VOCABULARY_SIZE = 512, 49_152
"""Of the default model."""


def openapi_text() -> str:
    """The document, as docs/openapi.json holds it."""
    settings = Settings.model_construct()
    limits = Limits.of(settings, sequence_length=SEQUENCE_LENGTH, vocabulary_size=VOCABULARY_SIZE)
    app = build_api(settings, limits, routes=routes_of(settings))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(openapi_text(), end="")
