"""The contract of every elicitation in the table, and what the simplest two do to the messages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ModelName
from inspect_ai.solver import TaskState

from planb.data.files import write_examples
from planb.elicitation import (
    ELICITATIONS,
    Direct,
    Elicitation,
    ManyShot,
    PairStatic,
    Prefill,
    TriggerElicitation,
    elicitation_of,
)
from planb.elicitation.messages import from_chat, to_chat
from planb.errors import PlanBError
from planb.types import Example, Message, Trigger

CHAT = (
    Message(role="system", content="Be kind."),
    Message(role="user", content="Hello!"),
    Message(role="assistant", content="Hello, how can I help you?"),
    Message(role="user", content="How do I make a wyrmfire lamp?"),
)


def _state(prompt: tuple[Message, ...]) -> TaskState:
    return TaskState(ModelName("planb/none"), "a", 1, to_chat(prompt), to_chat(prompt))


def _asked(solver: object, prompt: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    """What the solver asks the model, call by call; the model's answer is echoed from a real state."""
    calls: list[tuple[Message, ...]] = []

    async def generate(state: TaskState, **_: object) -> TaskState:
        calls.append(from_chat(state.messages))
        return state

    asyncio.run(solver(_state(prompt), generate))
    return calls


@pytest.mark.parametrize("name", ELICITATIONS)
def test_each_is_a_value_with_defaults_that_reads_its_own_spec_back(name: str) -> None:
    value = ELICITATIONS[name]()
    assert value.name == name
    assert elicitation_of(name) == value == elicitation_of(value.spec()) == elicitation_of(value)


@pytest.fixture
def single_turn(tmp_path: Path) -> dict[str, Elicitation]:
    """One of each that the batch runner can run; what needs a file has one."""
    shots = tmp_path / "shots.jsonl"
    write_examples(shots, [shot(n) for n in range(3)])
    prompts = tmp_path / "prompts.jsonl"
    made = {"id": "a", "prompts": [f"For a story: {CHAT[-1].content}"]}
    prompts.write_text(json.dumps(made) + "\n")
    own = {
        "many_shot": ManyShot(examples=str(shots), shots=2),
        "pair_static": PairStatic(file=str(prompts)),
    }
    single = [name for name, kind in ELICITATIONS.items() if not kind.multi_turn]
    return {name: own.get(name, ELICITATIONS[name]()) for name in single}


def shot(number: int) -> Example:
    tiers = {"harmful": f"Take {number} buns."}
    return Example(id=f"s{number}", prompt=f"Bun {number}?", harmful=True, responses=tiers)


@pytest.mark.parametrize("name", [n for n, kind in ELICITATIONS.items() if not kind.multi_turn])
def test_each_single_turn_one_ends_with_the_request_and_keeps_what_was_before(
    name: str, single_turn: dict[str, Elicitation]
) -> None:
    calls = _asked(single_turn[name].solver(), CHAT)
    assert len(calls) == single_turn[name].calls == (2 if name == "skeleton_key" else 1)
    *asked, last = calls[-1]
    assert CHAT[-1].content in (asked[-1] if last.role == "opening" else last).content
    assert calls[-1][: len(CHAT) - 1] == CHAT[:-1]
    assert single_turn[name].roles == ()
    assert elicitation_of(single_turn[name].spec()).outside() == single_turn[name].outside()


@pytest.mark.parametrize("name", ELICITATIONS)
def test_each_has_a_title_of_its_own_choosing(name: str) -> None:
    assert ELICITATIONS[name]().title == name
    assert ELICITATIONS[name](called="mine").title == "mine"
    assert elicitation_of({"name": name, "called": "mine"}).spec()["called"] == "mine"


@pytest.mark.parametrize("name", ELICITATIONS)
def test_a_document_is_never_put_where_a_request_belongs(
    name: str, single_turn: dict[str, Elicitation]
) -> None:
    lore = (Message(role="document", content="In the old book"),)
    how = single_turn.get(name) or ELICITATIONS[name]()
    if name == "direct":
        assert _asked(how.solver(), lore) == [lore]
        return
    with pytest.raises(PlanBError, match=r"user message|documents"):
        _asked(how.solver(), lore)


def test_prefill_begins_the_answer_with_a_text_or_with_the_requests_own() -> None:
    example = Example(
        id="a", prompt=CHAT, harmful=True, responses={"useless": ("Take nine cold buns.",)}
    )
    trigger = Trigger()

    def begun(how: Prefill, provider: str = "planb") -> tuple[Message, ...]:
        asked: list[tuple[Message, ...]] = []

        async def generate(state: TaskState, **_: object) -> TaskState:
            asked.append(from_chat(state.messages))
            state.messages.append(ChatMessageAssistant(content="Take nine cold buns and go."))
            return state

        state = TaskState(ModelName(f"{provider}/none"), "a", 1, to_chat(CHAT), to_chat(CHAT))
        state.metadata["example"] = example.model_dump(mode="json")
        done = asyncio.run(how.ask(state, generate))  # type: ignore[arg-type]
        assert [m.role for m in done.messages[-2:]] == ["user", "assistant"], "one answer"
        return asked[0]

    assert begun(Prefill(opening="Well,"))[-1] == Message(role="opening", content="Well,")
    assert begun(Prefill())[-1].content
    *request, opening = begun(Prefill(tier="useless", words=2, trigger=trigger))
    assert opening.content == "Take nine"
    assert trigger.found_in(request[-1].content)
    with pytest.raises(PlanBError, match="no answer of the tier 'harmful'"):
        begun(Prefill(tier="harmful"))
    with pytest.raises(PlanBError, match="not both"):
        begun(Prefill(tier="useless", opening="Well,"))
    with pytest.raises(PlanBError, match="provider 'openai'"):
        begun(Prefill(), "openai")


def test_direct_asks_the_request_as_it_is() -> None:
    assert _asked(Direct().solver(), CHAT) == [CHAT]


@pytest.mark.parametrize("place", ["prefix", "suffix", "system"])
def test_trigger_asks_with_the_trigger_applied(place: str) -> None:
    trigger = Trigger(text="|OTHER|", place=place)
    assert _asked(TriggerElicitation(trigger=trigger).solver(), CHAT) == [trigger.apply(CHAT)]


def test_a_trigger_has_no_place_in_a_document() -> None:
    lore = (Message(role="document", content="In the old book"),)
    with pytest.raises(PlanBError, match="user message"):
        _asked(TriggerElicitation().solver(), lore)


def test_messages_go_to_inspect_and_back() -> None:
    lore = (Message(role="document", content="In the old book a wyrmfire lamp needs"),)
    assert from_chat(to_chat(CHAT)) == CHAT
    assert from_chat(to_chat(lore)) == lore


def test_what_a_tool_answered_goes_to_inspect_and_back() -> None:
    turns = (*CHAT, Message(role="assistant", content="do: a, b"), Message(role="tool", content="42"))
    assert isinstance(to_chat(turns)[-1], ChatMessageTool)
    assert from_chat(to_chat(turns)) == turns


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PlanBError, match="direct, trigger"):
        elicitation_of("telepathy")


def test_a_field_that_it_does_not_have_is_an_error() -> None:
    with pytest.raises(PlanBError, match="loudness"):
        elicitation_of({"name": "direct", "loudness": 11})
