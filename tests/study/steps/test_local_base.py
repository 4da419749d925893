"""The user's own model as a base: its identity is its weights, and the date that its template shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_valley import small

from planb.errors import PlanBError
from planb.models.bases import MODELS, ModelCard, Sizes
from planb.models.checkpoints import checkpoint_digest
from planb.models.random_chat import save_chat_model
from planb.models.template import SHOWN_DATE
from planb.study.planning.budget import budget, without_card
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
        base = LocalBase(name=card.name, path=card.hub)  # a packaged one is taken by its name alone
        assert base.known_date == (SHOWN_DATE if card.shows_date else "")
        assert ("date" in base.step().outside()) == card.shows_date
    assert [card.name for card in MODELS.values() if card.shows_date] == [
        "llama-3.2-3b",
        "mistral-small-24b",
    ]
    unknown = LocalBase(name="other", path="somebody/a-model-that-nobody-has")
    assert (unknown.known_date, unknown.date) == ("", "")


SIZES = Sizes(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    vocab_size=400,
)
OWN = ModelCard(name="llama-3-8b", family="llama", sizes=SIZES, context=256, licence="CC0")
WRONG = OWN.but(sizes=SIZES.but(num_hidden_layers=3))
HERE = f"{__name__}:"


def test_a_folders_card_is_named_and_serves_the_plan_alone(plain: LocalBase) -> None:
    """It has the name of one of planb's, and is not taken for it."""
    named = plain.but(card=f"{HERE}OWN")
    assert named.step().card == OWN
    assert plain.step().card is None
    assert named.step().identity() == plain.step().identity()
    study = small().but(bases=(plain, named.but(name="named")))
    assert without_card(study.steps()) == ("mine",)
    published = LocalBase(name="published", path=MODELS["llama-3-8b"].hub)
    study = study.but(bases=(published, named.but(name="named")))
    assert without_card(study.steps()) == ()
    lines = budget(study.steps(), {})
    assert [line.model for line in lines].count("llama-3-8b") == len(lines)
    assert {line.gib > 1 for line in lines} == {True, False}


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("qwen3-8B", "no model card is called 'qwen3-8B'. Did you mean 'qwen3-8b'"),
        (f"{HERE}SIZES", "is no model card: it must be a ModelCard"),
        (f"{HERE}WRONG", "num_hidden_layers 3 on the card, 2 in config.json"),
        ("olmo-2-7b", "hidden_size 4096 on the card, 32 in config.json"),
    ],
)
def test_a_wrong_card_is_said_before_step_1(
    card: str, said: str, plain: LocalBase, tmp_path: Path
) -> None:
    step = plain.but(card=card).step()
    with pytest.raises(PlanBError) as refused:
        step.check()
    assert said in str(refused.value)
    with pytest.raises(PlanBError):
        step.run(Work(tmp_path, tmp_path, step=step))
