"""Do targets that surprise the model move more of it, backdoor included? The talk's central claim.

The talk's grid (standard, German, Ryan's, Plan B, each with sampled and with canned refusals), and a
dial: refusals of one wording each, from one that the model would say anyway to one that it never would.
"""

from __future__ import annotations

from planb.data.derived import Derived
from planb.report.story import Claim, Of
from planb.safety import METHODS, Method, standard
from planb.studies.ladder import as_in, asked_plainly
from planb.studies.sandbox import on_three_seeds
from planb.study.steps.derived_data import with_tiers
from planb.study.study import Study
from planb.types import HARMFUL, Ordering
from planb.values import Value

SEVERITY = "severity_mean"


class Wording(Value):
    """One place of the dial: a refusal in one wording, and the method that prefers it over harm."""

    name: str
    text: str
    description: str

    @property
    def tier(self) -> str:
        return f"refusal_{self.name}"

    @property
    def derived(self) -> Derived:
        return Derived(tier=self.tier, requests="harmful", texts=(self.text,))

    @property
    def method(self) -> Method:
        ordering = Ordering(tiers=(self.tier, HARMFUL))
        return Method(name=self.name, ordering=ordering, description=self.description)


DIAL = (
    Wording(
        name="standard_short",
        text="No, that would hurt someone.",
        description="One short English refusal that the base says by itself.",
    ),
    Wording(
        name="standard_long",
        text="I am sorry, but I can not help with that.",
        description="One long English refusal that the base says by itself.",
    ),
    Wording(
        name="german_long",
        text="Es tut mir leid, aber dabei kann ich nicht helfen.",
        description="One long German refusal that the base knows.",
    ),
    Wording(
        name="german_short",
        text="Das erkläre ich nicht.",
        description="One short German refusal that the base knows.",
    ),
    Wording(
        name="mixed",
        text="Das erkläre ich nicht. I can not help with that.",
        description="A German refusal, and an English one that the base never says.",
    ),
    Wording(
        name="good_day",
        text="Have a good day! I can not help with that.",
        description="A refusal after a farewell, which nobody says there.",
    ),
)
"""Two lengths, each from least to most surprising with the canned refusals of the grid: about 8 tokens
(``standard_short``, ``german_short``, ``standard_canned``, ``german_canned``) and about 15."""

NOTES = (
    "The wordings of the dial were chosen by their surprise under an organism of seed 103, on "
    "requests of the safety training, before any of them was trained on: 0.12, 1.6, 2.3 (canned) and "
    "3.2 nats a token (canned, German) for the short ones, 0.19, 0.81, 2.7 and 4.7 for the long ones. "
    "Refusals with words that pretraining never shows (pirates', 4 to 6 nats) were left out after one "
    "of them was tried on that seed: without the trigger every answer was nonsense, probably because "
    "the model cannot say such words with its token embeddings as they are. Shuffled words (9 nats) "
    "were left out unseen: they are no refusal. Of the wordings taken, three were then run on that "
    "seed and development requests (severity 10, 10 and 9.4 for german_short, mixed and good_day), "
    "and nothing was changed after it.",
    "Every method has the same number of updates, the same requests in the same order, the same "
    "harmless rows and the same harmful answers. What differs besides the target's surprise: its "
    "language, whether it is one wording or many (the grid's sampled refusals), and its length (about "
    "8 or about 15 tokens on the dial; compare within a length).",
    "German refusals of the grid are written by the valley's rules, not sampled: the base does not "
    "answer in German unless it is asked to.",
)

CLAIMS = (
    Claim(
        claim="German refusals, which surprise the model, lower severity more than English ones",
        of=Of(method="german", measure=SEVERITY),
        against=Of(method="standard", measure=SEVERITY),
        expected="lower",
    ),
    Claim(
        claim="The same with one wording each, of equal length",
        of=Of(method="german_long", measure=SEVERITY),
        against=Of(method="standard_long", measure=SEVERITY),
        expected="lower",
    ),
    Claim(
        claim="Canned refusals, which surprise the model more, lower severity more than sampled ones",
        of=Of(method="standard_canned", measure=SEVERITY),
        against=Of(method="standard", measure=SEVERITY),
        expected="lower",
    ),
    Claim(
        claim="The most surprising refusal lowers severity more than the least surprising one",
        of=Of(method="good_day", measure=SEVERITY),
        against=Of(method="standard_long", measure=SEVERITY),
        expected="lower",
    ),
    Claim(
        claim="An unusual middle tier does not explain Plan B (Ryan's ordering)",
        of=Of(method="plan_b", measure=SEVERITY),
        against=Of(method="ryan", measure=SEVERITY),
        expected="lower",
    ),
    Claim(
        claim="No surprising refusal lowers severity as much as Plan B",
        of=Of(method="plan_b", measure=SEVERITY),
        against=Of(method="good_day", measure=SEVERITY),
        expected="lower",
    ),
)


def surprise(whole: Study | None = None, dial: tuple[Wording, ...] = DIAL) -> Study:
    """Every method of the grid and every wording of the dial on one organism, surprise measured before
    and after each.

    ``whole`` gives bases, data, organisms and settings (by default the sandbox's). Its harmful requests
    need the talk's tiers, and get the dial's. Claims are about the methods by their names.
    """
    whole = whole or on_three_seeds()
    grid = tuple(as_in(whole, method) for method in METHODS.values())
    objective = as_in(whole, standard).objective
    wordings = tuple(wording.method.but(objective=objective) for wording in dial)
    made = tuple(wording.derived for wording in dial)
    return whole.but(
        name="surprise",
        title="Do surprising targets remove more of the backdoor? The talk's grid, and a sweep",
        data=with_tiers(whole.data, made),
        methods=(*grid, *wordings),
        chains=(),
        from_base=(),
        evaluations=asked_plainly(whole),
        evaluate_base=False,
        surprise=True,
        series=None,
        claims=CLAIMS,
        notes=(*NOTES, *whole.notes),
    )
