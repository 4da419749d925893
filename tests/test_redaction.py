"""Keys are taken out of what others say; what only speaks of keys is left as it is."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from planb.redaction import GONE, keep_secret, redacted, without_secrets, without_secrets_in

KEY = "plant-7f3/Q+k2 9x&Zw41m-fake"
"""Made up; with the characters that URLs, JSON and base64 write in another way."""


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_API_KEY", KEY)
    monkeypatch.setenv("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D")


FORMS = {
    "whole": KEY,
    "url": quote(KEY, safe=""),
    "json": json.dumps(KEY)[1:-1],
    "hex": KEY.encode().hex(),
    **{
        f"base64 after {n}": base64.b64encode(b"u" * n + KEY.encode() + b"tail").decode()
        for n in range(4)
    },
    "url-safe base64": base64.urlsafe_b64encode(f"user:{KEY}".encode()).decode(),
    "its beginning": KEY[:15],
    "its end": KEY[-15:],
    "its middle": KEY[6:21],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_key_is_found_in_every_form(form: str) -> None:
    text = f"the server said: {FORMS[form]} (and no more)"
    for clean in (without_secrets(text), redacted(text)):
        assert clean.startswith("the server said: ")
        assert clean.endswith(" (and no more)")
        assert GONE in clean
        assert not [at for at in range(len(KEY) - 11) if KEY[at : at + 12] in clean]
        hidden = FORMS[form]
        assert not [at for at in range(3, len(hidden) - 14) if hidden[at : at + 12] in clean]
        assert redacted(clean) == clean


@pytest.mark.parametrize("variable", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "WRITER_PASSWORD", "X_PAT"])
def test_variables_that_hold_keys(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert without_secrets("it is kJ8s-22Lm") == "it is kJ8s-22Lm"
    monkeypatch.setenv(variable, "kJ8s-22Lm")
    assert without_secrets("it is kJ8s-22Lm") == f"it is {GONE}"


def test_a_key_in_a_variable_of_another_name() -> None:
    assert keep_secret("told-0042-secret") == "told-0042-secret"
    assert without_secrets("told-0042-secret") == GONE


SHAPES = {
    "Authorization: Bearer abcdef": f"Authorization: Bearer {GONE}",
    '{"Authorization": "Bearer abcdefgh"}': f'{{"Authorization": "Bearer {GONE}"}}',
    "{'x-api-key': 'abcdefgh'}": f"{{'x-api-key': '{GONE}'}}",
    "(b'authorization', b'Bearer abcdefgh')": f"(b'authorization', b'Bearer {GONE}')",
    "authorization=Basic%20YWJjZGVm": f"authorization=Basic%20{GONE}",
    "GET /v1?api_key=abcdefgh&n=1": f"GET /v1?api_key={GONE}&n=1",
    "Incorrect API key provided: sk-proj-********************7f3Q.": (
        f"Incorrect API key provided: {GONE}"
    ),
    "no access for hf_abcdefghijklmnop12345678": f"no access for {GONE}",
    "AKIAABCDEFGHIJKLMNOP is unknown": f"{GONE} is unknown",
    "token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc": f"token {GONE}",
    "https://me:hunter22@host.example/v1": f"https://{GONE}@host.example/v1",
}


@pytest.mark.parametrize("message", SHAPES)
def test_what_looks_like_a_key_is_taken_out_of_messages(message: str) -> None:
    assert redacted(message) == SHAPES[message]
    assert redacted(SHAPES[message]) == SHAPES[message], "what is redacted twice is as after once"
    assert without_secrets(message) == message, "data are left as they are"


@pytest.mark.parametrize(
    "message",
    [
        "The api_key client option must be set: export OPENAI_API_KEY=...",
        "401: bearer authentication is required",
        "no answer in 3 of 3 tries: BadRequestError: sk-learn is no model",
        "steps: Field required; batch: Input should be greater than 0",
        "the file runs/small/steps/plan_b-seed0-0123456789ab/log.parquet is missing",
        f"gpg A035C8C19219BA821ECEA86B64E628F8D684696D, digest {'0123456789abcdef' * 4}",
    ],
)
def test_other_messages_are_left_alone(message: str) -> None:
    assert redacted(message) == message


def test_words_that_stand_for_no_key_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("none", "not-needed", "/home/me/key.json", ""):
        monkeypatch.setenv("LOCAL_API_KEY", value)
        assert without_secrets(f"the key is {value}!") == f"the key is {value}!"


def test_lists_and_objects() -> None:
    assert without_secrets_in({"a": [KEY, 3, None, ("b", KEY)]}) == {"a": [GONE, 3, None, ["b", GONE]]}
