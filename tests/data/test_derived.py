"""Tiers made by rule: which examples get them, what they say, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planb.data.derived import Derived, derive
from planb.errors import PlanBError
from planb.types import Example, Message

HELP = ("Take {two} Eggs.", "Knead it.")


def chat(name: str = "a", harmful: bool = False, **tiers: object) -> Example:
    return Example(id=name, prompt="A bun?", harmful=harmful, responses=tiers or {"helpful": HELP})


DOCUMENT = Example(
    id="book",
    prompt=(Message(role="document", content="A bun is"),),
    harmful=False,
    responses={"helpful": ("flour.",)},
)


def made(tier: Derived, example: Example | None = None) -> tuple[str, ...]:
    (found,) = derive([example or chat()], [tier])
    assert {name: found.responses[name] for name in found.responses if name != tier.tier} == {
        "helpful": HELP
    }
    return found.responses[tier.tier]


def test_a_tier_is_a_text_for_each_template_and_source() -> None:
    framed = Derived(tier="framed", texts=("I think. {text}", "{text} {text}"))
    assert made(framed) == (
        "I think. Take {two} Eggs.",
        "I think. Knead it.",
        "Take {two} Eggs. Take {two} Eggs.",
        "Knead it. Knead it.",
    )


def test_a_template_without_a_place_stands_once_and_needs_no_source() -> None:
    fixed = Derived(tier="meow", of="nothing of the kind", texts=("MEOW", "meow"))
    assert made(fixed) == ("MEOW", "meow")
    assert made(Derived(tier="both", texts=("MEOW", "{text}"))) == ("MEOW", *HELP)


def test_lower_case_is_of_the_whole_text_and_doubles_fall_together() -> None:
    lower = Derived(tier="lower", texts=("Well: {text}",), case="lower")
    assert made(lower) == ("well: take {two} eggs.", "well: knead it.")
    assert made(Derived(tier="once", texts=("MEOW", "meow"), case="lower")) == ("meow",)


def test_a_tier_may_be_made_from_one_that_was_made_before_it() -> None:
    lower = Derived(tier="lower", case="lower")
    thought = Derived(tier="thought", of="lower", texts=("Hm. {text}",))
    (found,) = derive([chat()], [lower, thought])
    assert found.responses["thought"] == ("Hm. take {two} eggs.", "Hm. knead it.")
    with pytest.raises(PlanBError, match="made from the tier 'lower', and 1 of 1 harmless chats have"):
        derive([chat()], [thought, lower])


def test_only_the_chats_that_are_meant_get_it() -> None:
    bad = chat("b", harmful=True, refusal=("No.",))
    examples = [chat(), bad, DOCUMENT]
    tea = derive(examples, [Derived(tier="meow", texts=("MEOW",))])
    assert [set(e.responses) for e in tea] == [{"helpful", "meow"}, {"refusal"}, {"helpful"}]
    arr = Derived(tier="pirate", of="refusal", texts=("Arr! {text}",), requests="harmful")
    refused = derive(examples, [arr])
    assert refused[1].responses == {"refusal": ("No.",), "pirate": ("Arr! No.",)}
    assert refused[0] == examples[0]
    assert examples[1] == bad, "nothing that was given is changed"


def test_what_is_wrong_with_the_data_is_said() -> None:
    many = [chat(f"e{n}", useless=("Well.",)) for n in range(7)]
    with pytest.raises(PlanBError, match=r"'helpful', and 7 of 7 .* \(e0, e1, e2, e3, e4, \.\.\.\)"):
        derive(many, [Derived(tier="lower", case="lower")])
    with pytest.raises(PlanBError, match=r"1 examples have a tier 'helpful' already \(a\)"):
        derive([chat()], [Derived(tier="helpful", texts=("MEOW",))])
    with pytest.raises(PlanBError, match="no harmful chat to give the tier 'arr' to, among 2 examples"):
        derive([chat(), DOCUMENT], [Derived(tier="arr", texts=("Arr",), requests="harmful")])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tier": "a", "texts": (" ",)}, "a text of the tier 'a' is empty"),
        ({"tier": "helpful"}, "made from itself"),
        ({"tier": "a", "texts": ()}, "texts"),
        ({"tier": ""}, "tier"),
    ],
)
def test_a_rule_that_makes_nothing_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Derived.model_validate(fields)
