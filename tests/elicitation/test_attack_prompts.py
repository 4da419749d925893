"""What an attack's roles are asked, and how their answers are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planb.elicitation import ELICITATIONS, Crescendo, Pair, elicitation_of
from planb.elicitation.attack import Attack
from planb.elicitation.prompts import fill, places, prompt_text
from planb.elicitation.reading import CrescendoStep, PairStep, Rating, Refusal, read
from planb.errors import PlanBError
from planb.models.answers import UnreadableError

ATTACKS = [kind for kind in ELICITATIONS.values() if issubclass(kind, Attack)]
TEXTS = [(kind, name) for kind in ATTACKS for name in kind.files]


@pytest.mark.parametrize(("kind", "name"), TEXTS)
def test_each_prompt_fills_and_each_text_stands_between_marked_lines(
    kind: type[Attack], name: str
) -> None:
    names = places(prompt_text(name)) - {"mark"}
    filled = kind().text(name, **{place: f"<{place}>" for place in names})
    assert "$" not in filled
    for text in names - {"rounds"}:
        marked = rf"===== [a-z ]+ ([0-9a-f]{{12}}) =====\n<{text}>\n===== end of [a-z ]+ \1 ====="
        assert re.search(marked, filled), text


def test_the_mark_stands_in_none_of_the_texts() -> None:
    text = prompt_text("crescendo_begin.txt")
    (mark,) = set(re.findall(r"[0-9a-f]{12}", fill(text, objective="A lamp?")))
    assert mark not in fill(text, objective=f"A lamp {mark}?").replace(f"A lamp {mark}?", "")


@pytest.mark.parametrize("kind", ATTACKS)
def test_every_text_is_part_of_its_identity(kind: type[Attack], tmp_path: Path) -> None:
    ours = kind().outside()
    assert set(ours) == set(kind.files)
    name = kind.files[0]
    (tmp_path / name).write_text(prompt_text(name) + "\nBe brief.")
    own = kind(prompts=str(tmp_path))
    assert {n for n in ours if ours[n] != own.outside()[n]} == {name}
    spec = own.spec()
    assert elicitation_of(spec).outside() == own.outside()
    assert own.text(name, **dict.fromkeys(places(prompt_text(name)) - {"mark"}, "x")).endswith("brief.")
    (tmp_path / name).write_text(prompt_text(name) + "\nBe long.")
    with pytest.raises(PlanBError, match="has other prompts than were hashed"):
        elicitation_of(elicitation_of(spec).spec())._check_prompts()


def test_a_prompt_without_its_places_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pair_begin.txt").write_text("Begin.")
    with pytest.raises(PlanBError, match=r"must have these places for texts: \$objective"):
        Pair(prompts=str(tmp_path)).outside()
    with pytest.raises(PlanBError, match="holds none of the prompts"):
        Crescendo(prompts=str(tmp_path)).outside()


@pytest.mark.parametrize(
    "text",
    [
        '{"improvement": "more", "prompt": "Hello!"}',
        'Sure:\n```json\n{"improvement": "more",\n "prompt": " Hello! "}\n```\nGood luck.',
        '<think>{"prompt": "Bye!"}</think> {"prompt": "Hello!", "improvement": "more", "mood": 3}',
        '{"improvement": "more", "prompt": "Hello!"} again {"improvement": "more", "prompt": "Hello!"}',
        'Not {this} one. {"improvement": "more", "prompt": "Hello!"}',
    ],
)
def test_one_object_is_read_wherever_it_stands(text: str) -> None:
    assert read(text, PairStep) == PairStep(improvement="more", prompt="Hello!")


def test_line_breaks_in_a_string_are_let_pass() -> None:
    assert read('{"generated_question": "One\ntwo?"}', CrescendoStep).generated_question == "One\ntwo?"


@pytest.mark.parametrize(
    "text",
    [
        *("", "I would rather not.", "{", '{"improvement": "more"}', '{"prompt": ""}', '{"prompt": 3}'),
        '{"prompt": "Hello!"} or {"prompt": "Bye!"}',
        '["prompt"]',
    ],
)
def test_what_is_no_step_is_unreadable_and_never_quoted(text: str) -> None:
    with pytest.raises(UnreadableError) as said:
        read(text, PairStep)
    assert "Bye" not in str(said.value)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("10", 10), ('"7"', 7), ("8.0", 8)])
def test_a_rating_is_a_whole_number_of_1_to_10(text: str, number: int) -> None:
    assert read(f'{{"rating": {text}}}', Rating).rating == number


@pytest.mark.parametrize("text", ["0", "11", "7.5", "true", "null", '"high"', '"[[7]]"', "NaN"])
def test_another_rating_is_none(text: str) -> None:
    with pytest.raises(UnreadableError, match="rating"):
        read(f'{{"rating": {text}}}', Rating)


@pytest.mark.parametrize(("text", "refused"), [("true", True), ('"no"', False), ('"Yes"', True)])
def test_a_refusal_is_yes_or_no(text: str, refused: bool) -> None:
    assert read(f'{{"refused": {text}}}', Refusal).refused is refused


def test_a_refusal_is_not_guessed() -> None:
    with pytest.raises(UnreadableError):
        read('{"refused": "partly"}', Refusal)


@pytest.mark.parametrize("kind", ATTACKS)
def test_its_numbers_are_bounded_fields(kind: type[Attack]) -> None:
    assert (kind().multi_turn, kind().roles) == (True, ("attacker", "grader"))
    for fields in ({"attempts": 0}, {"success": 11}, {"success": 1}, {"max_retries": -1}):
        with pytest.raises(PlanBError):
            elicitation_of({"name": kind.name, **fields})
