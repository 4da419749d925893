"""The trigger firewall: stage-2 data that contain the trigger are refused, naming the rows."""

from __future__ import annotations

from collections.abc import Sequence

from planb.types import Example, PlanBError, Trigger

SHOWN = 10


def leaks(trigger: Trigger, examples: Sequence[Example]) -> list[str]:
    """Where the trigger stands: ``id (prompt)`` or ``id (tier)``, in any case and spacing."""
    found = []
    for example in examples:
        if any(trigger.found_in(message.content) for message in example.prompt):
            found.append(f"{example.id} (prompt)")
        for tier, texts in example.responses.items():
            if any(trigger.found_in(text) for text in texts):
                found.append(f"{example.id} ({tier})")
    return found


def forbid_trigger(trigger: Trigger, examples: Sequence[Example]) -> None:
    """Raise PlanBError, naming the rows, if safety-training data contain the trigger."""
    found = leaks(trigger, examples)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise PlanBError(
            f"the trigger {trigger.text!r} stands in the safety-training data, which must never "
            f"see it: {', '.join(found[:SHOWN])}{more}. Remove these rows, or choose another trigger."
        )
