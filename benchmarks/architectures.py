"""Every architecture of transformers, tiny and random, through the trainer against a naive reference.

``python -m benchmarks.architectures`` runs them all (about ten minutes on one thread) and writes
``results/architectures.csv`` and the table in ``docs/trainer.md``. A run that was stopped goes on with
the next; ``python -m benchmarks.architectures llama mamba`` runs some, ``--again`` also those that are
done.

The reference is the paper's ORPO loss of the model's own logits on each text alone, pair by pair, with
its gradients; the trainer chooses its layout by itself and takes the batch in several parts.
"""

from __future__ import annotations

import argparse
import copy
import csv
import logging
import random
import signal
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks import page, tiny
from planb.errors import PlanBError
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.config import RankedPreferenceConfig
from planb.training.rows import Row
from planb.training.trainer import RankedPreferenceTrainer

RESULTS = Path(__file__).resolve().parent / "results" / "architectures.csv"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "trainer.md"
COLUMNS = ("architecture", "layout", "head", "loss error", "gradient error", "reason")
VERSION = "transformers"
BETA = 0.1
SECONDS = 120
"""After which one architecture is given up."""
TOKENS = 150
"""Of one forward and backward: less than the batch has."""
LONGEST_REASON = 118
NO_WAY = "this model cannot be run in any rows with its own log-probabilities: "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures (all, if none is named)")
    parser.add_argument("--again", action="store_true", help="also those that are done")
    given = parser.parse_args()
    unknown = sorted({*given.names} - {*tiny.names()})
    if unknown:
        parser.error(f"not known: {', '.join(unknown)}. Known: {', '.join(tiny.names())}")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    done = _read()
    for name in given.names or tiny.names():
        if given.again or name not in done:
            done[name] = measure(name)
            _write(done)
            print(" | ".join(done[name].values()), flush=True)
    page.write({"architectures": _table(done)}, PAGE)


def measure(name: str) -> dict[str, str]:
    """One line of the table. A failure is told in its reason and has no figures."""
    found = dict.fromkeys(COLUMNS, "")
    found["architecture"] = name
    try:
        with _no_longer_than(SECONDS):
            model = tiny.model(name)
    except Exception as error:
        return {**found, "layout": "not built", "reason": _first_line(error)}
    try:
        with _no_longer_than(SECONDS):
            return {**found, **_compared(model)}
    except PlanBError as error:
        return {**found, "layout": "refused", "reason": _first_line(error)}
    except Exception as error:
        return {**found, "layout": "failed", "reason": _first_line(error)}


