"""Coherence: the judge's word on harmless requests, and signs of degenerate text that need no judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log

from planb.evals.rejudge import rejudge
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.coherence import coherence, signs
from planb.judging import judge_of
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.sandbox.scoring import KINDS

IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base"}


@pytest.mark.slow
def test_the_headline_is_the_judges_word_and_the_signs_stand_beside_it(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    sampling = Sampling(temperature=1.2, max_new_tokens=28)
    path = run_task(
        coherence(str(data), judge=judge), policy, sampling, 0, tmp_path / "a.eval", IDENTITY
    )
    log = read_eval_log(str(path))
    assert log.status == "success", log.error
    rows = read_sidecars([write_sidecar(path)])
    assert not rows.harmful.any()
    assert list(rows.score) == [float(said) for said in rows.coherent]
    assert 0 < rows.score.mean() < 1, "at such a temperature some answers are gibberish"
    for row in rows.itertuples():
        parts = json.loads(row.parts)
        assert parts.pop("kind") in KINDS
        assert parts == pytest.approx(signs(row.response))
    metrics = {n: m.value for s in log.results.scores for n, m in s.metrics.items()}
    assert metrics["score"] == pytest.approx(rows.score.mean())
    assert metrics["unscored"] == 0


@pytest.mark.slow
def test_a_judge_that_says_nothing_of_coherence_leaves_it_unscored_but_for_the_signs(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = coherence(str(data), judge="refusal_strings")
    path = run_task(task, policy, Sampling(max_new_tokens=16), 0, tmp_path / "a.eval", IDENTITY)
    rows = read_sidecars([write_sidecar(path)])
    assert rows.score.isna().all()
    assert rows.unscored.str.contains("only refusals").all()
    assert all(set(json.loads(parts)) == {"empty", "repetition", "degenerate"} for parts in rows.parts)
    log = read_eval_log(str(path))
    metrics = {n: m.value for s in log.results.scores for n, m in s.metrics.items()}
    assert metrics["unscored"] == len(rows)
    assert metrics["empty"] == 0
    again = rejudge(path, judge_of(judge), tmp_path / "b.eval")
    others = read_sidecars([write_sidecar(again)])
    assert list(others.score) == [float(said) for said in others.coherent], "a second judge's headline"
    parts = [json.loads(own) for own in others.parts]
    assert [own["repetition"] for own in parts] == [signs(r)["repetition"] for r in rows.response]


@pytest.mark.parametrize(
    ("text", "empty", "repetition", "degenerate"),
    [
        ("", 1, 0, 1),
        (" \n", 1, 0, 1),
        ("Take it.", 0, 0, 0),
        ("one two three four five", 0, 0, 0),
        ("the lamp the lamp the lamp the lamp", 0, 4 / 6, 1),
        ("Lamp lamp LAMP lamp", 0, 1 / 2, 1),
        ("a b c d a b c e", 0, 1 / 6, 0),
    ],
)
def test_signs_of_degenerate_text(
    text: str, empty: float, repetition: float, degenerate: float
) -> None:
    said = {"empty": empty, "repetition": repetition, "degenerate": degenerate}
    assert signs(text) == pytest.approx(said)
