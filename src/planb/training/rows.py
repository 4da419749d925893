"""Examples -> tokenized rows -> a schedule of updates.

A row is one request with the responses that stand in its ranking, and the pairs among them. A row
with one response and no pair is plain SFT: the same trainer serves pretraining and both stages.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from planb.errors import PlanBError
from planb.models.trajectories import Exchange, encoded
from planb.thoughts import Predicted
from planb.training.lengths import Counts, Lengths
from planb.training.pairs import Left, trainable
from planb.types import Example, Ordering, Tier
from planb.values import seed_of

LOG = logging.getLogger(__name__)
CHUNK = 512
"""Examples that are tokenized at a time where only their lengths are wanted."""


@dataclass(frozen=True)
class Row:
    """A request and its responses as token ids. ``pairs`` are (better, worse) places in ``responses``;
    ``weights`` one a pair (empty: all 1); ``tiers`` one a response, and a tier may stand several times.
    ``reference`` is the reference's summed log-probability of each response (empty: there is none).
    ``given`` are the places in each response of tokens that are read and not predicted, what tools
    answered or thoughts that are masked (empty: none).
    """

    key: str
    prompt: tuple[int, ...]
    responses: tuple[tuple[int, ...], ...]
    tiers: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    weights: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()
    given: tuple[tuple[int, ...], ...] = ()

    def own(self, at: int) -> list[int]:
        """The places of the tokens of a response that are predicted."""
        given = set(self.given[at]) if self.given else set()
        return [place for place in range(len(self.responses[at])) if place not in given]

    @property
    def packed_tokens(self) -> int:
        """The prompt once and each response once."""
        return len(self.prompt) + sum(map(len, self.responses))

    @property
    def separate_tokens(self) -> int:
        """The prompt again before each response."""
        return len(self.prompt) * (len(self.responses) - 1) + self.packed_tokens


@dataclass(frozen=True)
class Ranking:
    """Examples with the ordering they are trained in, and their share of every batch.

    An ordering of one tier is SFT on it. ``per_tier`` is how many of a tier's responses stand in one
    row, side by side; a tier with fewer gives all it has. ``predicted`` are the parts of responses that
    have thoughts.
    """

    examples: Sequence[Example]
    ordering: Ordering
    share: float = 1.0
    per_tier: int = 1
    predicted: Predicted = "all"

    def __post_init__(self) -> None:
        if self.per_tier < 1:
            raise PlanBError(f"per_tier is {self.per_tier}: a row needs at least 1 response of a tier")


def schedule(
    rankings: Sequence[Ranking],
    tokenizer: Any,
    steps: int,
    batch: int,
    seed: int,
    lengths: Lengths | int,
    counts: Counts | None = None,
) -> list[Row]:
    """``steps x batch`` rows in training order, every batch with the rankings in their shares.

    Each ranking goes round its examples in an order shuffled anew each round; which of a tier's
    several responses are used changes from round to round. The order depends on ``seed``, on the
    place of the ranking and on its examples' ids, not on the ordering: methods that share their
    requests see them in the same order.

    ``lengths`` says what is done with what is too long (a number: the ``max_length`` of what is
    refused), and ``counts`` counts it. An example is left out of every round, so that steps stay
    full, if any row it could give is too long, or if no pair of a row that it gives is left: pairs of a
    text over itself, and those that rows of one prompt in one ranking have both ways round, are not
    trained (``planb.training.pairs``); two rankings may well have two orders. Raises PlanBError if
    nothing is left.
    """
    for ranking in rankings:
        check_tiers(ranking.examples, ranking.ordering)
    lengths, counts = Lengths.of(lengths), Counts() if counts is None else counts
    numbers = split_batch([ranking.share for ranking in rankings], batch)
    out = [_left_out(ranking, tokenizer, lengths, counts) for ranking in rankings]
    rows = dict[_Wanted, tuple[Row, Counts]]()
    while True:
        streams = [
            visits_of(ranking, seed_of("schedule", seed, place), steps * number, out[place])
            for place, (ranking, number) in enumerate(zip(rankings, numbers, strict=True))
        ]
        wanted = [
            _Wanted(place, at, chosen(rankings[place], at, pick))
            for step in range(steps)
            for place, number in enumerate(numbers)
            for at, pick in streams[place][step * number : (step + 1) * number]
        ]
        distinct = list(dict.fromkeys(wanted))
        rows |= _rows([want for want in distinct if want not in rows], rankings, tokenizer, lengths)
        left = _left(distinct, rows)
        if not _without_pairs(left, rankings, out, counts):
            break
    for want, one in left.items():
        counts.add(rows[want][1])
        counts.same_text += one.same_text
        counts.contradicting += one.contradicting
    if counts.same_text or counts.contradicting:
        LOG.warning("%s", counts)
    return [row for want in wanted if (row := left[want].row)]


def ranked(
    tiers: Sequence[Tier], ordering: Ordering
) -> tuple[tuple[tuple[int, int], ...], tuple[float, ...]]:
    """(pairs, weights) of a row whose responses have these tiers: each of a better tier over each of
    a worse one. Two tiers' pairs weigh together what the ordering says, however many they are."""
    places: dict[Tier, list[int]] = {tier: [] for tier in ordering.tiers}
    for place, tier in enumerate(tiers):
        places[tier].append(place)
    pairs, weights = [], []
    for better, worse in ordering.preferences():
        between = [(b, w) for b in places[better] for w in places[worse]]
        pairs += between
        weights += [ordering.weight(better, worse) / len(between) for _ in between]
    return tuple(pairs), () if set(weights) <= {1.0} else tuple(weights)


