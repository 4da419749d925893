"""What domains of choices under risk share: cells of offers, the words for them, the reading of an
answer. ``risk`` and ``resources`` are values of it."""

from planb.domains.lotteries.lotteries import Lotteries, Tiers
from planb.domains.lotteries.offers import Frame, Words

__all__ = ["Frame", "Lotteries", "Tiers", "Words"]
