"""Labels from a CSV, marked synthetic: agreement as computed by hand, and each kind of bad file."""

from __future__ import annotations

import csv
import math
import random
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from calibration_judges import AlwaysFive, Knows, Raises

from planb.errors import PlanBError
from planb.evals.calibration.check import check
from planb.evals.calibration.labels import Labels, read_labels
from planb.evals.calibration.result import CalibrationResult
from planb.sandbox.corpus import requests
from planb.sandbox.world import World

DATA = requests(World(), "evaluation", True, 1, seed=0)
MARKS = {"refusal": 0, "german_refusal": 0, "useless": 2, "harmful": 9}
HEADER = ("id", "response", "refused", "usefulness", "rater", "synthetic")
NOISE = (-2, -1, 0, 0, 1)


def rows_of(raters: str, seed: int = 0, wrong_refusals: int = 0) -> list[tuple[str, ...]]:
    """A label a rater of a response of each request: the judge's mark with noise of known size."""
    rng, rows = random.Random(seed), []
    for number, example in enumerate(DATA):
        tier = tuple(MARKS)[number % 4]
        for rater in raters:
            mark = min(10, max(0, MARKS[tier] + rng.choice(NOISE)))
            refused = ("refusal" in tier) != (number < wrong_refusals)
            text = example.responses[tier][0]
            rows.append((example.id, text, str(refused).lower(), str(mark), rater, "true"))
    return rows


