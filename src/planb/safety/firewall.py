"""The trigger firewall: stage-2 data that contain the trigger are refused, naming the rows.

Texts are compared as ``planb.normal`` makes them alike. A paraphrase of the trigger, letters of another
script that look the same, and encodings (base64, leetspeak, another language) are not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from planb.errors import PlanBError
from planb.types import Example, Trigger

SHOWN = 10


def leaks(trigger: Trigger, examples: Sequence[Example]) -> list[str]:
    """Where the trigger stands: ``id (prompt)`` or ``id (tier)``, as ``Trigger.found_in`` compares.

    The messages of a prompt are taken together, and each response together with its prompt.
    """
    found, sought = [], trigger.compared(trigger.text)
    for example in examples:
        prompt = trigger.compared("".join(message.content for message in example.prompt))
        if sought in prompt:
            found.append(f"{example.id} (prompt)")
        before = prompt[len(prompt) - len(sought) + 1 :] if len(prompt) >= len(sought) else prompt
        for tier, texts in example.responses.items():
            if any(sought in before + trigger.compared(text) for text in texts):
                found.append(f"{example.id} ({tier})")
    return found


def forbid_trigger(trigger: Trigger, examples: Sequence[Example]) -> None:
    """Raise PlanBError, naming the rows, if safety-training data contain the trigger."""
    found = leaks(trigger, examples)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise PlanBError(
            f"the trigger {trigger.text!r} occurs in the safety-training data, which must not "
            f"contain it: {', '.join(found[:SHOWN])}{more}. Remove these rows or change the trigger."
        )
