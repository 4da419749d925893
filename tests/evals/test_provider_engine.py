"""The provider's engine is a model argument: the texts are the same, and the log says which it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.solver import generate

from planb.errors import PlanBError
from planb.evals import provider
from planb.models import continuous


def said(checkpoint: Path, folder: Path, **args: str) -> tuple[list[str], dict[str, str]]:
    samples = [Sample(input=f"How do I make a {thing}?") for thing in ("lamp", "tea", "flask")]
    (log,) = inspect_eval(
        Task(dataset=samples, solver=generate()),
        model=f"planb/{checkpoint}",
        model_args=args,
        max_tokens=12,
        temperature=1.0,
        seed=3,
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success"
    return [sample.output.completion for sample in log.samples or []], dict(log.eval.model_args)


@pytest.mark.slow
def test_it_gives_the_same_texts(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = continuous.continuous

    def counted(policy, rows, *rest):  # type: ignore[no-untyped-def]
        sizes.append(len(rows))
        return real(policy, rows, *rest)

    monkeypatch.setattr(continuous, "continuous", counted)
    padded, _ = said(checkpoint, tmp_path / "padded")
    assert not sizes
    texts, args = said(checkpoint, tmp_path / "continuous", engine="continuous")
    assert sum(sizes) == 3
    assert texts == padded
    assert args["engine"] == "continuous"


def test_another_name_is_refused(checkpoint: Path) -> None:
    with pytest.raises(
        PlanBError, match="engine 'vllm' is not one of auto, padded, refilled, continuous"
    ):
        provider.PlanBModel(str(checkpoint), engine="vllm")  # type: ignore[arg-type]
