"""Chat templates as transformers renders them: `python -m tests.families.templates [FOLDER]`.

Writes what transformers makes of the templates below (tests/app/model/data/templates.json). With a folder of
published templates (`*.jinja`), compares each instead, for several conversations, and prints what differs.
Needs an environment with transformers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "app" / "model" / "data" / "templates.json"

LOOP = "{% for m in messages %}"
TALK = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "a<b>&'é\""},
    {"role": "assistant", "content": "A"},
    {"role": "user", "content": "V"},
]
NAMED = {"bos_token": "<s>", "eos_token": "</s>"}

TEMPLATES: dict[str, tuple[str, dict[str, Any]]] = {
    "bos and eos": (f"{{{{ bos_token }}}}{LOOP}{{{{ m.content }}}}{{{{ eos_token }}}}{{% endfor %}}", NAMED),
    "no bos": ("{{ bos_token }}{{ 'none' if bos_token is not defined }}", {}),
    "undefined, added": ("{{ 'x' + bos_token }}", {}),
    "raised": ("{{ raise_exception('no') }}", {}),
    "generation": (
        f"{LOOP}{{% if m.role == 'assistant' %}}{{% generation %}}[{{{{ m.content }}}}]{{% endgeneration %}}"
        "{% endif %}{% endfor %}",
        {},
    ),
    "generation, trimmed": (
        f"{LOOP}  {{%- generation -%}}  {{{{ m.content }}}}  {{%- endgeneration %}}\n  {{% endfor %}}",
        {},
    ),
    "generation, assigned": (
        "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
        {},
    ),
    "generation, with loop controls": (
        f"{LOOP}{{% generation %}}{{{{ m.role[0] }}}}{{{{ loop.index }}}}{{% endgeneration %}}"
        "{% if loop.index == 2 %}{% break %}{% endif %}{% endfor %}",
        {},
    ),
    "json": ("{{ messages[1] | tojson }}", {}),
    "json, ascii": ("{{ messages[1].content | tojson(ensure_ascii=True) }}", {}),
    "json, indented": (
        "{{ messages[:2] | tojson(indent=2) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}",
        {},
    ),
    "json, separators": ("{{ {'b': [1, 2]} | tojson(separators=(',', ':')) }}", {}),
    "tools": (
        "{% if tools is not none %}T{% endif %}{% if documents is not none %}D{% endif %}"
        "{{ tools is defined }}{{ tools }}",
        {},
    ),
    "custom tools": ("{{ custom_tools is defined }}{{ builtin_tools is defined }}{{ xml_tools }}", {}),
    "thinking": ("{{ enable_thinking is defined and enable_thinking is false }}", {"enable_thinking": False}),
    "thinking, unset": ("{{ enable_thinking is defined and enable_thinking is false }}", {}),
    "date string": ("{{ date_string if date_string is defined else '26 Jul 2024' }}", {"date_string": "x"}),
    "type of content": (
        f"{LOOP}{{% if m.content is string and not m.tool_calls %}}{{{{ m.content | trim }}}}{{% endif %}}"
        "{% endfor %}",
        {},
    ),
    "namespace and slices": (
        "{% set ns = namespace(a='') %}{% for m in messages[1:] %}{% set ns.a = ns.a + m['content'] %}"
        "{% endfor %}{{ ns.a }}{{ messages[-1].content.split('x')[-1].lstrip('\\n') }}",
        {},
    ),
    "blocks are trimmed": ("  {% if true %}\n  a\n  {% endif %}\n  b\n", {}),
    "dict and items": (
        "{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{{ dict(a=1) }}",
        {},
    ),
    "type error": ("{{ 'a' + 1 }}", {}),
    "division by zero": ("{{ 1 // 0 }}", {}),
    "sandbox": ("{{ messages.__class__.__mro__[1].__subclasses__() }}", {}),
    "mutation": ("{{ messages.append(1) }}", {}),
    "endless": ("{% for i in range(10**9) %}{% endfor %}", {}),
    "macro": (
        "{%- macro turn(m) -%}<{{ m.role }}>{{ m.content }}{%- endmacro -%}"
        f"{LOOP}{{{{- turn(m) }}}}\n{{% endfor %}}",
        {},
    ),
    "generation prompt": ("{% if add_generation_prompt %}<a>{% endif %}", {}),
}
"""Template, and its variables besides messages, tools, documents and add_generation_prompt."""

TALKS = {
    "user": [{"role": "user", "content": "Hello, you."}],
    "turns": [TALK[1], TALK[2], TALK[3]],
    "system": TALK,
    "thoughts": [TALK[1], {"role": "assistant", "content": "<think>\nhm\n</think>\n\nA"}, TALK[3]],
}


def variables(talk: list[dict[str, str]], more: Mapping[str, Any]) -> dict[str, Any]:
    """What both sides render a template with."""
    return {**more, "messages": talk, "tools": None, "documents": None, "add_generation_prompt": True}


def theirs(source: str, given: Mapping[str, Any]) -> str | None:
    """What transformers renders; None where it fails."""
    from transformers.utils.chat_template_utils import render_jinja_template

    rest = {name: value for name, value in given.items() if name != "messages"}
    try:
        (text,), _ = render_jinja_template([given["messages"]], chat_template=source, **rest)
    except Exception:
        return None
    return str(text)


def ours(source: str, given: Mapping[str, Any]) -> str | None:
    """What this service renders; None where it fails."""
    from app.model.template import compile_template

    try:
        return compile_template(source).render(given)
    except Exception:
        return None


def write() -> None:
    """The expectations of the tests."""
    cases = []
    for name, (source, more) in TEMPLATES.items():
        given = variables(TALK, more)
        cases.append(
            {"name": name, "template": source, "variables": given, "rendered": theirs(source, given)}
        )
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def compare(folder: Path) -> int:
    """Templates of a folder that are rendered otherwise in any conversation."""
    different = 0
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        found = {
            f"{talk}, {thinking}": (theirs(source, given), ours(source, given))
            for talk, messages in TALKS.items()
            for thinking in (None, True, False)
            for given in [
                variables(messages, NAMED | ({} if thinking is None else {"enable_thinking": thinking}))
            ]
        }
        wrong = [name for name, (expected, got) in found.items() if expected != got]
        refused = sum(expected is None for expected, _ in found.values())
        different += bool(wrong)
        print(
            f"{path.stem}: {len(found) - len(wrong)} of {len(found)} equal, {refused} refused by both", wrong
        )
    print(f"{datetime.now().astimezone():%F}: {different} templates differ")
    return different


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(compare(Path(sys.argv[1])))
    write()
