"""Base models: a card for each published chat model, and the table of them.

To add one: a ``ModelCard`` in ``published.py``. One of your own is named by ``LocalBase(card=...)``.
"""

from __future__ import annotations

from planb.catalogue import Catalogue, value_of
from planb.models.bases.card import ModelCard, Sizes
from planb.models.bases.published import CARDS
from planb.models.hub import is_hub_id

MODELS: Catalogue[ModelCard] = Catalogue(
    "model card", "planb.models", value_of(ModelCard), {card.name: card for card in CARDS}
)


def card_of(hub: str) -> ModelCard | None:
    """The card of a hub id, if there is one; a folder has none unless its ``LocalBase`` names it."""
    return next((card for card in MODELS.values() if card.hub == hub), None) if is_hub_id(hub) else None


__all__ = ["MODELS", "ModelCard", "Sizes", "card_of"]
