"""What a text must keep to: OpenAI's field, vLLM's and llama.cpp's, of which a request has one at most."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from app.completion.constraint import LONGEST, Constraint, Kind
from app.errors import InvalidRequestError
from app.http.schemas.fields import FIRST, Body, NonEmpty

MOST_CHOICES = 1000

ANY_OBJECT = {"type": "object"}


def _schema(value: Any) -> dict[str, Any]:
    """A JSON schema that is given as an object, or as the text of one.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise ValueError("should be a JSON schema: an object, or the text of one")
    return value


Schema = Annotated[
    Any, AfterValidator(_schema), WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}]})
]
Choices = Annotated[list[NonEmpty], FIRST, Field(min_length=1, max_length=MOST_CHOICES)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class NamedSchema(Body):
    """A JSON schema as OpenAI's clients send it."""

    schema_: Schema = Field(alias="schema")
    name: str | None = Field(default=None, description="Without effect")
    description: str | None = Field(default=None, description="Without effect")
    strict: bool | None = Field(default=None, description="Without effect: every schema is kept to")


class ResponseFormat(Body):
    """The form of a text: any, a JSON object, or what a JSON schema describes."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None
    schema_: Schema | None = Field(
        default=None, alias="schema", description="Of `json_object`, as llama.cpp has it"
    )


def _formed(value: ResponseFormat | None) -> ResponseFormat | None:
    """Nothing, where any text will do.

    Raises:
        ValueError: The schema is missing.
    """
    if value is None or value.type == "text":
        return None
    if value.type == "json_schema" and value.json_schema is None:
        raise ValueError("json_schema is required with this type")
    return value


class StructuredOutputs(Body):
    """Constraints as newer versions of vLLM have them."""

    json_: Schema | None = Field(default=None, alias="json")
    json_object: bool | None = None
    regex: Text | None = None
    choice: Choices | None = None
    grammar: Text | None = None

    @property
    def constraints(self) -> list[tuple[Kind, Any]]:
        """Kind and value of each, None where it is not given."""
        any_object = ANY_OBJECT if self.json_object else None
        return [
            ("json_schema", self.json_),
            ("json_schema", any_object),
            ("regex", self.regex),
            ("choice", self.choice),
            ("grammar", self.grammar),
        ]


class ConstrainedRequest(Body):
    """The fields that constrain a text."""

    response_format: Annotated[ResponseFormat | None, AfterValidator(_formed)] = Field(
        default=None, description="The text is JSON, or JSON that a schema describes (OpenAI)"
    )
    guided_json: Schema | None = Field(default=None, description="A JSON schema (vLLM)")
    guided_regex: Text | None = Field(default=None, description="A regular expression of the text (vLLM)")
    guided_choice: Choices | None = Field(default=None, description="The texts to choose from (vLLM)")
    guided_grammar: Text | None = Field(
        default=None, description="A grammar in llguidance's variant of Lark, or in GBNF (vLLM)"
    )
    structured_outputs: StructuredOutputs | None = Field(
        default=None, description="The newer name of the four before (vLLM)"
    )
    json_schema: Schema | None = Field(default=None, description="A JSON schema (llama.cpp)")
    grammar: Text | None = Field(
        default=None, description="A grammar in GBNF, or in llguidance's variant of Lark (llama.cpp)"
    )

    @property
    def constraint(self) -> Constraint | None:
        """What the text must keep to.

        Raises:
            InvalidRequestError: Several fields say it.
        """
        found = [Constraint(kind, text, field) for kind, text, field in self._constraints()]
        if len(found) > 1:
            raise InvalidRequestError(found[1].field, f"not together with {found[0].field}")
        return found[0] if found else None

    def _constraints(self) -> list[tuple[Kind, str, str]]:
        """Kind, text and field of each that is given."""
        found: list[tuple[Kind, Any, str]] = [
            ("json_schema", self.guided_json, "guided_json"),
            ("regex", self.guided_regex, "guided_regex"),
            ("choice", self.guided_choice, "guided_choice"),
            ("grammar", self.guided_grammar, "guided_grammar"),
            ("json_schema", self.json_schema, "json_schema"),
            ("grammar", self.grammar, "grammar"),
        ]
        if (form := self.response_format) is not None:
            schema = form.json_schema.schema_ if form.json_schema is not None else form.schema_
            found.append(("json_schema", schema or ANY_OBJECT, "response_format"))
        if (outputs := self.structured_outputs) is not None:
            found += [(kind, value, "structured_outputs") for kind, value in outputs.constraints]
        return [
            (kind, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), field)
            for kind, value, field in found
            if value is not None
        ]
