"""``planb doctor``: facts of this machine, a probe that really trains, and what the times rest on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from verbs import planb

from planb.studies import STUDIES
from planb.studies.sandbox import sandbox
from planb.study.running.forecast import KNOWN, forecast
from planb.study.running.machine import this_machine
from planb.study.running.probe import speed
from planb.study.steps.pretrain import PretrainedBase

SECRET = "sk-doctor-0123456789abcdef"


def test_facts_are_this_machines_and_keys_are_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("MY_JUDGE_API_KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "300")
    code, said = planb(tmp_path, "doctor", "--no-probe", "--out", "not/there/yet")
    assert code == 0
    assert SECRET not in said
    for part in ("OPENAI_API_KEY set", "MY_JUDGE_API_KEY set", "HF_TOKEN not set", "torch 2."):
        assert part in said
    assert f"{len(os.sched_getaffinity(0))} cores" in said
    code, said = planb(tmp_path, "doctor", "--no-probe", "--json")
    facts = json.loads(said)["machine"]
    assert (code, SECRET in said) == (0, False)
    assert facts["keys_set"] == {
        **dict.fromkeys(("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN"), False),
        **{name: bool(os.environ.get(name)) for name in facts["keys_set"]},
    }
    assert 0 < facts["memory"] <= facts["memory_total"]
    assert facts["missing"] == []
    assert not list(tmp_path.iterdir()), "it writes nothing"


def test_a_missing_package_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = this_machine(tmp_path)
    cut = whole._replace(packages=(whole.packages[0]._replace(version=""), *whole.packages[1:]))
    monkeypatch.setattr("planb.study.running.machine.this_machine", lambda folder: cut)  # noqa: ARG005
    code, said = planb(tmp_path, "doctor", "--no-probe")
    assert code == 1
    assert f"missing: {cut.packages[0].name}. Install planb again" in said


@pytest.mark.slow
def test_the_probe_trains_the_sandboxs_base() -> None:
    (base,) = sandbox().bases
    assert isinstance(base, PretrainedBase)
    found = speed(base, cores=1, seconds=0.5)
    assert found.processes == 1
    assert 0.2 < found.updates < 100


def test_the_forecast_is_the_known_run_at_its_own_speed_and_scales_with_the_probe() -> None:
    study = sandbox()
    steps = study.steps()
    same, twice = (forecast("sandbox", steps, 5, 2, KNOWN.updates * times) for times in (1, 2))
    assert 20 * 60 < same.seconds < 26 * 60, "the known run took 23 minutes"
    assert twice.seconds == pytest.approx(same.seconds / 2)
    assert (same.untimed, "not timed" in same.rests_on) == (0, False)


@pytest.mark.slow
def test_what_was_not_timed_is_said() -> None:
    steps = {name: STUDIES[name]().steps() for name in ("paper", "mitigations", "meow")}
    found = {name: forecast(name, own, 3, 2, 2.2) for name, own in steps.items()}
    assert "taken as the average: discard, interpolation, mitigation" in found["mitigations"].rests_on
    assert "taken as the average" not in found["meow"].rests_on, "its stages were timed"
    assert found["paper"].untimed > 1000
    assert "are left out" in found["paper"].rests_on


def test_the_real_chat_models_study_is_timed_whole() -> None:
    found = forecast("smollm2", STUDIES["smollm2"]().with_seeds(1).steps(), 1, 2, KNOWN.updates)
    assert (found.untimed, found.rests_on) == (0, "its own steps in the known run, and the probe")
    assert 1.5 * 3600 < found.seconds < 2.5 * 3600, "its one seed took three hours of a core, on two"