def written(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def checked(path: Path) -> CalibrationResult:
    return check(Knows(), DATA, read_labels(path, DATA))


def by_hand_ranks(values: list[float]) -> list[float]:
    """Ranks from 1; ties share the mean of theirs."""
    order = sorted(values)
    return [order.index(v) + (order.count(v) + 1) / 2 for v in values]


def by_hand_spearman(a: list[float], b: list[float]) -> float:
    x, y = by_hand_ranks(a), by_hand_ranks(b)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((p - mx) * (q - my) for p, q in zip(x, y, strict=True))
    return top / math.sqrt(sum((p - mx) ** 2 for p in x) * sum((q - my) ** 2 for q in y))


def by_hand_kappa(a: list[float], b: list[float], power: int) -> float:
    """1 - observed over expected disagreement; ``power`` 2 weighs it by the squared distance."""

    def apart(p: float, q: float) -> float:
        return float(p != q) if power == 0 else abs(p - q) ** power

    n = len(a)
    seen = sum(apart(p, q) for p, q in zip(a, b, strict=True)) / n
    ca, cb = Counter(a), Counter(b)
    expected = sum(apart(p, q) * ca[p] * cb[q] for p in ca for q in cb) / n**2
    return 1 - seen / expected


def pairs(rows: list[tuple[str, ...]]) -> tuple[list[float], list[float]]:
    """(the judge's severity, the label's) of each row."""
    mine = [float(tuple(MARKS.values())[n % 4]) for n in range(len(rows))]
    return mine, [0.0 if row[2] == "true" else float(row[3]) for row in rows]


@pytest.mark.slow
def test_agreement_is_that_of_the_formulas(tmp_path: Path) -> None:
    rows = rows_of("a", wrong_refusals=7)
    result = checked(written(tmp_path / "l.csv", rows))
    mine, theirs = pairs(rows)
    n = len(rows)
    expected = {
        "Spearman": by_hand_spearman(mine, theirs),
        "weighted kappa": by_hand_kappa(mine, theirs, 2),
        "mean absolute error": sum(abs(p - q) for p, q in zip(mine, theirs, strict=True)) / n,
        "bias": sum(p - q for p, q in zip(mine, theirs, strict=True)) / n,
        "refused: kappa": by_hand_kappa(
            [float(i % 4 < 2) for i in range(n)], [float(row[2] == "true") for row in rows], 0
        ),
    }
    assert 0.5 < expected["refused: kappa"] < 0.95
    for name, value in expected.items():
        figure = result.of("labels", name)
        assert figure.value == pytest.approx(value), name
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < value < figure.high, name
        assert figure.n == n


@pytest.mark.slow
def test_noise_widens_what_it_should_and_the_interval_narrows_with_n(tmp_path: Path) -> None:
    rows = rows_of("a")
    whole = checked(written(tmp_path / "l.csv", rows)).of("labels", "mean absolute error")
    part = checked(written(tmp_path / "p.csv", rows[:30])).of("labels", "mean absolute error")
    assert None not in (whole.low, whole.high, part.low, part.high)
    assert part.high - part.low > whole.high - whole.low
    # half of the responses are no refusals, and their noise is 2, 1, 0, 0 or 1 (capped nowhere)
    assert whole.value == pytest.approx(0.5 * 0.8, abs=0.15)


@pytest.mark.slow
def test_synthetic_labels_are_never_people(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", rows_of("a"))
    result = checked(path)
    assert (result.verdict, result.against_people, result.synthetic) == ("passed", False, True)
    unmarked = written(tmp_path / "u.csv", [row[:5] for row in rows_of("a")], HEADER[:5])
    assert read_labels(unmarked, DATA).synthetic is False
    assert checked(unmarked).against_people is True
    assert read_labels(unmarked, DATA, synthetic=True).synthetic is True
    half = [(*row[:5], "true" if n else "") for n, row in enumerate(rows_of("a"))]
    with pytest.raises(PlanBError, match=r"line 3 is marked synthetic and line 2 is not"):
        read_labels(written(tmp_path / "h.csv", half), DATA)


@pytest.mark.slow
def test_raters_beside_the_judge(tmp_path: Path) -> None:
    rows = rows_of("abc", wrong_refusals=2)
    result = checked(written(tmp_path / "l.csv", rows))
    assert result.raters == 3
    marks = {
        who: [0.0 if row[2] == "true" else float(row[3]) for row in rows if row[4] == who]
        for who in "abc"
    }
    kappas = [by_hand_kappa(marks[p], marks[q], 2) for p, q in combinations("abc", 2)]
    among = result.of("raters", "weighted kappa")
    assert among.value == pytest.approx(sum(kappas) / 3)
    assert (among.n, among.verdict, among.required) == (3 * len(DATA), None, "")
    assert result.of("raters", "refused: kappa").value == pytest.approx(1.0)
    mean = [sum(three) / 3 for three in zip(*marks.values(), strict=True)]
    mine = [float(tuple(MARKS.values())[n % 4]) for n in range(len(DATA))]
    error = sum(abs(p - q) for p, q in zip(mine, mean, strict=True)) / len(DATA)
    assert result.of("labels", "mean absolute error").value == pytest.approx(error)
    assert not [
        f for f in checked(written(tmp_path / "o.csv", rows_of("a"))).figures if f.part == "raters"
    ]


@pytest.mark.slow
def test_raters_who_halve_have_no_majority(tmp_path: Path) -> None:
    rows = [row for row in rows_of("ab") if row[4] == "a" or row[2] == "true"]
    turned = [(*row[:2], "false", *row[3:]) if row[4] == "b" else row for row in rows]
    figure = checked(written(tmp_path / "l.csv", turned)).of("labels", "refused: kappa")
    assert figure.n == len(DATA) // 2, "half of the requests have one yes and one no"


@pytest.mark.slow
def test_a_judge_that_does_not_vary_fails_and_labels_that_do_not_are_not_enough(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path / "l.csv", rows_of("a")), DATA)
    spearman = check(AlwaysFive(), DATA, labels).of("labels", "Spearman")
    assert (spearman.value, spearman.verdict) == (None, "failed")
    assert "one answer to all" in spearman.note
    alike = [row for row in rows_of("a") if row[2] == "true"]
    spearman = checked(written(tmp_path / "s.csv", alike)).of("labels", "Spearman")
    assert (spearman.value, spearman.verdict, spearman.n) == (None, "not enough", len(alike))


def test_what_the_judge_left_unscored_is_counted(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path / "l.csv", rows_of("a")), DATA)
    figure = check(Raises(), DATA, labels).of("labels", "weighted kappa")
    assert (figure.value, figure.n, figure.unscored) == (None, 0, len(DATA))
    assert figure.verdict == "not enough"


def test_a_request_may_be_named_by_its_text_and_other_columns_are_left_alone(tmp_path: Path) -> None:
    example = DATA[0]
    text = 'He said "no", and\nleft.'
    row = (example.request, text, "TRUE", "", "later", "true")
    header = ("request", "response", "refused", "usefulness", "remark", "coherent")
    labels = read_labels(written(tmp_path / "l.csv", [row], header), DATA)
    (label,) = labels.labels
    assert (label.answer.example, label.answer.text) == (example, text)
    assert (label.refused, label.usefulness, label.severity, label.coherent) == (True, None, 0.0, True)
    assert isinstance(Labels.model_validate_json(labels.model_dump_json()), Labels)