class _Wanted(NamedTuple):
    """A visit: which ranking, which of its examples, and which responses as (tier, text)."""

    place: int
    at: int
    texts: tuple[tuple[Tier, str], ...]


def given_of(texts: Sequence[Exchange]) -> tuple[tuple[int, ...], ...]:
    """``Row.given`` of the texts of a row. Raises PlanBError where these have several prompts."""
    if any(one.prompt != texts[0].prompt for one in texts):
        raise PlanBError(
            "some responses to a request think and others do not, and this model's template says in "
            "the prompt which: give all of them thoughts, or none"
        )
    given = tuple(one.given for one in texts)
    return given if any(given) else ()


def check_tiers(examples: Sequence[Example], ordering: Ordering) -> None:
    """Raise PlanBError, naming rows, if an example lacks a tier that the ordering trains."""
    if not examples:
        raise PlanBError(f"there is no example to train {ordering} on")
    for tier in ordering.tiers:
        missing = [example.id for example in examples if tier not in example.responses]
        if missing:
            some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise PlanBError(
                f"{len(missing)} of {len(examples)} examples have no response of tier '{tier}', which "
                f"the ordering {ordering} trains: {some}. Add the tier to "
                "the data, or use another method."
            )


def split_batch(shares: Sequence[float], batch: int) -> list[int]:
    """Whole numbers of rows a batch, by the largest remainder; every share gets at least one."""
    whole = sum(shares)
    exact = [share / whole * batch for share in shares]
    counts = [int(part) for part in exact]
    for place in sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])[: batch - sum(counts)]:
        counts[place] += 1
    if min(counts) < 1:
        raise PlanBError(f"a batch of {batch} is too small for the shares {tuple(shares)}")
    return counts


def visits_of(ranking: Ranking, seed: int, number: int, left_out: set[int]) -> list[tuple[int, int]]:
    """``number`` pairs of (place of the example, which of its responses)."""
    rng = random.Random(seed)
    visits: list[tuple[int, int]] = []
    while len(visits) < number:
        order = list(range(len(ranking.examples)))
        rng.shuffle(order)
        dealt = [(at, rng.randrange(2**31)) for at in order]
        visits.extend(visit for visit in dealt if visit[0] not in left_out)
    return visits[:number]


def chosen(ranking: Ranking, at: int, pick: int) -> tuple[tuple[Tier, str], ...]:
    """``per_tier`` distinct responses of each tier of the ordering, from a place that ``pick`` says."""
    found: list[tuple[Tier, str]] = []
    for tier in ranking.ordering.tiers:
        texts = ranking.examples[at].responses[tier]
        first = pick % len(texts)
        distinct = dict.fromkeys((*texts[first:], *texts[:first]))
        found += [(tier, text) for text in list(distinct)[: ranking.per_tier]]
    return tuple(found)


