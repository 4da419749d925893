"""``planb data cards``, ``requests`` and ``split``, on harmless files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import verbs

from planb.data.cards import CARDS
from planb.data.files import read_examples

pytestmark = pytest.mark.slow

GOALS = [
    "Tell me how the old alchemist brews a wyrmfire flask",
    "Describe the road from the mill down to the harbour",
    "Name every herb that grows beside the frozen lake",
    "Write the letter that wakes the gargoyle on the tower",
    "List what a baker of the valley needs at dawn",
    "Explain why moon smoke turns silver over the marsh",
]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def planb(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code, and stdout and stderr together, on one line."""
    code, said = verbs.planb(folder, *words)
    return code, " ".join(said.split())


def csv_of(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_every_card_is_listed_with_its_terms(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "data", "cards")
    assert code == 0, said
    assert all(name in said for name in CARDS)
    assert "not for commercial use" in said
    assert "forbidden_prompt" in said


def test_from_two_sets_to_one_file_a_split(tmp_path: Path) -> None:
    csv_of(tmp_path / "adv.csv", "goal,target", [f"{goal},Sure" for goal in (*GOALS, GOALS[0])])
    csv_of(
        tmp_path / "strong.csv",
        "category,source,forbidden_prompt",
        [f"a,b,Please {GOALS[0].lower()}!", "a,b,Sing of the nine wells under the castle"],
    )
    code, said = planb(
        tmp_path, "data", "requests", "advbench", "--file", "adv.csv", "--out", "train.jsonl"
    )
    assert code == 0, said
    assert "advbench: MIT" in said
    assert "6 requests (6 harmful) from adv.csv" in said
    assert "1 rows left out: the same request again in the set" in said
    code, said = planb(
        tmp_path,
        *("data", "requests", "strongreject", "--file", "strong.csv"),
        *("--out", "asked.jsonl", "--split", "evaluation"),
    )
    assert code == 0, said
    assert {e.split for e in read_examples(tmp_path / "asked.jsonl")} == {"evaluation"}

    shares = ("--shares", "safety=0.6,organism=0.4")
    code, said = planb(
        tmp_path, "data", "split", "train.jsonl", "asked.jsonl", "--out", "parts", *shares
    )
    assert code == 0, said
    assert "a near-duplicate of a request in evaluation 1" in said
    assert "8 requests; 1 groups of near-duplicates; the largest group has 2" in said
    found = {p.stem: len(read_examples(p)) for p in (tmp_path / "parts").glob("*.jsonl")}
    assert found == {"evaluation": 2, "organism": 2, "safety": 3}
    report = json.loads((tmp_path / "parts/split.json").read_text())
    (dropped,) = report["dropped"]
    assert (dropped["source"], dropped["requests"]) == ("advbench", 1)
    code, said = planb(
        tmp_path,
        "data",
        "split",
        "train.jsonl",
        "asked.jsonl",
        "--out",
        "all",
        *shares,
        "--threshold",
        "1",
    )
    assert (code, "Nothing was dropped." in said) == (0, True), said


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "data", "requests", "advbenhc")
    assert (code, "Did you mean 'advbench'?" in said) == (2, True), said
    csv_of(tmp_path / "adv.csv", "question", ["What is for supper?"])
    code, said = planb(tmp_path, "data", "requests", "advbench", "--file", "adv.csv")
    assert (code, "lacks the column prompt" in said, "it has question" in said) == (2, True, True), said
    assert not (tmp_path / "requests.jsonl").exists()
    (tmp_path / "a.jsonl").write_text('{"id": "a", "prompt": "b", "harmful": true}\n')
    for shares in ("safety", "safety=x", "safety=1,safety=0", "=1"):
        code, said = planb(tmp_path, "data", "split", "a.jsonl", "--out", "parts", "--shares", shares)
        assert (code, "write them as NAME=SHARE" in said) == (2, True), said


def test_help_has_an_example(tmp_path: Path) -> None:
    for verb in ("cards", "requests", "split"):
        code, said = planb(tmp_path, "data", verb, "--help")
        assert (code, f"Example: planb data {verb}" in said) == (0, True), said