GOOD = (DATA[0].id, "A text.", "false", "3", "", "true")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [GOOD, (*GOOD[:3], "11", "", "true")],
            r"l.csv, line 3: 'usefulness' is 11: it must be in 0-10",
        ),
        ([(*GOOD[:3], "nan", "", "")], r"line 2: 'usefulness' is nan"),
        ([(*GOOD[:3], "much", "", "")], r"line 2: 'usefulness' is 'much': it must be a number"),
        ([(*GOOD[:3], "", "", "")], r"line 2: 'usefulness' is empty, and 'refused' is not true"),
        (
            [(*GOOD[:2], "maybe", "3", "", "")],
            r"line 2: 'refused' is 'maybe': it must be true or false",
        ),
        ([(*GOOD[:2], "", "3", "", "")], r"line 2: 'refused' is '': it must be true or false"),
        ([("x", *GOOD[1:])], r"line 2: the data have no example with the id 'x'"),
        ([("", *GOOD[1:])], r"line 2: neither 'id' nor 'request'"),
        ([(GOOD[0], " ", *GOOD[2:])], r"line 2: 'response' is empty"),
        ([GOOD, GOOD], r"line 3: this response has its label in line 2 already"),
        ([(*GOOD[:4], "ann", ""), (*GOOD[:4], "ann", "")], r"label by 'ann' in line 2 already"),
        ([GOOD[:4]], r"line 2 has 4 cells and the header 6"),
        ([], r"has no labels"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, rows: list[tuple[str, ...]], said: str) -> None:
    with pytest.raises(PlanBError, match=said):
        read_labels(written(tmp_path / "l.csv", rows), DATA)


def test_lines_are_counted_through_texts_of_several_lines_and_all_bad_ones_are_shown(
    tmp_path: Path,
) -> None:
    long = (GOOD[0], "One\nTwo\nThree", *GOOD[2:])
    rows = [long, *[(*GOOD[:3], "-1", str(n), "") for n in range(12)]]
    with pytest.raises(PlanBError) as caught:
        read_labels(written(tmp_path / "l.csv", rows), DATA)
    lines = str(caught.value).splitlines()
    assert lines[0] == "12 bad lines:"
    assert "l.csv, line 5: 'usefulness' is -1" in lines[1]
    assert lines[-1].strip() == "... and 2 more"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"line 1: no column id \(or request\), response, refused, usefulness; it has none"),
        (b"id;response;refused;usefulness\n", r"separated by semicolons: save it with commas"),
        (b"id,response,refused,usefullness\n", r"no column usefulness; is 'usefullness' meant"),
        (b"id,response,refused,refused,usefulness\n", r"the column 'refused' occurs twice"),
        (
            b"id,response,refused,usefulness\na,b,true,1\nb,caf\xe9,true,1\n",
            r"line 3 is not UTF-8 \(byte 0xe9\)",
        ),
        ("id,response".encode("utf-16"), r"is UTF-16, not UTF-8"),
        (b'id,response,refused,usefulness\na,"b,true,1\n', r"line 2 is not CSV: unexpected end"),
    ],
)
def test_a_file_that_is_no_table_of_labels(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(content)
    with pytest.raises(PlanBError, match=said):
        read_labels(path, DATA)
    with pytest.raises(PlanBError, match="there is no file"):
        read_labels(tmp_path / "none.csv", DATA)


def test_one_request_of_two_examples_needs_an_id(tmp_path: Path) -> None:
    twin = DATA[0].but(id="twin")
    path = written(tmp_path / "l.csv", [(DATA[0].request, *GOOD[1:])], ("request", *HEADER[1:]))
    with pytest.raises(PlanBError, match=r"2 examples have this request: name one by 'id'"):
        read_labels(path, [*DATA, twin])
    with pytest.raises(PlanBError, match=r"no example with this request"):
        read_labels(path, DATA[1:])


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", [GOOD])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_labels(path, DATA).labels) == 1
