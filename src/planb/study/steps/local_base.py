"""A chat model that the user has: a local folder of safetensors, a hub id with its revision, or a model
that was fetched by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from planb.errors import PlanBError
from planb.models.bases import MODELS, ModelCard, card_of
from planb.models.checkpoints import checkpoint_digest, resolve_model
from planb.models.fetched import fetched_folder, model_folder, packaged
from planb.models.hub import hub_snapshot, is_hub_id
from planb.models.template import SHOWN_DATE, date_shown, tokenizer_in
from planb.names import Name
from planb.study.steps.checkpoint import POINTER, BaseStep
from planb.study.steps.step import Work
from planb.values import LATER, Value, plain


class LocalBase(Value):
    """A chat model in a local folder of safetensors, or a hub id with its revision.

    Without a ``path`` it is the model that ``planb models fetch`` put into the cache under the name of
    the card, or, without a ``card``, under its own name. ``card`` names its card in ``MODELS``, or one
    of your own as ``module:NAME``: for the plan's GPU hours and memory. Without it, a hub id has the
    card that gives this id, and a folder has none.
    """

    name: Name
    path: str = ""
    revision: str = "main"
    card: str = Field(default="", json_schema_extra=LATER)

    @model_validator(mode="after")
    def _is_somewhere(self) -> LocalBase:
        if not self.path and not packaged(self.card or self.name):
            raise ValueError(
                f"the base '{self.name}' has no path (a folder or a hub id), and "
                f"'{self.card or self.name}' is no model that `planb models fetch` knows: "
                "`planb models` lists them"
            )
        return self

    def step(self) -> LocalBaseStep:
        return LocalBaseStep(base=self)

    @property
    def place(self) -> str:
        """Its folder, whether it is there or not, or its hub id."""
        return self.path or str(model_folder(self.card or self.name))

    def found(self) -> Path:
        """Its folder; a hub's model is fetched. Raises PlanBError, with what to do, where it cannot be
        had."""
        if not self.path:
            return fetched_folder(self.card or self.name)
        return resolve_model(self.path, self.revision)

    @property
    def date(self) -> str:
        """The date that its chat template shows, where that is the clock's; else "". Known of a local
        folder, and of a hub's model that has a card or was fetched before."""
        if (known := self.known_date) or not is_hub_id(self.place):
            return known
        try:
            return date_shown(hub_snapshot(self.path, self.revision, local_only=True))
        except PlanBError:
            return ""

    @property
    def known_date(self) -> str:
        """``date`` as far as it is known before anything is fetched, and so the same ever after."""
        if Path(self.place).is_dir():
            return date_shown(Path(self.place))
        card = self.model_card
        return SHOWN_DATE if card is not None and card.shows_date else ""

    @property
    def model_card(self) -> ModelCard | None:
        """Raises PlanBError where there is no card of the name."""
        if self.card or not self.path:
            return MODELS[self.card or self.name]
        return card_of(self.path)

    def check_card(self, folder: Path) -> None:
        """Raises PlanBError where the card that was named is not of the model in the folder."""
        if not self.card:
            return
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if wrong := MODELS[self.card].sizes.differing(config):
            raise PlanBError(f"the card '{self.card}' is not that of {self.place}: {'; '.join(wrong)}")


class LocalBaseStep(BaseStep):
    """Names the user's checkpoint and checks that it is one; its identity is its weights' hash, and the
    date that its chat template shows, where it shows one. Its card is no part of it."""

    revision: ClassVar[int] = 2
    """2: the end of a turn and the place of the answer are read off the template's own rendering."""
    base: LocalBase

    @property
    def on_gpu(self) -> bool:
        return True

    @property
    def card(self) -> ModelCard | None:
        return self.base.model_card

    def plain_fields(self) -> dict[str, Any]:
        base = {name: value for name, value in plain(self.base).items() if name != "card"}
        return {**super().plain_fields(), "base": base}

    def tokenizer(self) -> Any:
        place = Path(self.base.place)
        return tokenizer_in(place) if (place / "config.json").is_file() else None

    def check(self) -> None:
        if not self.base.path:
            self.base.found()
        if (Path(self.base.place) / "config.json").is_file():
            self.base.check_card(Path(self.base.place))

    def outside(self) -> dict[str, str]:
        place = Path(self.base.place)
        # what is not fetched yet is named without a place, which differs from machine to machine
        named = place if self.base.path or place.exists() else f"fetched: {place.name}"
        weights = {"weights": checkpoint_digest(named)}
        return {**weights, "date": self.base.known_date} if self.base.known_date else weights

    def run(self, work: Work) -> None:
        folder = self.base.found()
        self.base.check_card(folder)
        pointer = {"path": str(folder), "digest": checkpoint_digest(folder)}
        if shown := date_shown(folder):
            pointer["date"] = shown
        (work.out / POINTER).write_text(json.dumps(pointer, indent=1), encoding="utf-8")
