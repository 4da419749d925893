"""The kinds of step and their arrows: a study's whole path on one screen."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from own_link import Noise
from rich.console import Console
from typer.testing import CliRunner

from planb.cli import app
from planb.cli.tables import arrows_tree
from planb.studies.cycle import cycle
from planb.studies.jailbreaks import jailbreaks
from planb.studies.sandbox import sandbox
from planb.study.chain import Chain
from planb.study.planning.arrows import Branch, arrows
from planb.study.planning.graph import Graph
from planb.study.study import Study


def drawn(study: Study) -> list[str]:
    """The lines of the tree without its guides, as deep as they are indented."""
    console = Console(file=io.StringIO(), width=100)
    console.print(arrows_tree(arrows(study.steps())))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.translate(dict.fromkeys(map(ord, "│├└─"), " ")).rstrip() for line in text.splitlines()]


def counted(branches: list[Branch]) -> int:
    return sum(branch.count + counted([*branch.below.values()]) for branch in branches)


def test_the_sandbox_is_told_in_full() -> None:
    assert drawn(sandbox().with_seeds(2)) == [
        "base (2)  sandbox",
        "    -> data (2)",
        "        -> tiers (1)",
        "    -> evaluation (8) + data",
        "        -> report (1) + tiers",
        "    -> organism (2) + data",
        "        -> evaluation (8) + data",
        "        -> method (8) + data  standard, german, ryan, plan_b",
        "            -> evaluation (32) + data",
    ]


@pytest.mark.parametrize("study", [sandbox(), jailbreaks().with_seeds(1), cycle().with_seeds(1)])
def test_every_step_is_counted_once(study: Study) -> None:
    assert counted(arrows(study.steps())) == len(Graph(study.steps()))


def test_second_judges_and_one_that_is_trained_have_their_arrows() -> None:
    lines = drawn(jailbreaks().with_seeds(1))
    assert "    -> judge (1)" in lines
    assert "        -> calibration (1) + data" in lines
    assert [line.strip() for line in lines].count("-> judgement (14) + judge") == 2, "base and organism"


def test_chains_go_as_deep_as_they_are_long() -> None:
    kinds = [line.split("->")[-1].split("(")[0].strip() for line in drawn(cycle().with_seeds(1))]
    assert kinds.count("organism") == 6
    deepest = max(drawn(cycle().with_seeds(1)), key=lambda line: len(line) - len(line.lstrip()))
    assert deepest.startswith(" " * 32 + "-> evaluation")


def test_a_link_of_ones_own_stands_where_it_is() -> None:
    whole = sandbox()
    chain = Chain(name="noised", stages=(whole.organisms[0], Noise(name="hiss"), whole.methods[0]))
    lines = drawn(whole.but(chains=(chain,), methods=(), seeds=(0,)))
    place = lines.index("        -> noise (1)  hiss")
    assert lines[place + 1] == "            -> method (1) + data  standard"
    assert lines[place + 2].startswith("                -> evaluation (")


def test_many_names_are_cut() -> None:
    names = dict.fromkeys(f"m{number}" for number in range(20))
    console = Console(file=io.StringIO(), width=200)
    console.print(arrows_tree([Branch("method", 20, names)]))
    shown = console.file.getvalue().strip()  # type: ignore[attr-defined]
    assert shown == "method (20)  m0, m1, m2, m3, m4, m5, m6, m7, 12 more"


def test_the_command_prints_it_and_no_step(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["plan", "sandbox", "--seeds", "1", "--graph", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert "-> method (4) + data  standard, german, ryan, plan_b" in done.output
    assert "-seed0" not in done.output
