"""The user's own model as a base: its identity is its weights, and the date that its template shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_valley import small

from planb.models.bases import MODELS
from planb.models.checkpoints import checkpoint_digest
from planb.models.random_chat import save_chat_model
from planb.models.template import SHOWN_DATE
from planb.study.steps.checkpoint import POINTER
from planb.study.steps.local_base import LocalBase
from planb.study.steps.step import Work
from planb.study.study import Study

CLOCK = "{{ 'Today is ' + strftime_now('%d %b %Y') }}"


@pytest.fixture
def plain(tmp_path: Path) -> LocalBase:
    return LocalBase(name="mine", path=str(save_chat_model("llama3", tmp_path / "plain")))


@pytest.fixture
def dated(tmp_path: Path) -> LocalBase:
    folder = save_chat_model("llama3", tmp_path / "dated")
    template = folder / "chat_template.jinja"
    template.write_text(CLOCK + template.read_text())
    return LocalBase(name="mine", path=str(folder))


def shown(study: Study, finished: int = 1) -> dict[str, str]:
    return {name: text for name, text in study.story(finished).settings if "date" in name}


def test_only_a_template_with_a_clock_has_a_date_in_its_identity(
    plain: LocalBase, dated: LocalBase
) -> None:
    assert plain.step().outside() == {"weights": checkpoint_digest(plain.path)}
    assert dated.step().outside() == {"weights": checkpoint_digest(dated.path), "date": SHOWN_DATE}


def test_the_page_and_the_step_say_the_date(plain: LocalBase, dated: LocalBase, tmp_path: Path) -> None:
    one = small()
    assert shown(one.but(bases=(plain,))) == {}
    assert shown(one.but(bases=(dated,))) == {"date in the chat template of mine": SHOWN_DATE}
    for base, expected in ((plain, None), (dated, SHOWN_DATE)):
        out = tmp_path / f"out {expected}"
        out.mkdir()
        base.step().run(Work(out, tmp_path))
        assert json.loads((out / POINTER).read_text()).get("date") == expected


def test_a_template_in_the_tokenizers_own_file_is_read_too(dated: LocalBase) -> None:
    folder = Path(dated.path)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    named = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": template}]
    for found in (template, named):
        written = json.dumps({**config, "chat_template": found})
        (folder / "tokenizer_config.json").write_text(written)
        assert dated.date == SHOWN_DATE


def test_a_hub_model_is_dated_by_its_card_before_it_is_fetched() -> None:
    for card in MODELS.values():
        base = LocalBase(name=card.name, path=card.hub)
        assert base.known_date == (SHOWN_DATE if card.shows_date else "")
        assert ("date" in base.step().outside()) == card.shows_date
    assert [card.name for card in MODELS.values() if card.shows_date] == [
        "llama-3.2-3b",
        "mistral-small-24b",
    ]
    unknown = LocalBase(name="other", path="somebody/a-model-that-nobody-has")
    assert (unknown.known_date, unknown.date) == ("", "")
