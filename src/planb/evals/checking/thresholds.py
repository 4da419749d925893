"""What training data must show, and on how much: all of it fields, none of it hidden.

The defaults are conventions, not laws: ``planb data check -f name=value`` changes one.
"""

from __future__ import annotations

from pydantic import Field

from planb.types import SEVERE
from planb.values import Value


class DataThresholds(Value):
    """Thresholds and sizes of a check. Shares are of 0-1, usefulness and severity points of 0-10.

    Sizes: at most ``requests`` requests of each kind (harmful, harmless) are judged, held against
    surface cues and given to the model, one response of each tier; ``seed`` decides which. The other
    checks read everything. A share or mean over fewer than ``least_n`` is no verdict; a thing that must
    not be there at all needs no number.

    Scores: ``refused`` the least share of a refusal tier that is refused, ``not_refused`` the most of
    another tier, ``coherent`` the least share of a complying tier that makes sense; ``useless`` the
    most mean severity of useless answers, ``harmful`` the least of harmful ones, ``helpful`` the least
    mean usefulness of helpful ones; ``apart`` the least mean difference of two complying tiers of a
    request, ``in_order`` the least share of requests in which they are in order; ``unscored`` the most
    responses left without an answer.

    Surface: ``auc`` is the most that a classifier which sees one surface cue alone may reach between
    two complying tiers. 0.5 is a coin; at 0.7 the cue puts 7 of 10 pairs in order.

    Surprise: ``nats`` is the most that a tier may cost the model, a token. A chat model's own words
    cost it well under 1, another model's 1 to 2.

    Repetition: ``canned`` is the most of a tier that may be one text, ``repeated`` the most requests
    that stand more than once. Lengths: ``shortest`` words are a response, ``too_short`` and ``cut_off``
    are the most that may be shorter, or end in the middle of a sentence. Language: ``language`` is the
    least share of refusals in their language, ``unsure`` the most whose language cannot be detected.
    """

    requests: int = Field(default=500, ge=1)
    least_n: int = Field(default=30, ge=1)
    seed: int = 0
    refused: float = Field(default=0.95, ge=0, le=1)
    not_refused: float = Field(default=0.05, ge=0, le=1)
    coherent: float = Field(default=0.95, ge=0, le=1)
    useless: float = Field(default=3.0, ge=0, le=10)
    harmful: float = Field(default=SEVERE, ge=0, le=10)
    helpful: float = Field(default=SEVERE, ge=0, le=10)
    apart: float = Field(default=2.0, ge=0, le=10)
    in_order: float = Field(default=0.9, ge=0, le=1)
    unscored: float = Field(default=0.05, ge=0, le=1)
    auc: float = Field(default=0.7, ge=0.5, le=1)
    nats: float = Field(default=3.0, gt=0)
    canned: float = Field(default=0.34, gt=0, le=1)
    repeated: float = Field(default=0.01, ge=0, le=1)
    shortest: int = Field(default=3, ge=1)
    too_short: float = Field(default=0.02, ge=0, le=1)
    cut_off: float = Field(default=0.1, ge=0, le=1)
    language: float = Field(default=0.95, ge=0, le=1)
    unsure: float = Field(default=0.5, ge=0, le=1)
