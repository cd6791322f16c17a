"""Chat templates, compiled as transformers compiles them: the environment that their authors write for."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import ModelRefusedError


def compile_template(source: str) -> Template:
    """Parse a template.

    Raises:
        ModelRefusedError: It is no Jinja, or uses a tag, filter or test that nobody knows.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ModelRefusedError(f"the chat template, line {error.lineno}: {error.message}") from None
    except (RecursionError, SyntaxError):
        raise ModelRefusedError("the chat template is nested too deeply") from None


def default_template(found: Any) -> str | None:
    """The template of a settings file, which holds one, or several that have names: then the default one."""
    if isinstance(found, list):
        named = [each for each in found if isinstance(each, dict)]
        found = {each.get("name"): each.get("template") for each in named}
    if isinstance(found, dict):
        found = found.get("default")
    return found if isinstance(found, str) else None


def named_tokens(
    special_tokens: Mapping[str, int], start_id: int | None, end_ids: Collection[int]
) -> dict[str, str]:
    """The texts that `bos_token` and `eos_token` stand for, where no file says so."""
    start = [text for text, number in special_tokens.items() if number == start_id]
    ends = [text for text, number in special_tokens.items() if number in end_ids]
    found = {"bos_token": start, "eos_token": ends}
    return {name: texts[0] for name, texts in found.items() if texts}


class Generation(Extension):
    """The tag `{% generation %}`, which marks what the assistant said: its content is rendered as it is."""

    tags = {"generation"}  # noqa: RUF012  # as the base class has it

    def parse(self, parser: Parser) -> nodes.Node:
        """What stands before `{% endgeneration %}`: a block, whose variables nobody outside sees."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_content"), [], [], body).set_lineno(line)

    def _content(self, caller: Callable[[], str]) -> str:
        return caller()


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it is; Jinja's own filter escapes it for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _now(pattern: str) -> str:
    """The local time, as `strftime` writes it."""
    return datetime.now().astimezone().strftime(pattern)


def _refuse(message: Any) -> NoReturn:
    raise TemplateError
