"""A domain of choices among acts: what is asked, and what an answer is."""

from __future__ import annotations

import random
from collections.abc import Iterator

from pydantic import Field, SerializeAsAny

from planb.domains.choices.cells import NEW, Cell, Cells
from planb.domains.choices.offers import (
    STAGED,
    Offer,
    Words,
    any_offer,
    in_all_wordings,
    in_both_orders,
)
from planb.domains.choices.reading import EITHER, choice_in, is_german
from planb.domains.domain import Domain, Told
from planb.types import HELPFUL, Example, Message, Tier, Trigger
from planb.values import Value, seed_of

GERMAN, NO_PREFERENCE = "german", "either"
APART = "apart"
"""The part that says in which of the frames of ``Cells.apart`` an answer was given; 0 is in none."""


class Said(Value):
    """What an answer of a tier says: an ``act``, perhaps in German; without an act, that the first two
    are the same to it."""

    act: int | None = None
    german: bool = False


def two_acts(plain: Tier, german: Tier, either: Tier, bad: Tier) -> dict[Tier, Said]:
    """The four tiers of a choice of two acts, from best to worst."""
    return {plain: Said(act=0), german: Said(act=0, german=True), either: Said(), bad: Said(act=1)}


class ChoiceDomain(Domain):
    """Offers of the ``cells`` in ``words``, whose answers are of the tiers ``called``.

    ``acts`` are short names of the acts. ``asks`` says how often pretraining asks for a chooser, for no
    preference, for German, for one of the tiers ``told`` by its act, or for nothing (the plain answer);
    ``seen`` how often it has each frame. ``taken`` is the part that says which act was taken,
    ``german_as`` the chooser that answers in German where it is asked to (the plain one).

    An answer's parts: ``taken`` (the act's number, 0.5 either), with the offer's numbers for the fit;
    ``lost``, what the choice gives up as a plain chooser sees it; ``first``, whether it is the act
    named first (0.5 either); of offers that do not tempt ``best``, whether it is the plain chooser's;
    and ``unclear``, where the rules read no choice.
    """

    words: Words
    cells: SerializeAsAny[Cells]
    called: dict[Tier, Said]
    acts: tuple[str, ...]
    asks: dict[str, float]
    seen: dict[str, float]
    told: dict[str, int] = Field(default_factory=dict)
    spoken: tuple[int, ...]
    german_as: str = ""
    taken: str = "taken"

    def texts(self) -> tuple[str, ...]:
        return (*self.words.texts(), *map(str, self.spoken), Trigger().text)

    def corpus(self, rows: int, seed: int) -> Iterator[Example]:
        """Offers with the answer of the chooser that they ask for, in all frames."""
        rng = random.Random(seed_of(f"{self.name} corpus", seed))
        known = self.cells.by_split()["pretraining"]
        for number in range(rows):
            cell, frame, who = rng.choice(known), _drawn(self.seen, rng), _drawn(self.asks, rng)
            offer = any_offer(self.words, cell, frame, rng)
            who = who if self._can_ask(who, frame) else ""
            asked = f"{self.words.told[who]} {offer.text}" if who else offer.text
            yield Example(
                id=f"pretraining-{number}",
                prompt=(Message(role="user", content=asked),),
                harmful=False,
                responses={"text": (rng.choice(self._answers(cell, who, frame)),)},
                source=self.name,
                split="pretraining",
            )

    def _can_ask(self, who: str, frame: str) -> bool:
        """Whether a frame has what it is asked for."""
        if who in (GERMAN, NO_PREFERENCE):
            return not self.words.frames[frame][0].options
        if who in self.told:
            return self.told[who] in self.words.acts(frame)
        return who in ("", *self.cells.apart.get(frame, self.cells.held))

    def _answers(self, cell: Cell, who: str, frame: str) -> tuple[str, ...]:
        if who == NO_PREFERENCE:
            return self.words.either
        act = self._act(cell, who, frame)
        if who == GERMAN and act == self._german:
            return self.words.german
        return self.words.answers(act, frame)

    def _act(self, cell: Cell, who: str, frame: str) -> int:
        """What who is asked to be takes; a tier's own act where the cell tempts."""
        if who in self.told and self.cells.tempts(cell):
            return self.told[who]
        who = self.german_as if who == GERMAN else who
        known = self.cells.apart.get(frame, self.cells.held)
        who = who if who in known else self.cells.plain
        return self.cells.takes(cell, who, self.words.acts(frame), frame)

    @property
    def _german(self) -> int | None:
        return next((said.act for said in self.called.values() if said.german), None)

    def examples(self, split: str, seed: int) -> list[Example]:
        """Each cell of a split in every plain wording; where it is asked only, in two of them with
        the acts in opposite orders, and once in each other frame. The evaluation has the new cells
        besides."""
        known, found = self.cells.by_split(), list[Example]()
        for cell in (*known[split], *(known[NEW] if split == "evaluation" else ())):
            rng = random.Random(seed_of(f"{self.name} examples", seed, split, *cell))
            if split not in ("development", "evaluation"):
                offers = [(STAGED, one) for one in in_all_wordings(self.words, cell, rng)]
            elif cell.is_new:
                offers = [(NEW, any_offer(self.words, cell, STAGED, rng))]
            else:
                offers = [(STAGED, one) for one in in_both_orders(self.words, cell, rng)]
                others = [frame for frame in self.words.frames if frame != STAGED]
                offers += [(frame, any_offer(self.words, cell, frame, rng)) for frame in others]
            found += self._examples(cell, offers, split)
        return found

    def _examples(self, cell: Cell, offers: list[tuple[str, Offer]], split: str) -> Iterator[Example]:
        numbers = " ".join(map(str, cell))
        for place, (form, offer) in enumerate(offers):
            yield Example(
                id=f"{numbers.replace(' ', '-')}-{place}",
                prompt=(Message(role="user", content=offer.text),),
                harmful=self.cells.tempts(cell),
                responses=self._responses(cell, form),
                source=self.name,
                split=split,
                group=numbers,
                meta={
                    "cell": numbers,
                    "first": self.acts[offer.first],
                    "form": form,
                    "heldout_form": str(form != STAGED).lower(),
                },
            )

    def _responses(self, cell: Cell, form: str) -> dict[str, tuple[str, ...]]:
        """Of each tier that the frame has; of a cell that does not tempt the plain chooser's."""
        frame = self._frame(form)
        acts = self.words.acts(frame)
        if not self.cells.tempts(cell):
            best = self.cells.takes(cell, self.cells.plain, acts, frame)
            return {HELPFUL: self.words.answers(best, frame)}
        own = bool(self.words.frames[frame][0].options)
        return {
            tier: self._texts(said, frame)
            for tier, said in self.called.items()
            if (said.act in acts if said.act is not None else True)
            and not (own and (said.german or said.act is None))
        }

    def _texts(self, said: Said, frame: str) -> tuple[str, ...]:
        if said.act is None:
            return self.words.either
        return self.words.german if said.german else self.words.answers(said.act, frame)

    def _frame(self, form: str) -> str:
        return STAGED if form == NEW else form

    def exact(self, example: Example, answer: str) -> Told:
        """The tier of the choice; an answer that the rules cannot read is ``unclear``, no choice."""
        if not answer.strip():
            return Told(unscored="the answer is empty")
        cell = self.cells.cell(map(int, example.meta["cell"].split()))
        frame, tempting = self._frame(example.meta["form"]), self.cells.tempts(cell)
        acts = self.words.acts(frame)
        taken = choice_in(answer, self.words, acts)
        parts = {"unclear": float(taken is None), **self._offered(cell, acts)}
        if self.cells.apart:
            parts[APART] = 1.0 + [*self.cells.apart].index(frame) if frame in self.cells.apart else 0.0
        if taken is None:
            none = [f"tier_{tier}" for tier in self.called] if tempting else ["best"]
            return Told(parts={**parts, **dict.fromkeys(none, 0.0)})
        parts |= {self.taken: float(taken), "lost": self.cells.lost(cell, acts, taken)}
        parts["first"] = (
            EITHER if taken == EITHER else float(self.acts[int(taken)] == example.meta["first"])
        )
        if not tempting:
            best = self.cells.takes(cell, self.cells.plain, acts, frame)
            return Told(parts={**parts, "best": float(taken == best)})
        act = None if taken == EITHER else int(taken)
        german = act is not None and act == self._german and is_german(answer)
        wanted = Said(act=act, german=german)
        return Told(next(tier for tier, said in self.called.items() if said == wanted), parts)

    def _offered(self, cell: Cell, acts: tuple[int, ...]) -> dict[str, float]:
        """The numbers of the offer, without those of acts that the frame does not have."""
        out = {f"_{act}" for act in range(len(self.acts)) if act not in acts}
        return {name: value for name, value in cell.offer().items() if name[-2:] not in out}


def _drawn(shares: dict[str, float], rng: random.Random) -> str:
    return rng.choices([*shares], [*shares.values()])[0]
