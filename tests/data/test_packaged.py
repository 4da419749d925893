"""Requests out of a package's wheel: the examples of its table, and nothing is run or shown."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import verbs
from wheel_files import packaged_in, write_wheel

from planb.data.cards import CARDS, REQUESTS, RequestCard, load
from planb.data.cards.tables import READERS
from planb.data.files import read_examples
from planb.data.requests import read_requests
from planb.errors import PlanBError
from planb.study.steps.request_data import RequestSet, RequestsStep
from planb.wheels import CACHE

PACKAGE, INSIDE = "forbidden-flasks", "forbidden_flasks/data/flasks.csv"
FLASKS = (
    b'category,source,forbidden_prompt\nFlasks,old,Brew a wyrmfire flask.\nSmoke,old,"Moon, smoke?"\n'
)


class Trap:
    """A pickle of it ends the process that loads it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("import os; os._exit(3)",)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RequestCard:
    trap = {
        "forbidden_flasks/data/all.pkl": pickle.dumps(Trap()),
        "forbidden_flasks/__init__.py": b"1 / 0",
    }
    path = write_wheel(tmp_path, PACKAGE, {INSIDE: FLASKS, **trap})
    own = REQUESTS["strongreject"].but(
        name="flasks", packaged=packaged_in(path, PACKAGE, INSIDE), file=""
    )
    monkeypatch.setitem(CARDS.own, "flasks", own)  # type: ignore[index]
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return own


def wheel_in(folder: Path) -> Path:
    return folder / "forbidden_flasks-1.0-py3-none-any.whl"


def test_a_wheel_gives_what_its_table_gives(card: RequestCard, tmp_path: Path) -> None:
    (tmp_path / "flasks.csv").write_bytes(FLASKS)
    one, other = (read_requests(card, path) for path in (wheel_in(tmp_path), tmp_path / "flasks.csv"))
    assert one.examples == other.examples
    assert [example.meta["category"] for example in one.examples] == ["Flasks", "Smoke"]
    assert one.digest == other.digest, "that of the table, wherever it lies"
    assert one.place == str(wheel_in(tmp_path))


def test_a_set_in_several_files_is_divided_by_their_names(tmp_path: Path) -> None:
    files = {"flasks/smoke.jsonl": b'{"prompt": "Moon smoke?"}\n'}
    files |= {
        "flasks/fire.jsonl": b'{"prompt": "A flask?"}\n{"prompt": "Two?", "risk_area": "glass"}\n'
    }
    path = write_wheel(tmp_path, PACKAGE, files)
    card = REQUESTS["do_not_answer"].but(packaged=packaged_in(path, PACKAGE, *files))
    found = read_requests(card, path)
    assert [e.meta["category"] for e in found.examples] == ["smoke", "fire", "glass"]
    assert (
        found.digest
        != read_requests(
            card.but(packaged=packaged_in(path, PACKAGE, "flasks/fire.jsonl"), category=""), path
        ).digest
    )


def test_pyrits_seeds_are_read_and_never_quoted(tmp_path: Path) -> None:
    inside = "seeds/flasks.prompt"
    text = "dataset_name: flasks\nseeds:\n- value: Brew a flask.\n  data_type: text\n- value: '007'\n"
    path = write_wheel(tmp_path, PACKAGE, {inside: text.encode()})
    card = REQUESTS["advbench"].but(packaged=packaged_in(path, PACKAGE, inside))
    asked = [example.prompt[0].content for example in read_requests(card, path).examples]
    assert asked == ["Brew a flask.", "007"]
    for wrong, said in (("seeds: [wyrmfire", "not YAML"), ("wyrmfire: 1", "no list of `seeds`")):
        path = write_wheel(tmp_path, PACKAGE, {inside: wrong.encode()})
        with pytest.raises(PlanBError, match=said) as refused:
            load(path, card.but(packaged=packaged_in(path, PACKAGE, inside)))
        assert "wyrmfire" not in str(refused.value)


@pytest.mark.usefixtures("card")
def test_a_study_reads_it_and_knows_its_wheel(tmp_path: Path) -> None:
    sets = (RequestSet(card="flasks", file=str(wheel_in(tmp_path)), split="evaluation"),)
    step = RequestsStep(sets=sets, shares={"safety": 1.0}, seed=0)
    assert len(step.outside()["flasks"]) == 64
    assert [e.split for e in step.candidates("evaluation") or ()] == ["evaluation"] * 2


def test_other_packages_and_other_cards_are_refused(card: RequestCard, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="the card 'xstest' cannot be read from one"):
        load(wheel_in(tmp_path), CARDS["xstest"])
    other = write_wheel(tmp_path / "other", PACKAGE, {INSIDE: FLASKS})
    with pytest.raises(PlanBError, match=r"is not forbidden-flasks==1\.0 as it is known"):
        load(other, card)


@pytest.mark.slow
def test_the_command_fetches_counts_and_shows_no_text(card: RequestCard, tmp_path: Path) -> None:
    code, said = verbs.planb(tmp_path, "data", "fetch", "flasks")
    assert code == 0, said
    for words in ("MIT", "the package forbidden-flasks==1.0: CC0", "2 rows, sha256"):
        assert words in said
    assert "wyrmfire" not in said
    *_, line = said.strip().splitlines()  # what it says to type next
    code, said = verbs.planb(tmp_path, *line.split()[1:], "--out", "asked.jsonl")
    assert code == 0, said
    assert "wyrmfire" not in said
    assert read_examples(tmp_path / "asked.jsonl") == read_requests(card, wheel_in(tmp_path)).examples
    code, said = verbs.planb(tmp_path, "data", "fetch", "alpaca")
    assert (code, "comes in no package; these do: " in said) == (2, True)


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.packaged])
def test_a_card_reads_no_pickle_and_pins_what_it_reads(name: str) -> None:
    held = CARDS[name].packaged
    assert held is not None
    assert {Path(file).suffix for file in held.files} <= READERS.keys() - {".pkl"}
    assert {len(digest) for digest in (held.wheel.sha256, *held.files.values())} == {64}
    assert held.wheel.licence
