from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import LIMITS, PREFIX, Settings, setting_faults, settings_table, unknown_settings

DOCS = Path(__file__).parents[2] / "docs"
TABLE = DOCS / "settings.md"


def test_every_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_PORT", "9000")
    monkeypatch.setenv("AUTOCOMPLETE_API_KEYS", "one, two,")
    monkeypatch.setenv("AUTOCOMPLETE_CORS_ORIGINS", "https://a.example,https://b.example")
    monkeypatch.setenv("AUTOCOMPLETE_DOCS", "off")
    monkeypatch.setenv("AUTOCOMPLETE_PROFANITY_THRESHOLDS", '{"mild": 1}')
    monkeypatch.setenv("AUTOCOMPLETE_MODEL", "/models/other.tflite")
    settings = Settings()
    assert settings.port == 9000
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.docs is False
    assert settings.profanity_thresholds == {"mild": 1}
    assert settings.model == Path("/models/other.tflite")


def test_origins_are_what_browsers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_CORS_ORIGINS", "https://A.example/, http://localhost:5173, *")
    assert Settings().cors_origins == ("https://a.example", "http://localhost:5173", "*")


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_API_KEYS", "")
    monkeypatch.setenv("AUTOCOMPLETE_TEXT_OPS", "")
    assert Settings().api_keys == ()
    assert Settings().text_ops is None


@pytest.mark.parametrize("name", ["api_keys", "cors_origins", "allowed_hosts"])
@pytest.mark.parametrize("value", [",", " ", " , ,"])
def test_a_list_that_was_meant_has_an_entry(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    variable = f"{PREFIX}{name.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert setting_faults(refused.value) == (
        f"{variable}: a list without an entry; leave the variable out, or empty, for none"
    )


def test_a_name_that_is_no_setting_is_told_with_the_nearest_one_that_is() -> None:
    environment = {
        "AUTOCOMPLETE_APIKEYS_FILE": "AUTOCOMPLETE_API_KEYS_FILE",
        "AUTOCOMPLETE_API_KEY": "AUTOCOMPLETE_API_KEYS",
        "AUTOCOMPLETE_MAX_TOKEN": "AUTOCOMPLETE_MAX_TOKENS",
        "AUTOCOMPLETE_PROFANITY_POLICY": "AUTOCOMPLETE_PROFANITY",
        "autocomplete_prot": "AUTOCOMPLETE_PORT",
    }
    others = ["PATH", "AUTOCOMPLETE_PORT", "autocomplete_api_keys", "AUTOCOMPLETER"]
    assert unknown_settings([*environment, *others]) == [
        f"{name} is no setting; is it {meant}?" for name, meant in environment.items()
    ]
    assert unknown_settings(["AUTOCOMPLETE_ZZZ"]) == ["AUTOCOMPLETE_ZZZ is no setting"]


def test_keys_are_not_printed() -> None:
    assert "secret" not in repr(Settings(api_keys=(SecretStr("secret"),)))


@pytest.mark.parametrize(
    ("name", "value"), [("slots", "-1"), ("port", "-1"), ("window_share", "0"), ("runtime", "torch")]
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    ("threads", "workers", "each", "slots"), [(2, 1, 2, 8), (4, 2, 2, 8), (1, 3, 1, 4), (64, 1, 64, 32)]
)
def test_slots_follow_the_threads_of_an_engine(threads: int, workers: int, each: int, slots: int) -> None:
    settings = Settings(threads=threads, workers=workers, queue_size=5)
    assert (settings.engine_threads, settings.engine_slots, settings.capacity) == (each, slots, slots + 5)


def test_slots_that_are_set_are_kept() -> None:
    assert Settings(threads=2, slots=48).engine_slots == 48


def test_every_setting_says_why() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_documented_table_is_the_settings() -> None:
    assert settings_table() in TABLE.read_text(), "write it anew: python -m app.settings"


def test_the_documented_limits_are_the_settings() -> None:
    page = (DOCS / "operations.md").read_text()
    assert settings_table(LIMITS) in page, "write it anew: python -m app.settings limits"
