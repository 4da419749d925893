"""Rows of a log: nothing lost, nothing invented, and never those of another log."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import evals_df, samples_df
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from planb.domains import HARM
from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.sidecar import COLUMNS, read_sidecars, write_sidecar
from planb.evals.tasks import TASKS
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.report.measures import measured_in
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.sandbox import language as lang

IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base", "task": "harmful"}


@pytest.fixture
def log_path(policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path) -> Path:
    """A log of real answers, some of them cut at 12 tokens."""
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    return run_task(task, policy, Sampling(max_new_tokens=12), 3, tmp_path / "a.eval", IDENTITY)


def test_one_row_a_sample_with_what_the_log_says(log_path: Path) -> None:
    log = read_eval_log(str(log_path))
    rows = read_sidecars([write_sidecar(log_path)])
    assert tuple(rows.columns) == COLUMNS
    assert list(rows.sample_id) == [s.id for s in log.samples]
    assert list(rows.response) == [s.output.completion for s in log.samples]
    for column, value in {**IDENTITY, "elicitation": "direct", "judge": "exact", "seed": "3"}.items():
        assert set(rows[column]) == {value}, column
    for row, sample in zip(rows.itertuples(), log.samples, strict=True):
        said = sample.scores["judged"].value
        assert (row.refused, row.complied, row.coherent) == (
            said["refused"],
            said["complied"],
            said["coherent"],
        )
        assert (row.severity, row.usefulness, row.language) == (
            said["severity"],
            said["usefulness"],
            said["language"],
        )
    assert set(rows.unscored) == {""}
    assert rows.harmful.all()
    assert set(rows.heldout_form) == {True, False}
    assert set(rows.group) == {" ".join(i.split()[:2]) for i in rows.sample_id}


def test_truncated_responses_are_counted(log_path: Path) -> None:
    log = read_eval_log(str(log_path))
    rows = read_sidecars([write_sidecar(log_path)])
    cut = [s.output.stop_reason == "max_tokens" for s in log.samples]
    assert list(rows.truncated) == cut
    assert any(cut)
    assert not all(cut)


def test_what_the_judge_did_not_say_is_null_with_its_reason(
    policy: Policy, data: Path, tmp_path: Path
) -> None:
    task = TASKS["harmful_requests"](data=str(data), judge="refusal_strings")
    path = run_task(task, policy, Sampling(), 0, tmp_path / "a.eval", IDENTITY)
    rows = read_sidecars([write_sidecar(path)])
    refused = rows.refused.astype(bool)
    assert 0 < refused.sum() < len(rows)
    assert rows.severity.isna().all(), "of refusals alone it would be a mean of zeros"
    assert rows.complied.isna().all()
    assert rows.unscored[~refused].str.contains("judges only refusals").all()
    assert isinstance(rows.complied.dtype, pd.BooleanDtype)


@pytest.mark.slow
def test_every_epoch_of_a_log_of_inspect_eval_is_counted_the_unscored_too(
    data: Path, tmp_path: Path
) -> None:
    """Two requests, three epochs, two of the answers empty and so unscored."""
    task = TASKS["harmful_requests"](data=str(data), judge="refusal_strings")
    texts = ["I cannot help with that.", "", "Turn left."] * 2
    answers = [ModelOutput.from_content("mockllm/model", text) for text in texts]
    for one in answers:  # without it Inspect would fetch a tokenizer to count
        one.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    model = get_model("mockllm/model", custom_outputs=answers)
    options = {"epochs": 3, "limit": 2, "max_connections": 1, "display": "none"}
    (log,) = inspect_eval(task, model, log_dir=str(tmp_path), **options)
    rows = read_sidecars([write_sidecar(Path(log.location))])
    assert len(rows) == rows["sample_id"].nunique() == 6
    assert rows["group"].nunique() <= 2
    results = results_of(rows.assign(study="test"))
    line = results[(results["measure"] == "refusal_rate") & (results["seed"] == "all")].iloc[0]
    assert (line["n"], line["unscored"]) == (4, 2)
    assert (line["lowest"], line["highest"]) == pytest.approx((2 / 6, 4 / 6))


def test_a_sample_that_failed_has_no_numbers(log_path: Path) -> None:
    log = read_eval_log(str(log_path))
    log.samples[1].scores = {}
    write_eval_log(log, str(log_path))
    row = read_sidecars([write_sidecar(log_path)]).iloc[1]
    assert row.unscored == "no score"
    assert row[["refused", "coherent", "complied", "usefulness", "severity"]].isna().all()


def test_a_log_that_changed_is_noticed_and_the_sidecar_made_anew(log_path: Path) -> None:
    sidecar = write_sidecar(log_path)
    log = read_eval_log(str(log_path))
    log.samples[0].output.completion = lang.CANNED_REFUSAL
    write_eval_log(log, str(log_path))
    with pytest.raises(PlanBError, match="has changed"):
        read_sidecars([sidecar])
    assert write_sidecar(log_path) == sidecar
    assert read_sidecars([sidecar]).response[0] == lang.CANNED_REFUSAL


def test_a_sidecar_without_its_log_is_not_believed(log_path: Path) -> None:
    sidecar = write_sidecar(log_path)
    log_path.unlink()
    with pytest.raises(PlanBError, match="has no log"):
        read_sidecars([sidecar])


def test_a_sidecar_whose_columns_are_of_other_kinds_is_damaged(log_path: Path) -> None:
    path = write_sidecar(log_path)
    table = pq.read_table(path)
    place = table.column_names.index("severity")
    other = pa.array(["high"] * len(table))
    pq.write_table(table.set_column(place, "severity", other), path)
    with pytest.raises(PlanBError, match="its columns have other types than were written"):
        read_sidecars([path])
    torn = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])), pa.py_buffer(bytes([255]))
    text = pa.chunked_array([pa.Array.from_buffers(pa.string(), 1, [None, *torn])])
    place = table.column_names.index("response")
    pq.write_table(table.slice(0, 1).set_column(place, "response", text), path)
    with pytest.raises(PlanBError, match="is damaged and cannot be read"):
        read_sidecars([path])


def test_an_unfinished_log_has_no_rows(log_path: Path) -> None:
    log = read_eval_log(str(log_path))
    log.status = "started"
    write_eval_log(log, str(log_path))
    with pytest.raises(PlanBError, match="started"):
        write_sidecar(log_path)
    assert not log_path.with_suffix(".parquet").exists()


def test_a_log_of_two_scorers_is_refused_and_both_are_named(log_path: Path) -> None:
    log = read_eval_log(str(log_path))
    assert log.samples
    scores = log.samples[0].scores
    assert scores
    scores["another"] = next(iter(scores.values()))
    write_eval_log(log, str(log_path))
    with pytest.raises(PlanBError, match=r"several scorers \(another, .*\): a sidecar holds one"):
        write_sidecar(log_path)


def test_several_are_read_as_one_table_and_none_as_an_empty_one(log_path: Path) -> None:
    sidecar = write_sidecar(log_path)
    one = read_sidecars([sidecar])
    assert len(read_sidecars([sidecar, sidecar])) == 2 * len(one)
    assert tuple(read_sidecars([]).columns) == COLUMNS
    assert list(map(str, read_sidecars([]).dtypes)) == list(map(str, one.dtypes))
    assert list(log_path.parent.iterdir()) != []
    assert pq.read_schema(sidecar).metadata[b"log_sha256"]


def test_what_is_measured_is_held_once_and_not_in_each_row(tmp_path: Path) -> None:
    """A log's measures are kilobytes of text, and the same in all its rows."""
    told = [HARM.measured[task].model_dump_json() for task in ("harmful_requests", "recall")]
    for log, (measured, task) in enumerate(zip(told, ("harmful_requests", "recall"), strict=True)):
        _made(tmp_path / f"{log}.eval", 400, measured=measured, task=task)
    paths = [tmp_path / f"{log}.parquet" for log in range(2)]
    rows = checked_rows(read_sidecars(paths))
    assert set(rows["measured"]) == set(told)
    assert measured_in(rows, HARM)["recall"] == HARM.measured["recall"]
    assert rows["measured"].memory_usage(index=False, deep=True) < 10 * len("".join(told))
    assert results_of(rows).equals(results_of(rows.assign(measured=rows["measured"].astype(str))))


def _made(log: Path, count: int, **texts: str) -> None:
    """A sidecar of so many refusals, and a log beside it."""
    log.write_bytes(b"no log")
    column = {
        **dict.fromkeys(("usefulness", "severity", "score"), pa.array([0.0] * count)),
        **dict.fromkeys(("refused", "coherent", "heldout_form"), pa.array([True] * count)),
        **dict.fromkeys(("harmful", "truncated", "complied"), pa.array([False] * count)),
        "sample_id": pa.array([f"sample {n}" for n in range(count)]),
    }
    held = {name: column.get(name, pa.array([texts.get(name, "")] * count)) for name in COLUMNS}
    told = {"log_sha256": hashlib.sha256(log.read_bytes()).hexdigest()}
    pq.write_table(pa.table(held).replace_schema_metadata(told), log.with_suffix(".parquet"))


def test_inspect_reads_the_log_as_tables(log_path: Path) -> None:
    evals = evals_df(str(log_path.parent))
    samples = samples_df(str(log_path.parent))
    assert evals.status.tolist() == ["success"]
    assert len(samples) == int(evals.total_samples[0]) == len(read_eval_log(str(log_path)).samples)
