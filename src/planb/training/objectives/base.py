"""What an objective sees, what it gives, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import model_validator

from planb.errors import PlanBError
from planb.values import Value

Tensor = Any

NLL = Literal["response", "tokens", "sequence"]
"""Over what the NLL of the better responses is averaged; see ``better_nll``."""


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of a batch, as objectives take them: (R,) tensors, in float32 or float64.

    ``s`` the summed log-probability (nats) of each response, ``n`` its length in tokens, ``r`` the
    reference's sum; ``prompt_s`` and ``prompt_n`` the same of the tokens of the response's prompt, all
    but the first (nothing predicts it), there only where the objective ``needs_prompt``.
    """

    s_R: Tensor
    n_R: Tensor
    r_R: Tensor | None = None
    prompt_s_R: Tensor | None = None
    prompt_n_R: Tensor | None = None

    @property
    def m_R(self) -> Tensor:
        """(R,) mean log-probability per token."""
        return self.s_R / self.n_R


@dataclass(frozen=True)
class Pairs:
    """P pairs of E examples. ``better`` and ``worse`` are places in R, ``example`` one in E (all long);
    ``weight`` is a float >= 0, and only its share among an example's weights counts."""

    example_P: Tensor
    better_P: Tensor
    worse_P: Tensor
    weight_P: Tensor
    examples: int

    def mean(self, value_P: Tensor) -> Tensor:
        """(E,) weighted mean over each example's pairs; 0 for an example without pairs (of weight)."""
        weight_P = self.weight_P.to(value_P.dtype)
        total_E = value_P.new_zeros(self.examples).index_add(0, self.example_P, weight_P)
        share_P = weight_P / total_E.where(total_E > 0, 1)[self.example_P]
        return value_P.new_zeros(self.examples).index_add(0, self.example_P, share_P * value_P)


@dataclass(frozen=True)
class Forward:
    """A batch's forward pass in training, for an objective that looks inside the model.

    ``model`` is the causal language model without wrappers (adapters are in its layers); ``batch`` as
    ``packing.collate`` makes it; ``run`` makes the pass once more, with gradients; ``progress`` is the
    share of the training's updates that are done.
    """

    model: Any
    batch: dict[str, Any]
    pairs: Pairs
    run: Callable[[], Scores]
    progress: float = 0.0


Further = Callable[[], dict[str, Tensor]]


class Objective(Value):
    """A preference objective: a loss in named parts. Rows with one response have no pair: they take
    ``nll``."""

    @model_validator(mode="after")
    def _has_a_loss(self) -> Self:
        own = (type(self).pair_parts, type(self).parts, type(self).loss)
        if own == (Objective.pair_parts, Objective.parts, Objective.loss):
            raise ValueError("it has no loss: write its `pair_parts`, or its `parts`")
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether a reference model is needed (``Scores.r_R``)."""
        return False

    @property
    def needs_prompt(self) -> bool:
        """Whether the prompts' log-probabilities are needed (``Scores.prompt_s_R`` and
        ``prompt_n_R``)."""
        return False

    @property
    def looks_inside(self) -> bool:
        """Whether it has an ``around``: such objectives need plain or DDP training."""
        return type(self).around is not Objective.around

    def check(self, training: Any) -> None:
        """Raise PlanBError, before anything is run, where training settings do not suit it."""
        if self.looks_inside and training.processes > 1 and training.parallel == "fsdp":
            raise PlanBError(
                f"{type(self).__name__} looks inside the model, and FSDP spreads it over processes: "
                "train with parallel='ddp', or in one process"
            )

    @property
    def passes(self) -> float:
        """How many passes (forward and backward) of each batch it makes: for costs."""
        return 1.0

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        """Entered around each forward pass of a training: an objective may look at hidden states here,
        or perturb them. Yields what gives, after the pass, further named parts of the loss: (E,) each,
        one number for every example, with pairs or without."""
        del forward
        yield dict

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        """Named parts of each pair's loss, (P,) each. A listwise objective has none."""
        raise NotImplementedError(f"{type(self).__name__} has no loss of a pair")

    def parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        """Named parts of each example's loss, (E,) each: the mean over its pairs."""
        return {name: pairs.mean(part_P) for name, part_P in self.pair_parts(scores, pairs).items()}

    def loss(self, scores: Scores, pairs: Pairs) -> Tensor:
        """(E,) loss of each example: the sum of its parts."""
        return sum(self.parts(scores, pairs).values())


def nll(scores: Scores) -> Tensor:
    """(R,) mean negative log-likelihood per token of each response."""
    return -scores.m_R


def better_nll(scores: Scores, pairs: Pairs, over: NLL) -> Tensor:
    """(P,) negative log-likelihood of each pair's better response.

    ``response``: the mean over its own tokens, so that each response counts alike. ``tokens``: each
    token of the pairs' better responses counts alike, as in TRL's CPO. ``sequence``: the same with the
    prompt's tokens, as in TRL's ORPO. The last two divide by the mean length among the pairs that are
    given, so that what a pair counts for depends on those it is given with.
    """
    if over == "response":
        return nll(scores)[pairs.better_P]
    s_R, n_R = scores.s_R, scores.n_R
    if over == "sequence":
        if scores.prompt_s_R is None or scores.prompt_n_R is None:
            raise PlanBError(
                "the NLL over prompt and response needs the prompt's log-probabilities, and the scores "
                'have none: give prompt_s_R and prompt_n_R, or set nll to "response" or "tokens"'
            )
        s_R, n_R = s_R + scores.prompt_s_R, n_R + scores.prompt_n_R
    return -s_R[pairs.better_P] / _mean_length(pairs, n_R[pairs.better_P].to(s_R.dtype))


def log_ratio(scores: Scores) -> Tensor:
    """(R,) log pi(y|x) - log pi_ref(y|x): DPO's implicit reward, but for its factor beta."""
    if scores.r_R is None:
        raise PlanBError(
            "this objective compares with a reference model, and the scores have no reference's "
            "log-probabilities: give r_R, or use an objective without a reference (orpo, simpo, cpo)"
        )
    return scores.s_R - scores.r_R


def _mean_length(pairs: Pairs, n_P: Tensor) -> Tensor:
    """() the mean over the examples of the mean length over their pairs."""
    n_E = pairs.mean(n_P)
    return (n_E.sum() / (n_E > 0).sum().clamp(min=1)).clamp(min=1)
