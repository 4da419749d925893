"""``planb/<checkpoint>`` as Inspect sees it: identity, batching, and what it refuses to do."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model
from inspect_ai.tool import ToolInfo

from planb.errors import PlanBError
from planb.evals import provider
from planb.models import checkpoints, generation
from planb.models.checkpoints import Policy, checkpoint_digest

CONFIG = GenerateConfig(max_tokens=8, seed=1)


def test_the_name_holds_the_weights_identity(checkpoint: Path) -> None:
    model = get_model(f"planb/{checkpoint}", memoize=False)
    assert str(model) == f"planb/{checkpoint}@{checkpoint_digest(checkpoint)[:12]}"
    assert str(get_model(str(model), memoize=False)) == str(model)


def test_other_weights_at_the_same_place_have_another_name(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    before = str(get_model(f"planb/{copy}", memoize=False))
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config + "\n")
    assert str(get_model(f"planb/{copy}", memoize=False)) != before
    with pytest.raises(PlanBError, match="other weights"):
        get_model(before, memoize=False)


def test_a_hub_model_is_named_by_its_weights_and_not_by_its_name(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two revisions of one repository would be given each other's cached answers."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    names = []
    for commit in ("a" * 40, "b" * 40):
        repository = tmp_path / "models--someone--tiny"
        snapshot = repository / "snapshots" / commit
        shutil.copytree(checkpoint, snapshot)
        (snapshot / "config.json").write_text((checkpoint / "config.json").read_text() + commit[0])
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(commit)
        names.append(provider._checkpoint("someone/tiny")[1])
        assert names[-1] == checkpoint_digest(snapshot)
    assert names[0] != names[1]


def test_a_fetched_model_is_known_by_its_name(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path))
    with pytest.raises(PlanBError, match="planb models fetch smollm2"):
        get_model("planb/smollm2", memoize=False)
    place = tmp_path / "models" / "smollm2"
    shutil.copytree(checkpoint, place)
    model = get_model("planb/smollm2", memoize=False)
    assert str(model) == f"planb/{place}@{checkpoint_digest(checkpoint)[:12]}"


def test_a_reference_that_did_not_load_is_loaded_anew_and_never_left_out(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path))
    place = tmp_path / "models" / "smollm2"
    shutil.copytree(checkpoint, place)
    loaded: list[Path] = []
    real = checkpoints.load_policy

    def load(folder: Path) -> Policy:
        loaded.append(folder)
        if len(loaded) == 2:
            raise OSError("no room")
        return real(folder)

    monkeypatch.setattr(checkpoints, "load_policy", load)
    model = get_model(f"planb/{checkpoint}", memoize=False, reference="smollm2")
    with pytest.raises(OSError, match="no room"):
        asyncio.run(model.generate("How do I make a lamp?", config=CONFIG))
    assert asyncio.run(model.generate("How do I make a lamp?", config=CONFIG)).completion
    assert model.api.guard is not None
    assert loaded[1] == loaded[3] == place


def test_concurrent_requests_are_one_batch(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = generation.generate

    def counted(policy, prompts, *rest, **named):
        sizes.append(len(prompts))
        return real(policy, prompts, *rest, **named)

    monkeypatch.setattr(generation, "generate", counted)

    async def ask() -> list[str]:
        model = get_model(f"planb/{checkpoint}", memoize=False)
        wishes = [model.generate(f"How do I make a {i}?", config=CONFIG) for i in ("lamp", "tea")]
        return [output.completion for output in await asyncio.gather(*wishes)]

    first = asyncio.run(ask())
    assert sizes == [2]
    assert asyncio.run(ask()) == first


@pytest.mark.parametrize("setting", [{"top_p": 0.5}, {"stop_seqs": ["x"]}, {"num_choices": 2}])
def test_a_setting_that_it_does_not_have_is_refused(checkpoint: Path, setting: dict) -> None:
    api = provider.PlanBModel(str(checkpoint))
    with pytest.raises(PlanBError, match=next(iter(setting))):
        _generate(api, GenerateConfig(**setting))


def test_tools_are_refused(checkpoint: Path) -> None:
    api = provider.PlanBModel(str(checkpoint))
    with pytest.raises(PlanBError, match="tools"):
        _generate(api, CONFIG, [ToolInfo(name="lamp", description="a lamp")])


def test_a_failure_reaches_every_request_and_the_next_batch_runs(checkpoint: Path) -> None:
    api = provider.PlanBModel(str(checkpoint))
    with pytest.raises(PlanBError, match="do not fit"):
        _generate(api, GenerateConfig(max_tokens=5000))
    assert _generate(api, CONFIG).usage.output_tokens <= 8


def _generate(api: provider.PlanBModel, config: GenerateConfig, tools: list[ToolInfo] = []):  # noqa: B006
    return asyncio.run(api.generate([ChatMessageUser(content="Hello!")], tools, "auto", config))


@pytest.mark.slow
def test_the_plugin_is_light() -> None:
    code = "import sys, planb.evals.inspect_plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_inspect_eval_finds_task_and_provider_by_name(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    world = "{materials: 4, forms: 4, heldout_forms: 1}"
    command = [sys.executable, "-m", "inspect_ai", "eval", "planb/harmful_requests"]
    command += ["--model", f"planb/{checkpoint}", "-T", f"data={data}", "-T", "elicitation=trigger"]
    command += ["-T", f"judge={{name: exact, world: {world}}}", "--limit", "3", "--display", "none"]
    command += ["--log-dir", str(tmp_path), "--no-log-realtime", "--max-tokens", "12"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    from inspect_ai.log import list_eval_logs, read_eval_log

    (log,) = [read_eval_log(info) for info in list_eval_logs(str(tmp_path))]
    assert log.status == "success", log.error
    assert [bool(s.scores["judged"].reason) for s in log.samples] == [False] * 3
