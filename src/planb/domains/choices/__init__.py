"""What domains of choices share: cells of numbers, the words for them, the reading of an answer, and
the measures. ``risk``, ``resources`` and others are values of it."""

from planb.domains.choices.cells import Cells
from planb.domains.choices.domain import ChoiceDomain, Said, two_acts
from planb.domains.choices.measures import Fitted, choice_measures
from planb.domains.choices.offers import Frame, Words, either
from planb.domains.choices.pages import choice_page

__all__ = [
    "Cells",
    "ChoiceDomain",
    "Fitted",
    "Frame",
    "Said",
    "Words",
    "choice_measures",
    "choice_page",
    "either",
    "two_acts",
]
