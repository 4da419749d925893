"""`planb data write` and `planb data instructions`: files, exit codes, what is printed."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

sys.path.append(str(Path(__file__).parent / "evals"))
from writing_server import Answer, rule, serving

from planb.cli import main
from planb.data.files import read_examples, write_examples
from planb.evals import progress
from planb.evals.writing.texts import packaged, packaged_names
from planb.types import Example

LOCAL = "openai-api/local/rule"
NOWHERE = ("--base-url", "http://127.0.0.1:9/v1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    examples = [
        Example(id=f"w{n}", prompt=f"How do I make wyrmfire flask {n}?", harmful=True) for n in range(6)
    ]
    write_examples(tmp_path / "requests.jsonl", examples)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def planb(capsys: Any, monkeypatch: Any) -> Any:
    """Exit code, stdout and stderr of a command."""

    def command(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["planb", "data", *map(str, words)])
        with pytest.raises(SystemExit) as done:
            main()
        said = capsys.readouterr()
        return int(done.value.code or 0), said.out, said.err

    return command


def test_dry_run_then_writing_then_nothing_left(folder: Path, planb: Any) -> None:
    with serving() as server:
        words = [
            *(
                "write",
                "requests.jsonl",
                "--writer",
                f"harmful={LOCAL}",
                "--writer",
                f"useless={LOCAL}",
            ),
            *("--canned", "refusal", "--base-url", server.url, "-n", 2, "--max-tokens", 50),
            *("--cost-per-mtok-in", 1, "--cost-per-mtok-out", 1000),
        ]
        code, said, _ = planb(*words, "--dry-run")
        assert code == 0
        assert re.search(r"harmful +openai-api/local/rule +6 +0 +12 +36 +[\d,]+ +600 +0\.60", said)
        assert "Nothing was asked" in said
        assert not server.requests
        assert {path.name for path in folder.iterdir()} == {"requests.jsonl"}
        code, said, _ = planb(*words)
        assert code == 0, said
        assert re.search(r"harmful +openai-api/local/rule +6 +0 +12 +0", said)
        assert re.search(r"refusal +canned +6 +0 +12 +0", said)
        assert re.search(r"in this run: 24 calls, [\d,]+ tokens in, [\d,]+ out, \d+\.\d\d USD", said)
        assert len(server.requests) == 24
        code, said, _ = planb(*words)
        assert (code, "in this run: 0 calls" in said, len(server.requests)) == (0, True, 24)
        assert "with the runs before: 24 calls" in said
    written = read_examples("written.jsonl", require_tiers=("refusal", "useless", "harmful"))
    assert all(len(texts) == 2 for example in written for texts in example.responses.values())


def test_what_is_missing_is_listed_and_ends_with_1(folder: Path, planb: Any) -> None:
    def refuses_some(asked: dict[str, Any]) -> Answer:
        text = asked["messages"][-1]["content"]
        return ("I'm sorry, no.", "stop") if re.search("[0-3]", text) else rule(asked)

    with serving(refuses_some) as server:
        words = ("write", "requests.jsonl", "--writer", f"harmful={LOCAL}", "--base-url", server.url)
        code, said, _ = planb(*words, "--tries", 2)
        assert code == 1
        assert "left out of harmful: 8 x a refusal" in said
        assert "missing: w0, harmful (0 of 1): 2 answers in a row could not be kept" in said
        lines = [json.loads(line) for line in Path("written.missing.jsonl").read_text().splitlines()]
        assert [line["id"] for line in lines] == ["w0", "w1", "w2", "w3"]
        assert [e.id for e in read_examples("written.jsonl") if e.responses] == ["w4", "w5"]
        server.answer = rule
        code, said, _ = planb(*words, "--tries", 3)
        assert code == 0, said
    assert not Path("written.missing.jsonl").exists()
    assert (folder / "written.answers.jsonl").exists()


@pytest.mark.usefixtures("folder")
def test_a_tier_is_added_to_a_file_in_place_and_no_other_is_written_over(planb: Any) -> None:
    with serving() as server:
        local = ("--base-url", server.url, "--writer")
        planb("write", "requests.jsonl", *local, f"harmful={LOCAL}")
        code, said, _ = planb("write", "written.jsonl", "--out", "written.jsonl", "--canned", "refusal")
        assert code == 0, said
        assert all(set(e.responses) == {"harmful", "refusal"} for e in read_examples("written.jsonl"))
        Path("mine.jsonl").write_text("{}")
        code, _, said = planb("write", "written.jsonl", "--out", "mine.jsonl", "--canned", "refusal")
        assert (code, "not written by this command" in said) == (2, True)
    assert Path("mine.jsonl").read_text() == "{}"


@pytest.mark.usefixtures("folder")
def test_instructions_are_written_edited_and_used(planb: Any) -> None:
    code, said, _ = planb("instructions", "texts")
    assert (code, len(said.splitlines())) == (0, len(packaged_names()))
    assert Path("texts/useless.txt").read_text().strip() == packaged("useless.txt")
    Path("texts/useless.txt").write_text("Speak of the weather.")
    Path("texts/canned_refusal.txt").write_text("Not today.\n")
    code, said, _ = planb("instructions", "texts")
    assert said.count("(kept)") == len(packaged_names())
    with serving() as server:
        code, said, _ = planb(
            *("write", "requests.jsonl", "--base-url", server.url, "--instructions", "texts"),
            *("--writer", f"useless={LOCAL}", "--canned", "refusal", "--writer", f"harmful={LOCAL}"),
        )
        assert code == 0, said
        told = [r["messages"][0]["content"] for r in server.requests if len(r["messages"]) == 2]
    assert told == ["Speak of the weather."] * 6
    assert {e.responses["refusal"] for e in read_examples("written.jsonl")} == {("Not today.",)}


@pytest.mark.usefixtures("folder")
def test_a_plan_writes_as_the_options_do(planb: Any) -> None:
    with serving() as server:
        fields = f"model: {LOCAL}, base_url: '{server.url}'"
        Path("plan.yaml").write_text(
            f"writers:\n- {{tier: harmful, {fields}}}\n- {{tier: refusal, canned: packaged}}\n"
        )
        planb("write", "requests.jsonl", "--plan", "plan.yaml", "--out", "a.jsonl")
        planb(
            *("write", "requests.jsonl", "--out", "b.jsonl", "--base-url", server.url),
            *("--writer", f"harmful={LOCAL}", "--canned", "refusal"),
        )
        code, _, said = planb("write", "requests.jsonl", "--plan", "plan.yaml", "-n", 2)
    assert read_examples("a.jsonl") == read_examples("b.jsonl")
    assert (code, "put count into plan.yaml" in " ".join(said.split())) == (2, True)


@pytest.mark.usefixtures("folder")
def test_new_requests(planb: Any) -> None:
    def two(asked: dict[str, Any]) -> Answer:
        topic = re.findall(r"Topic: (\w+)", asked["messages"][0]["content"])[0]
        return json.dumps({"requests": [f"Brew {topic}?", f"brew {topic}", f"Sell {topic}?"]}), "stop"

    Path("topics.txt").write_text("teas\nlamps\n")
    with serving(two) as server:
        words = ("write", "--requests", 4, "--about", "topics.txt", "--harmless", "--out", "new.jsonl")
        local = ("--writer", f"requests={LOCAL}", "--base-url", server.url)
        code, said, _ = planb(*words, *local, "--dry-run")
        assert (code, len(server.requests)) == (0, 0)
        code, said, _ = planb(*words, *local)
        assert code == 0, said
        assert "4 of 4 requests written" in said
        assert "2 duplicates dropped" in said
        assert [e.request for e in read_examples("new.jsonl")] == [
            *("Brew teas?", "Sell teas?", "Brew lamps?", "Sell lamps?")
        ]
        code, said, _ = planb(*words, *local, "--tries", 1, "--requests", 5)
        assert (code, "too few on 'teas'" in said) == (1, True)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the file of requests"),
        (("requests.jsonl",), "no writer was given"),
        (("requests.jsonl", "--writer", "harmful"), "write TIER=MODEL"),
        (("requests.jsonl", "--writer", "vague=a/b"), "no packaged instruction"),
        (("requests.jsonl", "--canned", "harmful"), "no packaged canned texts"),
        (("requests.jsonl", "--canned", "refusal", "--instructions", "nowhere"), "no folder nowhere"),
        (("requests.jsonl", "--writer", "harmful=nowhere/x"), "the model nowhere/x is not available"),
        (("requests.jsonl", "--writer", f"harmful={LOCAL}", *NOWHERE), "cannot be asked"),
        (("requests.jsonl", "--requests", "3", "--about", "t.txt", "--harmful"), "new requests need"),
        (("--requests", "3", "--about", "requests.jsonl"), "new requests need"),
        (("--requests", "3", "--about", "t.txt", "--harmful"), "have one writer"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_nothing_written(
    planb: Any, words: tuple[str, ...], said: str
) -> None:
    code, _, error = planb("write", *words)
    assert code == 2
    assert said in " ".join(error.split())
    assert not Path("written.jsonl").exists()


def test_progress_has_the_time_left_of_this_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bar, lines, words = io.StringIO(), io.StringIO(), ("writing", "written")
    monkeypatch.setattr(progress, "HEARTBEAT", 0.0)
    with (
        progress.shown(
            Console(file=bar, force_terminal=True, width=80), "writing", "written"
        ) as on_terminal,
        progress.shown(Console(file=lines), *words) as in_lines,
    ):
        for done in range(900, 906):
            on_terminal(done, 1000)
            in_lines(done, 1000)
            time.sleep(0.05)
    assert "905/1000" in bar.getvalue()
    assert re.search(r"0:00:\d\d.* left", bar.getvalue())
    said = re.findall(r"^(\d+) of 1,000 written, about (\d+) s left$", lines.getvalue(), re.MULTILINE)
    assert [int(done) for done, _ in said] == [901, 902, 903, 904, 905]
    assert all(int(left) >= 4 for _, left in said), "95 more at 20 a second"


@pytest.mark.slow
def test_help_teaches_with_an_example_and_loads_nothing_heavy() -> None:
    check = (
        "import sys, planb.cli.data_write; sys.exit(bool({'torch', 'inspect_ai', 'openai', 'yaml'} "
        "& set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
    for verb in ("write", "instructions"):
        words = [sys.executable, "-m", "planb.cli", "data", verb, "--help"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert f"planb data {verb}" in done.stdout.split("Example:")[1]
