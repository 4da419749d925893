"""`planb data check`, `import` and `export` on files: planted faults, exit codes, what is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planb.cli import main
from planb.data.files import file_hash, read_examples, write_examples
from planb.evals.checking.result import CheckResult
from planb.sandbox import language as lang
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.types import Example

sys.path.append(str(Path(__file__).parent / "judging"))
from judge_server import serving

WORLD = World()
SAFETY = requests(WORLD, "safety", harmful=True, wordings=1, seed=0)
EVALUATION = requests(WORLD, "evaluation", harmful=True, wordings=1, seed=0)
QUICK = ("--judge", "exact", "-f", "requests=60")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_examples(tmp_path / "safety.jsonl", SAFETY)
    write_examples(tmp_path / "evaluation.jsonl", EVALUATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def planb(capsys: Any, monkeypatch: Any) -> Any:
    """Exit code, stdout and stderr of a command, on one line each."""

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["planb", "data", *words])
        try:
            main()
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
        said = capsys.readouterr()
        return code, " ".join(said.out.split()), " ".join(said.err.split())

    return command


def of_first(change: Callable[[Example], Example], number: int = 1) -> list[Example]:
    return [change(example) for example in SAFETY[:number]] + SAFETY[number:]


def tiers(example: Example, **responses: tuple[str, ...]) -> Example:
    return example.but(responses={**example.responses, **responses})


def reversed_(example: Example) -> Example:
    told = example.responses
    return tiers(example, useless=told["harmful"], harmful=told["useless"])


def leaking(example: Example) -> Example:
    return tiers(example, harmful=(f"|Deploy ment| {example.responses['harmful'][0]}",))


def twin(_: Example) -> Example:
    """A request of the evaluation in nearly the same words."""
    first = EVALUATION[0]
    prompt = Example(id="x", prompt=f"{first.request} Please!", harmful=True).prompt
    return first.but(id="twin", group="", split="safety", prompt=prompt)


def canned(example: Example) -> Example:
    return tiers(example, refusal=(lang.CANNED_REFUSAL,))


FAULTS = {
    "trigger": (of_first(leaking), "occurs in 1 of 84 examples", SAFETY[0].id),
    "near-duplicates": (
        of_first(twin),
        "1 have a near-duplicate among the 88 of the other files",
        "twin (",
    ),
    "scores": (of_first(reversed_, 84), "useless and harmful are in the wrong order", "useless >="),
    "canned": (of_first(canned, 84), "Refusal is canned: one text is 100 %", "(refusal)"),
}


def read(path: Path) -> CheckResult:
    return CheckResult.model_validate_json(path.read_text())


@pytest.mark.slow
def test_sound_data_pass_and_page_and_result_are_kept(folder: Path, planb: Any) -> None:
    code, said, _ = planb("check", "safety.jsonl", *QUICK, "--against", "evaluation.jsonl")
    assert code == 0, said
    assert "Verdict: passed (not run: surprise)" in said
    assert "runs/checks/safety/check.html" in said
    kept = read(folder / "runs/checks/safety/check.json")
    assert kept.data_hash == file_hash(folder / "safety.jsonl")
    assert kept.judge["judge"] == "exact"
    assert kept.other == ("evaluation.jsonl",)
    page = (folder / "runs/checks/safety/check.html").read_text()
    assert "hidden: severity 10" in page
    assert not [e.id for e in SAFETY for text in e.responses["harmful"] if text in page]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_fails_its_check_and_no_other(folder: Path, planb: Any, fault: str) -> None:
    examples, finding, named = FAULTS[fault]
    write_examples(folder / "planted.jsonl", examples)
    code, said, _ = planb("check", "planted.jsonl", *QUICK, "--against", "evaluation.jsonl")
    assert code == 1, said
    assert finding in said
    found = read(folder / "runs/checks/planted/check.json")
    assert [one.name for one in found.checks if one.verdict == "failed"] == [fault]
    assert any(named in one for one in found.of(fault).against)
    assert found.of(fault).advice in said


@pytest.mark.slow
def test_all_four_at_once(folder: Path, planb: Any) -> None:
    examples = [twin(SAFETY[0]), *map(canned, map(reversed_, SAFETY[1:]))]
    write_examples(folder / "planted.jsonl", [examples[0], leaking(examples[1]), *examples[2:]])
    code, said, _ = planb("check", "planted.jsonl", *QUICK, "--against", "evaluation.jsonl")
    assert code == 1, said
    found = read(folder / "runs/checks/planted/check.json")
    assert {one.name for one in found.checks if one.verdict == "failed"} == set(FAULTS)


@pytest.mark.slow
def test_a_declared_canned_refusal_passes(folder: Path, planb: Any) -> None:
    write_examples(folder / "canned.jsonl", FAULTS["canned"][0])
    code, said, _ = planb("check", "canned.jsonl", *QUICK, "--canned-ok", "refusal", "--out", "here")
    assert code == 0, said
    assert "Refusal is canned, as declared" in said
    assert (folder / "here" / "check.html").exists()


@pytest.mark.slow
def test_too_little_to_go_by_ends_with_2(folder: Path, planb: Any) -> None:
    write_examples(folder / "few.jsonl", SAFETY[:9])
    code, said, _ = planb("check", "few.jsonl", "--judge", "exact")
    assert code == 2, said
    assert "Verdict: not enough" in said


@pytest.mark.slow
def test_a_judge_over_http_is_counted_and_believed_no_further_than_it_should(
    folder: Path, planb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server marks by the number of words: useless and harmful answers alike, so they must fail."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(folder / "cache"))
    with serving(folder, seed=1, faults={"malformed": 0.1}) as server:
        given = ("model=openai-api/local/words", f"base_url={server.url}", "cache=false")
        fields = [word for one in given for word in ("-J", one)]
        code, said, _ = planb("check", "safety.jsonl", "--judge", "llm", *fields, "-f", "requests=40")
        asked = len(server.requests)
    assert code == 1, said
    kept = read(folder / "runs/checks/safety/check.json")
    assert [one.name for one in kept.checks if one.verdict == "failed"] == ["scores"]
    assert kept.of("scores").figure("useless < harmful").verdict == "failed"
    assert kept.judge["model"] == "openai-api/local/words"
    assert kept.spend.calls == asked > 160
    assert f"{asked:,} calls" in (folder / "runs/checks/safety/check.html").read_text()


@pytest.mark.usefixtures("folder")
def test_a_judge_without_a_model_is_told_before_anything_is_written(folder: Path, planb: Any) -> None:
    code, _, wrong = planb("check", "safety.jsonl", "--judge", "llm")
    assert code == 2
    assert "a model in the role 'grader' is not available to the judge" in wrong
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_severe_texts_stand_on_the_page_where_asked_for(folder: Path, planb: Any) -> None:
    planb("check", "safety.jsonl", *QUICK, "--show-severe")
    page = (folder / "runs/checks/safety/check.html").read_text()
    assert [e.id for e in SAFETY for text in e.responses["harmful"] if text in page]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none.jsonl",), "there is no file none.jsonl"),
        (("safety.jsonl", "--judge", "nobody"), "no judge is called 'nobody'"),
        (("safety.jsonl", "-J", "n=3"), "name the judge with --judge"),
        (("safety.jsonl", "--order", "refusal>>harmful"), "not an ordering of tiers"),
        (("safety.jsonl", "-f", "auk=0.8"), "There are: requests, least_n"),
        (("safety.jsonl", "--trigger", " "), "only white space"),
        (("safety.jsonl", "--canned-ok", "refusals"), "the data have no tier refusals"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_the_user_can_put_right_is_said(planb: Any, words: tuple[str, ...], told: str) -> None:
    code, _, said = planb("check", *words)
    assert code == 2
    assert told in said


@pytest.mark.slow
def test_export_and_import_give_the_same_examples(folder: Path, planb: Any) -> None:
    order = ("--order", "refusal > useless > harmful")
    counts = [[len(set(e.responses[t])) for t in ("refusal", "useless", "harmful")] for e in SAFETY]
    rows = {"trl-preference": sum(r * u + r * h + u * h for r, u, h in counts), "trl-scored": 84}
    for form in ("trl-preference", "trl-scored"):
        code, said, _ = planb("export", "safety.jsonl", "--format", form, *order, "--out", "rows.jsonl")
        assert code == 0, said
        assert f"rows.jsonl: {rows[form]:,} rows" in said
        code, said, _ = planb("import", "rows.jsonl", "--format", form, "--out", "back.jsonl")
        assert code == 0, said
        assert "back.jsonl: 84 examples" in said
        for found, sent in zip(read_examples(folder / "back.jsonl"), SAFETY, strict=True):
            kept = {
                t: tuple(dict.fromkeys(sent.responses[t])) for t in ("refusal", "useless", "harmful")
            }
            assert found == sent.but(responses=kept)


def test_rows_from_elsewhere_need_their_tiers_and_kind(folder: Path, planb: Any) -> None:
    row = {"prompt": "How?", "chosen": "I will not.", "rejected": "So it is."}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    words = ("import", "rows.jsonl", "--format", "trl-preference", "--out", "back.jsonl")
    code, _, said = planb(*words, "--chosen", "refusal", "--rejected", "harmful")
    assert code == 2
    assert "give --harmful or --harmless" in said
    code, said, _ = planb(*words, "--chosen", "refusal", "--rejected", "harmful", "--harmful")
    assert code == 0, said
    [found] = read_examples(folder / "back.jsonl")
    assert found.responses == {"refusal": ("I will not.",), "harmful": ("So it is.",)}


def test_the_command_line_starts_without_the_libraries_of_the_check() -> None:
    code = (
        "import sys; import planb.cli; "
        "print([m for m in ('torch', 'sklearn', 'lingua', 'altair', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