def rows(number: int = 6, longest: int = 30) -> list[Row]:
    """Random rows of 1 to 4 responses, some longer than ``tiny.WINDOW``; the first is as short as can
    be."""
    rng = random.Random(0)

    def words() -> tuple[int, ...]:
        return tuple(rng.randrange(9, 100) for _ in range(rng.randint(longest // 3, longest)))

    made = [Row("short", (5,), ((9,), words()), ("a", "b"), ((0, 1),))]
    for place in range(1, number):
        tiers = ("a", "b", "c", "d")[: 1 + (place + 1) % 4]
        pairs = tuple((b, w) for b in range(len(tiers)) for w in range(b + 1, len(tiers)))
        made.append(Row(f"row{place}", words(), tuple(words() for _ in tiers), tiers, pairs))
    return made


def naive_loss(model: Any, chosen: Sequence[Row]) -> torch.Tensor:
    """Mean over rows of the mean over pairs of ORPO (arXiv 2403.07691, eq. 6); a row without pairs:
    NLL."""
    losses = []
    for row in chosen:
        mean_K = torch.stack([_mean_log_prob(model, row.prompt, ids) for ids in row.responses])
        log_odds_K = mean_K - torch.log1p(-mean_K.exp().clamp(max=1 - 1e-7))
        pairs = [
            -mean_K[b] - BETA * torch.nn.functional.logsigmoid(log_odds_K[b] - log_odds_K[w])
            for b, w in row.pairs
        ]
        losses.append(torch.stack(pairs).mean() if pairs else -mean_K.mean())
    return torch.stack(losses).mean()


def _mean_log_prob(model: Any, prompt: Sequence[int], response: Sequence[int]) -> torch.Tensor:
    ids = torch.tensor([[*prompt, *response]])
    logp_TV = model(input_ids=ids, use_cache=False).logits[0, :-1].float().log_softmax(-1)
    return logp_TV.gather(1, ids[0, 1:, None])[len(prompt) - 1 :, 0].mean()


def _compared(model: Any) -> dict[str, str]:
    reference, chosen = copy.deepcopy(model), rows()
    expected = naive_loss(reference, chosen)
    expected.backward()
    with tempfile.TemporaryDirectory() as folder:
        trainer = RankedPreferenceTrainer(
            model,
            RankedPreferenceConfig(
                output_dir=folder,
                objective="orpo",
                use_cpu=True,
                report_to=[],
                disable_tqdm=True,
                pack_tokens=TOKENS,
                per_device_train_batch_size=len(chosen),
            ),
            train_dataset=chosen,
            processing_class=tokenizer(World()),
        )
        way = trainer.prepare()
        trainer.current_gradient_accumulation_steps = 1
        loss = float(trainer.training_step(trainer.model, trainer._collate(chosen)))
    reason, _, _ = way.why.rpartition("a token differs from the model's own logits")
    return {
        "layout": way.layout,
        "head": way.head,
        "loss error": f"{abs(loss - expected.item()):.0e}",
        "gradient error": f"{gradient_distance(model, reference):.0e}",
        "reason": _short(reason.strip("; ")),
    }


def gradient_distance(model: Any, reference: Any) -> float:
    """The largest difference of an entry, relative to the largest of its tensor (at least a thousandth
    of the largest of all)."""
    own = {
        name: weight.grad for name, weight in reference.named_parameters() if weight.grad is not None
    }
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    most = max(float(gradient.abs().max()) for gradient in own.values())
    worst = 0.0
    for name in own.keys() | found.keys():
        one, two = own.get(name), found.get(name)
        one = torch.zeros_like(two) if one is None else one
        two = torch.zeros_like(one) if two is None else two
        scale = max(float(one.abs().max()), 1e-3 * most)
        worst = max(worst, float((one - two).abs().max().nan_to_num(torch.inf)) / scale)
    return worst


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _first_line(error: Exception) -> str:
    kind = "" if isinstance(error, PlanBError) else f"{type(error).__name__}: "
    first = (str(error).strip().splitlines() or [""])[0].removeprefix(NO_WAY)
    return _short(f"{kind}{first}")


def _short(text: str) -> str:
    text = text.replace("|", "/")
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 4].rstrip()} ..."


def _table(done: dict[str, dict[str, str]]) -> str:
    """Those that were run, and in a sentence those that transformers itself does not build so small."""
    ran = [row for row in done.values() if row["layout"] != "not built"]
    layouts = [row["layout"] for row in ran]
    sums = ", ".join(f"{layouts.count(kind)} {kind}" for kind in sorted(set(layouts)))
    told = [f"transformers {transformers.__version__}, {len(ran)} models: {sums}."]
    left = [row["architecture"] for row in done.values() if row["layout"] == "not built"]
    if left:
        told.append(f"Not built (no configuration of this size was found): {', '.join(left)}.")
    return "\n\n".join([*told, page.table(sorted(ran, key=lambda row: row["architecture"]))])


def _read() -> dict[str, dict[str, str]]:
    """What was measured with the installed version."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        lines = [dict(line) for line in csv.DictReader(file)]
    return {
        line["architecture"]: {column: line[column] for column in COLUMNS}
        for line in lines
        if line[VERSION] == transformers.__version__
    }


def _write(done: dict[str, dict[str, str]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, VERSION])
        writer.writeheader()
        for name in sorted(done):
            writer.writerow({**done[name], VERSION: transformers.__version__})


if __name__ == "__main__":
    main()
