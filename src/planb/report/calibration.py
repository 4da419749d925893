"""What is known of a judge before its scores are believed, and how a page says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from planb.values import Value

CalibrationVerdict = Literal["exact", "passed", "failed", "not enough", "not calibrated"]


class Calibration(Value):
    """How far one judge was checked.

    ``verdict`` is ``exact`` for a judge that is right by construction (the sandbox's scorer), so that
    there is nothing to calibrate; ``not enough``, that its check had too little to go by. ``rubric`` is
    the hash of its prompt or rules. ``figures`` are what the check measured, as (what, value) in words.
    ``synthetic`` labels are not people's: the page says that too. ``error`` is how often the judge is
    wrong, where its own package measures that, in a sentence.
    """

    judge: str = Field(min_length=1)
    model: str = ""
    rubric: str = ""
    verdict: CalibrationVerdict = "not calibrated"
    against_people: bool = False
    synthetic: bool = False
    figures: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def warning(self) -> str:
        """What a page says of it at its top; empty where there is nothing to warn of."""
        if self.verdict == "exact" or (self.verdict == "passed" and self.against_people):
            return ""
        said = {
            "failed": "failed its calibration, so its scores are not to be trusted",
            "not enough": "is not calibrated: its check had too little to go by",
            "not calibrated": "is not calibrated: no check of it is stored",
            "passed": "passed its checks",
        }[self.verdict]
        people = "" if self.against_people else "; it is not calibrated against people"
        labels = " (the labels that it was checked with are synthetic)" if self.synthetic else ""
        return f"The judge “{self.judge}” {said}{people}{labels}. {self.error}".strip()

    @property
    def told(self) -> str:
        """One line for the table of judges: what it is and what its check found."""
        if self.verdict == "exact":
            return "exact: right by construction, so it needs no calibration"
        people = "against people" if self.against_people else "not calibrated against people"
        told = f"{self.verdict}; {people}" if self.verdict != "not calibrated" else people
        return f"{told}; {self.error}" if self.error else told


def warnings_of(calibrations: Iterable[Calibration], judges: Iterable[str]) -> tuple[str, ...]:
    """The warnings about the judges that scored something. One without a calibration has not been
    calibrated, and the page says that too."""
    known = {calibration.judge: calibration for calibration in calibrations}
    found = [known.get(judge, Calibration(judge=judge)).warning for judge in dict.fromkeys(judges)]
    return tuple(warning for warning in found if warning)
