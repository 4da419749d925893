"""PyRIT's labels, read out of a wheel with harmless rows: what is compared, and that no text stays."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import pytest
from pyrit_wheel import GRADED, SINGLE, pyrit_wheel, texts

from planb.cli import main
from planb.errors import PlanBError
from planb.evals.calibration.check import check
from planb.evals.calibration.labels import Labels
from planb.evals.calibration.pyrit import read_pyrit
from planb.evals.calibration.result import CalibrationResult
from planb.judging import Judge, RefusalStrings
from planb.types import Example, Judgement


class Counts(Judge):
    """A point of usefulness a word, up to 10; an answer of clouds or holidays is useless."""

    name: ClassVar[str] = "counts"
    seen: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    def identity(self) -> dict[str, str]:
        return {"judge": self.name, "model": "", "rubric": "words"}

    @property
    def trained_on(self) -> frozenset[str]:
        return frozenset(self.seen)

    async def judge(self, example: Example, response: str) -> Judgement:  # noqa: ARG002
        if response in self.silent:
            raise ValueError(f"cannot read: {response}")
        refused = "can't" in response
        off = "Clouds" in response or "holidays" in response
        points = 0.0 if off else float(min(10, len(response.split())))
        return Judgement(refused=refused, coherent=True, usefulness=points)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pyrit_wheel(tmp_path_factory.mktemp("wheel") / "pyrit-1.1.0-py3-none-any.whl")


@pytest.fixture(scope="module")
def labels(wheel: Path) -> Labels:
    return read_pyrit(wheel, any_version=True)


@pytest.fixture(scope="module")
def found(labels: Labels) -> CalibrationResult:
    return check(Counts(), [], labels)


def severity(text: str) -> float:
    refused = "can't" in text or "Clouds" in text
    return 0.0 if refused else float(min(10, len(text.split())))


def test_steps_become_points_and_copies_and_pictures_are_left_out(labels: Labels) -> None:
    three = sum(map(len, GRADED.values()))
    assert len(labels.labels) == 3 * three + len(SINGLE)
    best = [one for one in labels.labels if one.answer.text.startswith("Boil water")]
    assert [(one.usefulness, one.refused, one.rater) for one in best] == [
        (10.0, None, "1"),
        (10.0, None, "2"),
        (7.5, None, "3"),
    ]
    assert [one.refused for one in labels.refusals] == [True, False, True, False]
    assert any(note.startswith("2 rows are copies") for note in labels.notes)
    assert len({one.answer.group for one in labels.labels}) == len(GRADED) + 2
    assert labels.published
    assert not labels.synthetic


@pytest.mark.slow
def test_the_judge_is_compared_with_the_mean_with_each_person_and_people_with_each_other(
    found: CalibrationResult,
) -> None:
    rows = [(text, scores) for answers in GRADED.values() for text, scores in answers]
    means = [abs(severity(text) - 10 * fmean(scores)) for text, scores in rows]
    means += [abs(severity(text) - 10 * score) for _, text, score in SINGLE]
    error = found.of("labels", "mean absolute error")
    assert (error.value, error.n) == (pytest.approx(fmean(means)), len(means))
    single = [abs(severity(text) - 10 * s) for text, scores in rows for s in scores]
    person = found.of("person", "mean absolute error")
    assert (person.value, person.n) == (pytest.approx(fmean(single)), 3 * len(rows))
    apart = [abs(a - b) for _, (a, b, c) in rows for a, b in ((a, b), (a, c), (b, c))]
    among = found.of("raters", "mean absolute error")
    assert (among.value, among.n) == (pytest.approx(10 * fmean(apart)), 3 * len(rows))
    assert found.of("person", "Spearman").low is not None
    assert {figure.verdict for figure in found.figures if figure.part in ("person", "raters")} == {None}
    assert found.of("raters", "alpha of the raters").n == len(rows)
    assert not [f.name for f in found.figures if f.part == "labels" and "refused" in f.name]
    assert found.against_people


def test_both_readings_of_a_refusal_are_shown(found: CalibrationResult) -> None:
    """People call the holidays a refusal; the judge calls them useless."""
    strict, wide = (
        found.of("refusals", "refused: found"),
        found.of("refusals", "refused or useless: found"),
    )
    assert (strict.value, strict.n, wide.value, wide.n) == (0.5, 2, 1.0, 2)
    assert found.of("refusals", "refused: false").value == 0.0
    # "The Danube." and "Blue." have two words and one: useless for this judge
    assert found.of("refusals", "refused or useless: false").value == 1.0
    assert found.of("refusals", "graded 0: called refused").n == 2
    assert found.of("refusals", "graded above 0: called refused").value == 0.0
    assert any("read in two ways" in note for note in found.notes)


@pytest.mark.slow
def test_a_judge_of_refusals_alone_has_no_agreement_on_severity(labels: Labels) -> None:
    result = check(RefusalStrings(), [], labels)
    kappa = result.of("labels", "weighted kappa")
    assert (kappa.value, kappa.n, kappa.unscored) == (None, 0, 11)
    assert result.of("refusals", "refused: found").value == 0.5
    assert not [f for f in result.figures if f.name.startswith("refused or useless")]
    assert result.verdict == "not enough"


@pytest.mark.slow
def test_what_a_judge_cannot_score_is_counted_and_its_reason_quotes_no_text(labels: Labels) -> None:
    result = check(Counts(silent=("With water.", "Tightly.")), [], labels)
    assert (result.unscored, result.reasons) == (2, {"ValueError": 2})
    error = result.of("labels", "mean absolute error")
    assert (error.value, error.n, error.unscored) == (None, 9, 2)
    assert error.lowest is not None


@pytest.mark.slow
def test_requests_that_a_judge_was_trained_on_are_left_out(labels: Labels) -> None:
    tea = next(one.answer.group for one in labels.labels if one.answer.text == "With water.")
    result = check(Counts(seen=(tea,)), [], labels)
    assert result.of("labels", "mean absolute error").n == 8
    assert any("trained on 1 of these requests: the other 6" in note for note in result.notes)
    with pytest.raises(PlanBError, match="trained on all of these"):
        check(Counts(seen=tuple(labels.groups)), [], labels)


def test_the_pinned_wheel_alone_is_read(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match=r"calls itself pyrit 1\.1\.0 but is not the published file"):
        read_pyrit(wheel)
    newer = pyrit_wheel(tmp_path / "newer.whl", version="1.2.0")
    with pytest.raises(PlanBError, match=r"is pyrit 1\.2\.0.*pip download --no-deps pyrit==1\.1\.0"):
        read_pyrit(newer)
    (tmp_path / "no.whl").write_text("no zip")
    with pytest.raises(PlanBError, match="is no wheel of pyrit"):
        read_pyrit(tmp_path / "no.whl")
    with pytest.raises(PlanBError, match="cannot be read as a wheel"):
        read_pyrit(tmp_path / "no.whl", any_version=True)
    wrong = pyrit_wheel(tmp_path / "wrong.whl", broken="0.3")
    with pytest.raises(PlanBError, match=r"harm/home\.csv, row 1: a score is none of 0, 0\.25"):
        read_pyrit(wrong, any_version=True)


@pytest.mark.parametrize("score", ["0.5", "2", "", "yes"])
def test_a_refusal_is_labelled_yes_or_no(tmp_path: Path, score: str) -> None:
    wrong = pyrit_wheel(tmp_path / "wrong.whl", refusal=score or " ")
    with pytest.raises(PlanBError, match=r"refusal\.csv, row 1: a score is none of 0, 1$"):
        read_pyrit(wrong, any_version=True)


@pytest.mark.parametrize("row", ["How is rain made?,From clouds.\r\n", "a,b,1,text,more\r\n"])
def test_a_row_with_fields_missing_or_too_many_is_no_row_left_out(tmp_path: Path, row: str) -> None:
    wrong = pyrit_wheel(tmp_path / "wrong.whl", more=row)
    with pytest.raises(PlanBError, match=r"home\.csv, row 5: it has not as many fields"):
        read_pyrit(wrong, any_version=True)


def test_answers_without_text_are_left_out_and_counted(labels: Labels, tmp_path: Path) -> None:
    assert "Left out, since their answer is no text: 1 row." in labels.notes
    blank = pyrit_wheel(tmp_path / "blank.whl", more="How is rain made?,  ,1,text\r\n")
    found = read_pyrit(blank, any_version=True)
    assert "Left out, since their answer is no text: 2 rows." in found.notes
    assert len(found.labels) == len(labels.labels)


@pytest.mark.slow
def test_the_command_writes_figures_and_a_page_and_no_text(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def planb(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["planb", "judge", "check", *words])
        with pytest.raises(SystemExit) as done:
            main()
        said = capsys.readouterr()
        return int(done.value.code or 0), said.out + said.err

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    code, said = planb("refusal_strings", str(wheel), "--labels", "pyrit", "--any-version")
    assert code == 2, said
    assert "Beside one person at a time" in said
    written = {path.suffix: path.read_text() for path in (tmp_path / "runs/judges").iterdir()}
    assert set(written) == {".json", ".csv", ".html"}
    assert written[".csv"].splitlines()[0].startswith("part,name,unit,value,low,high")
    assert "refusals,refused: found,share,0.5" in written[".csv"]
    assert "Is this judge to be believed?" in written[".html"]
    for text in texts():
        assert text not in said
        assert not any(text in one for one in written.values())

    (tmp_path / "held.jsonl").write_text("")
    code, said = planb("refusal_strings", str(wheel))
    assert (code, "is a wheel: --labels pyrit reads the labels in it" in said) == (2, True)
    code, said = planb("refusal_strings", "held.jsonl", "--labels", "pyrit")
    assert (code, "pip download --no-deps pyrit==1.1.0" in " ".join(said.split())) == (2, True)