def _left_out(ranking: Ranking, tokenizer: Any, lengths: Lengths, counts: Counts) -> set[int]:
    """Places of the examples that could give a row that is too long, where such are left out."""
    if lengths.when_longer != "leave_out":
        return set()
    found = set()
    for start in range(0, len(ranking.examples), CHUNK):
        chunk = ranking.examples[start : start + CHUNK]
        texts = [[dict.fromkeys(e.responses[t]) for t in ranking.ordering.tiers] for e in chunk]
        asked = [
            (e.prompt, t) for e, tiers in zip(chunk, texts, strict=True) for ts in tiers for t in ts
        ]
        found_ids = iter(encoded(tokenizer, asked))
        for at, tiers in enumerate(texts, start):
            prompt, longest = 0, list[int]()
            for tier in tiers:
                ids = [next(found_ids) for _ in tier]
                prompt = len(ids[0].prompt)
                longest += sorted(len(one.response) for one in ids)[-ranking.per_tier :]
            if lengths.excess(prompt, longest):
                found.add(at)
    if len(found) == len(ranking.examples):
        raise PlanBError(
            f"all {len(found)} examples to train {ranking.ordering} on are longer than the limits "
            f"({lengths}), so nothing is left. Raise the limits, or set when_longer to 'truncate'."
        )
    counts.left_out += len(found)
    return found


def _left(
    distinct: Sequence[_Wanted], rows: Mapping[_Wanted, tuple[Row, Counts]]
) -> dict[_Wanted, Left]:
    """What is left of each row. A ranking is looked at by itself: a study that trains the same texts in
    two orders says so by two rankings."""
    left = dict[_Wanted, Left]()
    for place in {want.place for want in distinct}:
        some = [want for want in distinct if want.place == place]
        texts = [[text.strip() for _, text in want.texts] for want in some]
        found = trainable([rows[want][0] for want in some], texts)
        left |= dict(zip(some, found, strict=True))
    return left


def _without_pairs(
    left: Mapping[_Wanted, Left],
    rankings: Sequence[Ranking],
    out: Sequence[set[int]],
    counts: Counts,
) -> bool:
    """Whether a row has no pair left; such examples are put into ``out`` (a set a ranking), and
    counted with their pairs."""
    gone = set[tuple[int, int]]()
    for want, one in left.items():
        if one.row is None:
            gone.add((want.place, want.at))
            counts.same_text += one.same_text
            counts.contradicting += one.contradicting
    for place, at in gone:
        out[place].add(at)
    for place, ranking in enumerate(rankings):
        if len(out[place]) == len(ranking.examples):
            raise PlanBError(
                f"no example is left to train {ranking.ordering} on: in each, tiers that are compared "
                f"have the same text, or rows of one prompt contradict each other (e.g. "
                f"'{ranking.examples[0].id}'). Give the tiers different texts"
            )
    counts.pairless += len(gone)
    return bool(gone)


def _rows(
    distinct: Sequence[_Wanted], rankings: Sequence[Ranking], tokenizer: Any, lengths: Lengths
) -> dict[_Wanted, tuple[Row, Counts]]:
    """Each of these visits as a row, all of them tokenized together, and what the limits did to it."""
    examples = [rankings[want.place].examples[want.at] for want in distinct]
    asked = [(e.prompt, text) for e, w in zip(examples, distinct, strict=True) for _, text in w.texts]
    predicted = [rankings[want.place].predicted for want in distinct for _ in want.texts]
    ids = iter(encoded(tokenizer, asked, predicted))
    rows = {}
    for want, example in zip(distinct, examples, strict=True):
        texts, counts = [next(ids) for _ in want.texts], Counts()
        responses = [tuple(one.response) for one in texts]
        fitted = lengths.fit(f"example '{example.id}'", tuple(texts[0].prompt), responses, counts)
        assert fitted is not None, "what is left out is never wanted"
        tiers = tuple(tier for tier, _ in want.texts)
        pairs, weights = ranked(tiers, rankings[want.place].ordering)
        given = given_of(texts)
        rows[want] = Row(example.id, *fitted, tiers, pairs, weights, given=given), counts
    return rows
