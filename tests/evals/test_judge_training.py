"""A local judge from labels: what is trained, what is left for the check, and that no text gets out."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pyrit_wheel import pyrit_wheel, texts

from planb.cli import main
from planb.errors import PlanBError
from planb.evals.calibration.labels import Labels
from planb.evals.calibration.pyrit import read_pyrit
from planb.evals.calibration.training import TIER, JudgeTraining, questions, split_groups
from planb.judging.trained import RECORD, Trained
from planb.models.checkpoints import load_policy
from planb.models.random_chat import save_chat_model
from planb.training.surprise import surprise

SETTINGS = JudgeTraining(seed=1, passes=12, batch=4, learning_rate=1e-2, answer_tokens=12)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pyrit_wheel(tmp_path_factory.mktemp("wheel") / "pyrit-1.1.0-py3-none-any.whl")


@pytest.fixture(scope="module")
def labels(wheel: Path) -> Labels:
    return read_pyrit(wheel, any_version=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_chat_model("llama3", tmp_path_factory.mktemp("base"))


def planb(monkeypatch: pytest.MonkeyPatch, capsys: Any, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["planb", "judge", *words])
    with pytest.raises(SystemExit) as done:
        main()
    said = capsys.readouterr()
    return int(done.value.code or 0), said.out + said.err


def test_requests_are_split_whole_and_the_same_way_every_time(labels: Labels) -> None:
    groups = split_groups(labels, 0.6, 1)
    assert len(groups) == round(0.6 * len(labels.groups))
    assert groups < labels.groups
    assert split_groups(labels, 0.6, 1) == groups
    assert any(split_groups(labels, 0.6, seed) != groups for seed in range(2, 6))
    for share in (0.0, 1.0):
        with pytest.raises(PlanBError, match="leaves none to train on, or none to check"):
            split_groups(labels, share, 1)


def test_questions_hold_what_people_said(labels: Labels, base: Path) -> None:
    """The mean of three raters (1, 1 and 0.75 of 1, so 9.17 of 10) lies between two numbers."""
    tokenizer = load_policy(base).tokenizer
    asked = questions(labels, labels.groups, SETTINGS.but(answer_tokens=None), tokenizer)
    said = {name: [e.responses[TIER] for e in some] for name, some in asked.items()}
    assert sorted(said["refused"]) == [("no",), ("no",), ("yes",), ("yes",)]
    graded = dict(zip((e.request for e in asked["usefulness"]), said["usefulness"], strict=True))
    (tea,) = (text for text in graded if "Boil water, add leaves" in text)
    assert graded[tea] == ("9", "10")
    assert ("0",) in said["usefulness"]
    few = frozenset(label.answer.group for label in labels.refusals)
    with pytest.raises(PlanBError, match="hold 0 of 'usefulness', and not two that differ"):
        questions(labels, few, SETTINGS, tokenizer)


@pytest.mark.slow
def test_a_judge_is_trained_and_checked_on_the_rest(
    wheel: Path, labels: Labels, base: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [f"{name}={value}" for name, value in SETTINGS.model_dump(exclude_unset=True).items()]
    words = [word for setting in settings for word in ("-f", setting)]
    code, said = planb(
        monkeypatch, capsys, "train", str(base), str(wheel), "--any-version", "--out", "mine", *words
    )
    assert code == 0, said
    judge = Trained(model="mine")
    groups = split_groups(labels, 0.6, 1)
    assert judge.trained_on == groups
    assert f"Trained on {len(groups)} of {len(labels.groups)} requests" in said
    assert f"planb judge check trained {wheel} --labels pyrit --any-version -J model=mine" in said

    learnt = {}
    for name, folder in (("before", base), ("after", Path("mine"))):
        policy = load_policy(folder)
        asked = questions(labels, groups, SETTINGS, policy.tokenizer)
        found = surprise(policy, [example for some in asked.values() for example in some])
        learnt[name] = sum(one.nll for one in found)
    assert learnt["after"] < 0.95 * learnt["before"]

    code, shown = planb(
        monkeypatch,
        capsys,
        *("check", "trained", str(wheel), "--labels", "pyrit", "--any-version", "-J", "model=mine"),
    )
    assert code in (1, 2), shown
    assert "The judge was trained on 4 of these requests: the other" in " ".join(shown.split())
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.json*"))
    for text in texts():
        assert text not in said + shown + written

    code, said = planb(
        monkeypatch, capsys, "train", str(base), str(wheel), "--any-version", "--out", "mine"
    )
    assert (code, "holds a trained judge already" in " ".join(said.split())) == (2, True)


def test_what_is_no_trained_judge_is_refused(base: Path, tmp_path: Path) -> None:
    for model in ("", str(base)):
        with pytest.raises(PlanBError, match="is no judge that was trained"):
            asyncio.run(Trained(model=model).ready())
    (tmp_path / RECORD).write_text('{"groups": []}')
    with pytest.raises(PlanBError, match=r"judge\.json: "):
        asyncio.run(Trained(model=str(tmp_path)).ready())
    record = '{"groups": [], "labels": "", "answer_tokens": 5, "prompt": "of another file"}'
    (tmp_path / RECORD).write_text(record)
    assert Trained(model=str(tmp_path)).longest() == 5
    with pytest.raises(PlanBError, match=r"trained with another prompt than label_logits\.txt"):
        asyncio.run(Trained(model=str(tmp_path)).ready())


def test_settings_that_there_are_not_are_refused(
    wheel: Path, base: Path, monkeypatch: Any, capsys: Any
) -> None:
    code, said = planb(
        monkeypatch, capsys, "train", str(base), str(wheel), "--out", "x", "-f", "epochs=3"
    )
    assert (code, "There are: share, passes" in " ".join(said.split())) == (2, True)
