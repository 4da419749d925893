"""Tables as files: what a spreadsheet or LaTeX would run is text."""

from __future__ import annotations

import csv
import io

import pytest

from planb.report.evidence import Table
from planb.report.table_files import csv_of, latex_of

HOSTILE = '=cmd|"/C calc"!A1, \\input{x} 5 % \u202e\x1b[2J\n[0, 1]'


def test_cells_survive_a_csv_reader_and_no_formula_does() -> None:
    table = Table(("Method", "a"), ((HOSTILE, "+1"), ("-2.5", "4.5 [4.0, 4.9]")), (("", 1), ("g", 1)))
    rows = list(csv.reader(io.StringIO(csv_of(table))))
    assert rows[0] == ["Method", "g: a"]
    assert rows[1][0] == f"'{HOSTILE}"
    assert rows[2] == ["-2.5", "4.5 [4.0, 4.9]"], "numbers are no formulas"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5 % of R&D_x {a} #1 $2", r"5 \% of R\&D\_x \{a\} \#1 \$2"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("[4.0, 4.9]", "{}[4.0, 4.9]"),
        ("\u202ea\x1bb\nc", "ab; c"),
        ("−3 ✓ ✗ ±1", r"$-$3 $\checkmark$ $\times$ $\pm$1"),
        ("", ""),
    ],
)
def test_nothing_is_a_command(text: str, written: str) -> None:
    assert f"\n{written} & x \\\\\n" in latex_of(Table(("Method", "a"), ((text, "x"),)))


def test_spans_breaks_and_rules() -> None:
    rows = (("m", "1", "2"), ("n", "3", "4"))
    table = Table(("Method", "a", "b"), rows, (("", 1), ("With", 2)), breaks=(1,))
    lines = latex_of(table, "Title").splitlines()
    assert lines[0] == "% Title"
    assert r"\begin{tabular}{lrr}" in lines
    assert r"\cmidrule(lr){2-3}" in lines
    assert lines.count(r"\midrule") == 2
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
