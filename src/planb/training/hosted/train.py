"""Rankings -> a job at a host -> a hosted checkpoint."""

from __future__ import annotations

from pathlib import Path

from planb.errors import PlanBError
from planb.training.hosted.checkpoint import (
    HostedCheckpoint,
    HostedIdentity,
    HostedSpend,
    read_hosted,
)
from planb.training.hosted.host import Host
from planb.training.hosted.job import LARGEST_SEED, JobSpec, Progress, file_hash, run_job
from planb.training.hosted.rows import Kind, about_tokens, check_hosted, rows_of, write_rows
from planb.training.objectives import DPO, Objective
from planb.training.recipe import Recipe
from planb.training.settings import Training

ROWS = "rows.jsonl"


def train_hosted(
    start: Path,
    recipe: Recipe,
    out: Path,
    host: Host,
    rate: float | None,
    against: str,
    progress: Progress | None = None,
) -> HostedCheckpoint:
    """Train the hosted checkpoint in ``start`` at its host and write the new one into ``out``.

    Of the recipe's training only ``steps`` and ``batch`` are used: the file has so many rows, and the
    host goes through it once. ``rate`` multiplies the host's learning rate; ``against`` is that of
    ``rows_of``. What a killed run left in ``out`` or at the host is taken up. Raises PlanBError before
    anything is sent for what the host does not offer or the budget does not allow, later with the
    host's own words.
    """
    objective, training, seed = recipe.objective, recipe.training, recipe.seed
    kind = check_hosted(objective, [ranking.ordering for ranking in recipe.rankings], training)
    begun, rows = read_hosted(start), rows_of(recipe, kind, against)
    spend = HostedSpend(rows=len(rows), about_tokens=about_tokens(rows))
    check_budget(host, spend.about_tokens)
    path = write_rows(rows, out / ROWS)
    spec = JobSpec(
        base_url=begun.identity.base_url,
        model=begun.identity.model,
        method=kind,
        hyperparameters=_hyperparameters(objective, training, rate),
        seed=seed % LARGEST_SEED,
        rows=file_hash(path),
    )
    job = run_job(host, spec, path, out, progress)
    made = HostedCheckpoint(
        identity=HostedIdentity(
            base_url=spec.base_url,
            model=job.fine_tuned_model or "",
            start=spec.model,
            job=job.id,
            method=kind,
            hyperparameters=spec.hyperparameters,
            seed=spec.seed,
            rows=spec.rows,
        ),
        spend=spend.but(trained_tokens=job.trained_tokens, usd=usd(host, job.trained_tokens)),
        notes=notes(kind, training),
    )
    told = {"host": spec.base_url, "model": made.identity.model, "trained from": spec.model}
    made.write(out, recipe.card.but(made_with={**recipe.card.made_with, **told}))
    return made


def check_budget(host: Host, tokens: int) -> None:
    """PlanBError if so many tokens would cost more than the host's ``budget_usd``."""
    price = usd(host, tokens)
    if price is not None and host.budget_usd is not None and price > host.budget_usd:
        raise PlanBError(
            f"the job would train on about {tokens:,} tokens, {price:.2f} USD, and the budget of a job "
            f"is {host.budget_usd:.2f}. Nothing was sent. Lower steps or batch, or raise budget_usd."
        )


def usd(host: Host, tokens: int | None) -> float | None:
    """Cost in USD of so many trained tokens; None where the price or their number is not known."""
    if tokens is None or host.usd_per_million is None:
        return None
    return tokens * host.usd_per_million / 1e6


def notes(kind: Kind, training: Training) -> tuple[str, ...]:
    """Differences between the host's training and planb's own trainer with the same values."""
    own = (
        "weights, adapters, optimizer, learning rate and schedule are the host's own; "
        f"{training.steps * training.batch} rows were gone through once, in batches of {training.batch}"
    )
    return (own, PREFERENCES) if kind == "dpo" else (own,)


PREFERENCES = (
    "a host's DPO has no place for imitation beside it: harmless requests are rows too, whose helpful "
    "answer is preferred to one canned refusal; a request's pairs take turns, one a visit"
)


def _hyperparameters(
    objective: Objective, training: Training, rate: float | None
) -> dict[str, int | float]:
    found: dict[str, int | float] = {"n_epochs": 1, "batch_size": training.batch}
    if rate is not None:
        found["learning_rate_multiplier"] = rate
    if isinstance(objective, DPO):
        found["beta"] = objective.beta
    return found
