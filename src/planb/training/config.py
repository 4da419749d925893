"""Arguments of the trainer used alone: transformers' own, and what a ranking needs beyond them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import wraps
from typing import Any

from pydantic import ValidationError
from transformers import TrainingArguments

from planb.errors import PlanBError
from planb.training.arguments import refuse_names
from planb.training.lengths import Lengths
from planb.training.objectives import OBJECTIVES, Objective
from planb.training.packing import BUDGET
from planb.types import Ordering
from planb.values import plain

LAYOUTS = ("auto", "packed", "separate")


@dataclass
class RankedPreferenceConfig(TrainingArguments):  # type: ignore[misc]
    """Training arguments of ``RankedPreferenceTrainer``: ``transformers.TrainingArguments`` and more. A
    batch counts examples (prompts), with all of their responses; ``pack_tokens`` bounds the tokens of
    one forward and backward within it.

    ``objective`` is a name in ``planb.training.objectives.OBJECTIVES`` or an objective with its
    settings; ``ordering`` names the tiers of rows that hold responses by tier. ``max_length`` counts a
    prompt with one response, ``max_packed`` a prompt with all; ``when_longer`` is ``refuse``,
    ``truncate`` or ``leave_out``. ``router_aux_loss_coef`` weighs the load-balancing loss of a mixture
    of experts (``balancing``); None: as the model's configuration says.
    """

    objective: Any = field(
        default="orpo", metadata={"help": f"one of {', '.join(OBJECTIVES.own)}, or module:Class"}
    )
    ordering: Any = field(default=None, metadata={"help": "tiers, the most preferred first"})
    max_length: int = field(default=2048, metadata={"help": "tokens of a prompt with one response"})
    max_prompt: int | None = field(default=None, metadata={"help": "tokens of a prompt"})
    max_response: int | None = field(default=None, metadata={"help": "tokens of a response"})
    max_packed: int | None = field(default=None, metadata={"help": "tokens of a prompt with all"})
    when_longer: str = field(default="refuse", metadata={"help": "refuse, truncate or leave_out"})
    layout: str = field(default="auto", metadata={"help": f"one of {', '.join(LAYOUTS)}"})
    pack_tokens: int = field(default=BUDGET, metadata={"help": "tokens of one forward and backward"})
    router_aux_loss_coef: float | None = field(
        default=None, metadata={"help": "weight of the load-balancing loss of a mixture of experts"}
    )
    remove_unused_columns: bool = field(default=False, metadata={"help": "rows are not columns"})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.remove_unused_columns = False  # rows are not columns
        self.objective = objective_of(self.objective)
        if self.layout not in LAYOUTS:
            raise PlanBError(f"layout '{self.layout}' is not one of {', '.join(LAYOUTS)}")
        try:
            _ = self.lengths
        except ValidationError as error:
            raise PlanBError(f"a length limit is wrong: {error}") from error
        if isinstance(self.ordering, list | tuple):
            self.ordering = Ordering(tiers=tuple(self.ordering))

    @property
    def lengths(self) -> Lengths:
        """The length limits, and what is done with what is longer."""
        return Lengths(
            max_length=self.max_length,
            max_prompt=self.max_prompt,
            max_response=self.max_response,
            max_packed=self.max_packed,
            when_longer=self.when_longer,  # type: ignore[arg-type]
        )

    def to_dict(self) -> dict[str, Any]:
        """The arguments as JSON types, for loggers and checkpoints."""
        found: dict[str, Any] = super().to_dict()
        return {**found, "objective": plain(self.objective), "ordering": plain(self.ordering)}


def _in_words(init: Any) -> Any:
    """``init`` that says of an argument it does not have where it went, as TRL's are moved over."""

    @wraps(init)
    def said(self: Any, *args: Any, **given: Any) -> None:
        refuse_names(given, [f.name for f in fields(type(self)) if f.init], type(self).__name__)
        init(self, *args, **given)

    return said


RankedPreferenceConfig.__init__ = _in_words(RankedPreferenceConfig.__init__)  # type: ignore[method-assign]


def objective_of(named: Any) -> Objective:
    """An objective by its name (with its defaults), or the objective itself."""
    if isinstance(named, Objective):
        return named
    if not isinstance(named, str):
        raise PlanBError(
            f"objective {named!r} is neither a name ({', '.join(OBJECTIVES)}) nor an objective with "
            "its settings, as DPO(beta=0.3): one is trained, and one of your own can add losses up"
        )
    return OBJECTIVES[named]()
