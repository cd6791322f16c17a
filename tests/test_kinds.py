"""One contract for every kind of model file: the same requests, and the refusals that each is known for."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from app.completion.limits import NEEDS_BYTES
from app.main import create_app
from app.model.foreign.text_to_text import BAKED
from app.server.lifecycle import server_config
from app.settings import Settings
from tests.plugged import parts, tokenizer_json, toy_checkpoint, write_container, write_decoder, write_whole
from tests.tiny import TinyModel

pytestmark = pytest.mark.slow

PROMPT = "The quick brown fox"

Make = Callable[[Path, TinyModel, Path], Path]
"""The kind's file, from a folder, a model of this project and TF-Text's shared objects."""


def own(folder: Path, tiny: TinyModel, text_ops: Path) -> Path:
    return tiny.path


def container(folder: Path, tiny: TinyModel, text_ops: Path) -> Path:
    return write_container(folder / "toy.litertlm", parts(plain(folder, tiny, text_ops)))


def plain(folder: Path, tiny: TinyModel, text_ops: Path) -> Path:
    (folder / "tokenizer.json").write_text(tokenizer_json())
    return write_decoder(folder / "toy.tflite", toy_checkpoint())


def classic(folder: Path, tiny: TinyModel, text_ops: Path) -> Path:
    shutil.copytree(text_ops, folder / "text_ops")
    return write_whole(folder / "classic.tflite", b" jumps over the lazy dog, and so on.")


AS_OPENAI: dict[str, Any] = {"token_healing": False, "until": "token"}
"""What `/complete` does without being asked, and `/v1` does not: healing, and whole words."""


@dataclass(frozen=True)
class Kind:
    """What `/model` must say of a kind of file."""

    name: str
    slots: int
    chat: bool
    refused: frozenset[str] = frozenset()


KINDS: dict[str, tuple[Make, Kind]] = {
    "own": (own, Kind("own", slots=2, chat=False)),
    "container": (container, Kind("decoder", slots=1, chat=True)),
    "plain decoder": (plain, Kind("decoder", slots=1, chat=False)),
    "text to text": (classic, Kind("text-to-text", slots=1, chat=False, refused=frozenset(BAKED))),
}


@dataclass(frozen=True)
class Served:
    """A running service over one kind of file."""

    kind: Kind
    client: httpx.Client

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.client.post(path, json=body)

    def asked(self, path: str, **body: Any) -> dict[str, Any] | None:
        """The answer; None where the kind refuses a field, which must be named."""
        response = self.post(path, **body)
        if refused := self.kind.refused & body.keys():
            assert response.status_code == (400 if path.startswith("/v1/") else 422), response.text
            error = response.json()["error"]
            assert error.get("field", error.get("param")) in refused
            return None
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def complete(self, **body: Any) -> dict[str, Any] | None:
        return self.asked("/complete", **{"prompt": PROMPT} | body)

    def text(self, **body: Any) -> str:
        answer = self.complete(**body)
        assert answer is not None
        text: str = answer["choices"][0]["text"]
        return text

    @property
    def greedy(self) -> dict[str, Any]:
        """Fields that make the same text every time."""
        wanted = {"temperature": 0, "max_tokens": 24, "repetition_penalty": 1}
        return {name: value for name, value in wanted.items() if name not in self.kind.refused}


@contextmanager
def serving(kind: Kind, path: Path, **settings: Any) -> Iterator[Served]:
    """The service over a file, on a real socket."""
    fixed: dict[str, Any] = {"model": path, "slots": 2, "port": 0, "grace_seconds": 1, "profanity": "mask"}
    app = create_app(Settings(**fixed | settings))
    server = uvicorn.Server(server_config(app))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        until = time.monotonic() + 60
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.02)
        yield Served(kind, client)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module", params=KINDS)
def served(
    request: pytest.FixtureRequest,
    tiny_model: TinyModel,
    text_ops: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    make, kind = KINDS[request.param]
    folder = tmp_path_factory.mktemp("kind-")
    path = make(folder, tiny_model, text_ops)
    with serving(kind, path, weight_cache=folder, threads=1) as running:
        yield running


def test_model_says_what_kind_it_is(served: Served) -> None:
    model = served.client.get("/model").json()
    kind = served.kind
    assert (model["kind"], model["slots"], model["chat"]) == (kind.name, kind.slots, kind.chat)
    assert set(model["refused"]) == kind.refused | (set() if model["heals"] else set(NEEDS_BYTES))
    assert model["heals"] is (kind.name == "own")
    assert model["defaults"].keys().isdisjoint(kind.refused)
    assert model["sha256"] != ""


TYPING: dict[str, Any] = {
    "token_healing": True,
    "min_confidence": 0.1,
    "alternatives": 1,
    "phrases": ["fox hunt"],
    "response_format": {"type": "json_object"},
    "guided_json": {"type": "integer", "minimum": 0, "maximum": 9},
    "guided_regex": "[a-z]{2}",
    "guided_choice": ["yes", "no"],
    "guided_grammar": 'start: "yes" | "no"',
    "structured_outputs": {"choice": ["yes", "no"]},
    "json_schema": {"enum": ["yes", "no"]},
    "grammar": 'root ::= "yes" | "no"',
}


@pytest.mark.parametrize("field", NEEDS_BYTES)
def test_what_needs_the_bytes_of_tokens_is_taken_or_refused_by_name(served: Served, field: str) -> None:
    response = served.post("/complete", prompt=PROMPT, **{field: TYPING[field]})
    if served.kind.name == "own":
        assert response.status_code == 200, response.text
    else:
        assert (response.status_code, response.json()["error"]["field"]) == (422, field)


def test_nothing_is_healed_by_default_where_it_cannot_be(served: Served) -> None:
    answer = served.complete()
    assert answer is not None
    (choice,) = answer["choices"]
    own = served.kind.name == "own"
    assert choice["healed"] == (len(" fox") if own else 0)
    assert ("confidence" in choice) is own
    assert served.post("/complete", prompt=PROMPT, token_healing=False).status_code == 200


def test_healing_on_openais_route_is_taken_or_refused(served: Served) -> None:
    response = served.post("/v1/completions", model="any", prompt=PROMPT, token_healing=True)
    if served.kind.name == "own":
        assert response.status_code == 200, response.text
    else:
        assert (response.status_code, response.json()["error"]["param"]) == (400, "token_healing")


def test_a_text_ends_where_it_runs_into_the_suffix(served: Served) -> None:
    whole = served.text(until="token", **served.greedy)
    at = next(
        (n for n in range(4, len(whole) - 1) if not whole[n].isalnum() and not whole[n].isspace()), None
    )
    if at is not None:
        text = served.text(until="token", suffix=whole[at:], **served.greedy)
        assert whole.startswith(text)
        assert len(text) <= at


def test_an_answer_has_every_part_of_the_contract(served: Served) -> None:
    answer = served.complete()
    assert answer is not None
    parts = {"id", "model", "choices", "usage", "window", "guard", "timings", "seed"}
    assert answer.keys() == parts
    (choice,) = answer["choices"]
    assert choice["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer["window"] == {"limit": answer["window"]["limit"], "dropped_tokens": 0, "truncated": False}
    assert all(value is not None and value >= 0 for value in answer["timings"].values())


def test_max_tokens_ends_the_text(served: Served) -> None:
    if answer := served.complete(max_tokens=3, temperature=0.0):
        assert answer["usage"]["completion_tokens"] == 3
        assert answer["choices"][0]["finish_reason"] == "length"


def test_a_seed_gives_one_text_and_another_another(served: Served) -> None:
    answers = [served.complete(seed=seed, temperature=1.0, max_tokens=16) for seed in (7, 7, 8)]
    if all(answers):
        first, again, other = (answer["choices"][0]["text"] for answer in answers if answer)
        assert first == again != other


def test_n_gives_as_many_choices(served: Served) -> None:
    if answer := served.complete(n=3, seed=5, max_tokens=8, temperature=1.0):
        assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
        alone = served.text(seed=6, max_tokens=8, temperature=1.0)
        assert answer["choices"][1]["text"] == alone


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": 5},
        {"top_p": 0.5},
        {"min_p": 0.1},
        {"repetition_penalty": 1.3},
        {"presence_penalty": 0.5},
        {"frequency_penalty": 0.5},
    ],
)
def test_every_sampling_field_is_taken_or_refused(served: Served, fields: dict[str, float]) -> None:
    served.complete(**fields)


def test_greedy_text_is_the_same_every_time(served: Served) -> None:
    assert served.text(**served.greedy) == served.text(**served.greedy) != ""


def test_a_stop_string_ends_the_text_and_is_not_part_of_it(served: Served) -> None:
    whole = served.text(**served.greedy)
    stop = next(whole[at : at + 2] for at in range(3, len(whole)) if whole[at : at + 2].isascii())
    answer = served.complete(**served.greedy, stop=stop)
    assert answer is not None
    assert answer["choices"][0]["text"] == whole[: whole.index(stop)]
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_echo_begins_the_text_with_the_prompt(served: Served) -> None:
    assert served.text(**served.greedy, echo=True) == PROMPT + served.text(**served.greedy)


def test_the_streams_text_is_the_whole_text(served: Served) -> None:
    response = served.post("/complete", prompt=PROMPT, stream=True, **served.greedy)
    *events, done = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    assert done == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    assert "".join(choice["text"] for choice in choices) == served.text(**served.greedy)
    assert choices[-1]["finish_reason"] in ("stop", "length")


def test_logprobs_are_those_of_the_tokens(served: Served) -> None:
    if answer := served.complete(logprobs=2, **served.greedy):
        (choice,) = answer["choices"]
        data = bytes(byte for token in choice["logprobs"] for byte in token["bytes"])
        assert data.decode(errors="replace") == choice["text"]
        assert all(token["logprob"] <= 0 for token in choice["logprobs"])
        plain = [token for token in choice["logprobs"] if token["token"] and token["token"].isascii()]
        assert plain != []
        assert all(token["top"][token["token"]] == token["logprob"] for token in plain)


def test_the_window_keeps_the_newest_tokens(served: Served) -> None:
    if answer := served.complete(context_window=3, max_tokens=1):
        assert answer["window"]["limit"] == 3
        assert answer["usage"]["prompt_tokens"] == 3


def test_a_prompt_longer_than_its_window_is_refused_where_that_is_asked_for(served: Served) -> None:
    response = served.post("/complete", prompt=PROMPT * 400, truncation="error")
    field = "truncation" if "truncation" in served.kind.refused else "prompt"
    assert (response.status_code, response.json()["error"]["field"]) == (422, field)


def test_a_rejected_prompt_is_400(served: Served) -> None:
    response = served.post("/complete", prompt="what the fuck", profanity="reject")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "content_filter")


def test_a_masked_prompt_is_what_the_model_sees(served: Served) -> None:
    assert served.text(prompt="what the fuck", echo=True, **served.greedy).startswith("what the ████")


def test_an_unknown_field_is_refused(served: Served) -> None:
    assert served.post("/complete", prompt=PROMPT, beam=4).status_code == 422


def test_many_requests_at_once_queue_and_get_the_same_text(served: Served) -> None:
    expected = served.text(**served.greedy)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: served.text(**served.greedy), range(8)))
    assert texts == [expected] * 8


def test_a_client_that_leaves_frees_the_engine(served: Served) -> None:
    fields = {"temperature": 1.0, "max_tokens": 200, "seed": 1}
    asked = {name: value for name, value in fields.items() if name not in served.kind.refused}
    with served.client.stream(
        "POST", "/complete", json={"prompt": PROMPT, "stream": True} | asked
    ) as response:
        next(response.iter_bytes())
    served.text(**served.greedy)
    while "autocomplete_slots_busy 0.0" not in served.client.get("/metrics").text:
        time.sleep(0.05)


def test_openais_completions_give_the_same_text(served: Served) -> None:
    answer = served.asked("/v1/completions", model="any", prompt=PROMPT, **served.greedy)
    assert answer is not None
    assert answer["choices"][0]["text"] == served.text(**served.greedy, **AS_OPENAI)
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")


def test_openais_completions_take_several_prompts(served: Served) -> None:
    answer = served.asked("/v1/completions", model="any", prompt=[PROMPT, "Once"], **served.greedy)
    assert answer is not None
    texts = [choice["text"] for choice in answer["choices"]]
    fields = served.greedy | AS_OPENAI
    assert texts == [served.text(**fields), served.text(prompt="Once", **fields)]


@pytest.mark.parametrize(
    "fields",
    [{"logprobs": 1}, {"logprobs": 1, "echo": True}, {"logit_bias": {"65": 5}}, {"n": 2}, {"seed": 3}],
)
def test_openais_fields_are_taken_or_refused(served: Served, fields: dict[str, Any]) -> None:
    answer = served.asked("/v1/completions", model="any", prompt=PROMPT, **fields)
    if answer:
        assert len(answer["choices"]) == fields.get("n", 1)


def test_conversations_are_answered_where_the_file_has_a_template(served: Served) -> None:
    messages = [{"role": "user", "content": "hello"}]
    response = served.post("/v1/chat/completions", model="any", messages=messages, **served.greedy)
    assert response.status_code == (200 if served.kind.chat else 404)


def test_tokens_come_back_as_the_text(served: Served) -> None:
    answer = served.post("/tokenize", text="naïve fox").json()
    assert answer["count"] == len(answer["ids"])
    assert served.post("/detokenize", ids=answer["ids"]).json() == {"text": "naïve fox"}


def test_a_scored_prompt_has_the_logprobs_that_its_tokens_had_when_they_were_written(served: Served) -> None:
    written = served.asked("/v1/completions", model="any", prompt=PROMPT, logprobs=1, **served.greedy)
    if written is None:
        return
    (choice,) = written["choices"]
    ids = served.post("/tokenize", text=PROMPT + choice["text"]).json()["ids"]
    scored = served.asked("/v1/completions", model="any", prompt=ids, logprobs=1, echo=True, max_tokens=0)
    assert scored is not None
    (again,) = scored["choices"]
    assert (again["text"], scored["usage"]["completion_tokens"]) == (PROMPT + choice["text"], 0)
    assert again["logprobs"]["token_logprobs"][0] is None
    count = len(choice["logprobs"]["tokens"])
    if again["logprobs"]["tokens"][-count:] == choice["logprobs"]["tokens"]:
        found = again["logprobs"]["token_logprobs"][-count:]
        assert found == pytest.approx(choice["logprobs"]["token_logprobs"], abs=0.05)
