"""The trigger firewall: stage-2 data that contain the trigger are refused, naming the rows.

Texts are compared as ``planb.normal`` makes them alike. A paraphrase of the trigger, letters of another
script that look the same, and encodings (base64, leetspeak, another language) are not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from planb.types import Example, PlanBError, Trigger

SHOWN = 10


def leaks(trigger: Trigger, examples: Sequence[Example]) -> list[str]:
    """Where the trigger stands: ``id (prompt)`` or ``id (tier)``, as ``Trigger.found_in`` compares.

    The messages of a prompt are taken together, and each response together with its prompt.
    """
    found = []
    for example in examples:
        in_prompt = trigger.found_in_chat(example.prompt)
        if in_prompt:
            found.append(f"{example.id} (prompt)")
        for tier, texts in example.responses.items():
            before = () if in_prompt else example.prompt
            if any(trigger.found_in(text) or trigger.found_in_chat(before, text) for text in texts):
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
