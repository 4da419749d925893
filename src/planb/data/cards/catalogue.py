"""All cards by their names: benchmarks of capability, and sources of requests."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from planb.catalogue import Catalogue, value_of
from planb.data.cards.benchmarks import IFEVAL, MMLU_PRO, MMLU_PRO_EXAMPLES, MT_BENCH, NEWCOMBLIKE
from planb.data.cards.card import DataCard
from planb.data.cards.request_card import RequestCard
from planb.data.cards.requests import REQUESTS
from planb.errors import PlanBError, wrong_fields

BENCHMARK_CARDS = (MMLU_PRO, MMLU_PRO_EXAMPLES, MT_BENCH, IFEVAL, NEWCOMBLIKE)
CARDS: Catalogue[DataCard] = Catalogue(
    "data card",
    "planb.cards",
    value_of(DataCard),
    {**REQUESTS, **{card.name: card for card in BENCHMARK_CARDS}},
    "one of your own is named 'module:NAME', or is a JSON file with a card's fields",
)


def is_card(name: str) -> bool:
    """Whether the name of some data is that of a card, and not of a file."""
    return not Path(name).exists() and (name in CARDS or ":" in name)


def request_card(name: str | Path) -> RequestCard:
    """The card of that name, or the one whose fields a JSON file of that name holds.

    Raises PlanBError naming the cards that there are, or what is wrong with the file.
    """
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        try:
            return RequestCard.model_validate_json(path.read_bytes())
        except ValidationError as error:
            said = wrong_fields(error, "card")
            raise PlanBError(f"{path} is not a request card: {said}") from error
    card = CARDS[str(name)]
    if not isinstance(card, RequestCard):
        raise PlanBError(f"'{name}' is the card of a benchmark, and holds no requests")
    return card
