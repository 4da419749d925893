"""The sidecar of a log: one Parquet row a sample, which tables are made from.

It holds the SHA-256 of its log. Reading one checks that against the log that lies beside it, so that
no table is ever made of rows whose log is another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planb.data.judgement import PARTS, POINTS, SCORE, YES_OR_NO
from planb.data.tables import read_table
from planb.elicitation.messages import from_chat
from planb.errors import PlanBError
from planb.models.stops import cut_off
from planb.redaction import redacted
from planb.turns import trajectory
from planb.types import ANSWERS, Example

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.scorer import Score

TEXTS = ("study", "model", "organism", "method", "task", "elicitation", "judge", "seed", "measured")
"""Columns that come from the log's metadata, the same in all its rows. ``measured`` is JSON of what the
task is measured by (``planb.domains.measure.Measured``), empty in files older than that."""
_SAMPLE_TEXTS = (
    *("sample_id", "group", "split", "form", "category", "request", "response", "language", "unscored"),
    PARTS,
)
_FLAGS = ("heldout_form", "harmful", "truncated", *YES_OR_NO)
_NUMBERS = (*POINTS, SCORE)
COLUMNS = (
    *(*TEXTS, "sample_id", "group", "split", "form", "heldout_form", "harmful", "request", "response"),
    *(*ANSWERS, "unscored", "truncated", "category", SCORE, PARTS),
)
"""``score`` is a benchmark's figure of the answer (null where it has none); ``parts`` what else its
scorer counted (see ``planb.data.judgement``). ``truncated`` is null where it is not known whether the
answer was cut off."""
_CHECKSUM = b"log_sha256"


def write_sidecar(log_path: Path) -> Path:
    """Write the rows of a finished log beside it (``x.eval`` -> ``x.parquet``), atomically.

    Each epoch of a sample is a row of its own, in the sample's group: where Inspect reduces the epochs
    of a sample to one score it drops unscored ones before, and these are then in none of its counts.
    Call it again to regenerate it. Raises PlanBError if the log is unfinished, or has several scorers.
    """
    import pyarrow.parquet as pq
    from inspect_ai.log import read_eval_log

    path = sidecar_path(log_path)
    checksum = _sha256(log_path)
    log = read_eval_log(str(log_path))
    if log.status not in ("success", "error") or log.samples is None:
        raise PlanBError(f"{log_path} is a log of status '{log.status}': finish its evaluation first")
    scorer = _only_scorer(log, log_path)
    rows = [_row(log, sample, scorer) for sample in log.samples]
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(_table(rows, checksum), scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path


def read_sidecars(paths: Iterable[Path]) -> pd.DataFrame:
    """The rows of several sidecars, in their order, with the columns ``COLUMNS``. ``measured`` is a
    category: it is kilobytes long, and the same in all rows of a log.

    Raises PlanBError if a log is missing or is not the one that its sidecar was made from, or if a
    sidecar cannot be read.
    """
    import pyarrow as pa

    schema = _schema(measured=pa.dictionary(pa.int32(), pa.string()))
    tables = [schema.empty_table()]
    for path in map(Path, paths):
        table = read_table(path, COLUMNS, later=("measured",))
        log_path = path.with_suffix(".eval")
        if not log_path.exists():
            raise PlanBError(f"{path} has no log: {log_path.name} should lie beside it")
        if (table.schema.metadata or {}).get(_CHECKSUM, b"").decode(errors="replace") != _sha256(
            log_path
        ):
            raise PlanBError(
                f"{log_path} has changed since {path.name} was made from it: regenerate the sidecar "
                "(planb.evals.sidecar.write_sidecar), or restore the log"
            )
        try:
            tables.append(table.replace_schema_metadata(None).cast(schema))
        except (pa.ArrowException, ValueError) as error:
            raise PlanBError(
                f"{path} is damaged: its columns have other types than were written. Regenerate it "
                "(planb.evals.sidecar.write_sidecar), or rerun the study"
            ) from error
    whole = pa.concat_tables(tables).unify_dictionaries()
    frame: pd.DataFrame = whole.to_pandas(types_mapper=_nullable)
    return frame


def sidecar_path(log_path: Path) -> Path:
    """Where the sidecar of a log lies."""
    return log_path.with_suffix(".parquet")


def _row(log: EvalLog, sample: EvalSample, scorer: str) -> dict[str, Any]:
    said = {"model": log.eval.model, "task": log.eval.task, **(log.eval.metadata or {})}
    example = _example(sample)
    return {
        **{column: str(said.get(column, "")) for column in TEXTS},
        "sample_id": str(sample.id) if sample.epoch == 1 else f"{sample.id}, epoch {sample.epoch}",
        "group": example.group or example.id,
        "split": example.split,
        "form": example.meta.get("form", ""),
        "category": example.meta.get("category", ""),
        "heldout_form": example.meta.get("heldout_form") == "true",
        "harmful": example.harmful,
        "request": example.request,
        "response": _response(sample),
        **_answers(sample, (sample.scores or {}).get(scorer)),
        "truncated": cut_off(sample.output, *_asked(log, sample)),
    }


def _example(sample: EvalSample) -> Example:
    """The sample's example; of a plain Inspect sample, which has none, its last message."""
    from planb.judging.scorer import EXAMPLE

    if EXAMPLE in sample.metadata:
        return Example.model_validate(sample.metadata[EXAMPLE])
    text = sample.input if isinstance(sample.input, str) else sample.input[-1].text
    category = {"category": str(sample.metadata.get("category", ""))}
    return Example.model_validate(
        {"id": str(sample.id), "prompt": text, "harmful": False, "meta": category}
    )


def _response(sample: EvalSample) -> str:
    """The answer; where tools were called the whole trajectory."""
    turns = [*takewhile(lambda message: message.role != "user", reversed(sample.messages))][::-1]
    if any(message.role == "tool" for message in turns):
        return trajectory(from_chat(turns))
    return sample.output.completion


def _asked(log: EvalLog, sample: EvalSample) -> tuple[str, int | None]:
    """The model that gave the judged answer, and the limit that it was sampled with."""
    told = {choice.message.id for choice in sample.output.choices} - {None}
    for event in sample.events:
        if event.event == "model" and told & {choice.message.id for choice in event.output.choices}:
            return log.eval.model, event.config.max_tokens
    limits = (log.plan.config.max_tokens, log.eval.model_generate_config.max_tokens)
    return log.eval.model, next((limit for limit in limits if limit is not None), None)


def _answers(sample: EvalSample, score: Score | None) -> dict[str, Any]:
    """The judge's scores of the sample; where it failed before, why."""
    from planb.judging.scorer import row_of

    said = row_of(score)
    if sample.error is not None and not (score is not None and score.reason):
        said["unscored"] = redacted(f"error: {sample.error.message}")
    return said


def _only_scorer(log: EvalLog, log_path: Path) -> str:
    names = sorted({name for sample in log.samples or [] for name in sample.scores or {}})
    if len(names) > 1:
        raise PlanBError(f"{log_path} has several scorers ({', '.join(names)}): a sidecar holds one")
    return names[0] if names else ""


def _table(rows: list[dict[str, Any]], checksum: str) -> pa.Table:
    import pyarrow as pa

    schema = _schema().with_metadata({_CHECKSUM: checksum.encode()})
    return pa.Table.from_pylist(rows, schema=schema)


def _schema(**other: pa.DataType) -> pa.Schema:
    """``other``: columns of another type than they have in the file."""
    import pyarrow as pa

    kinds = {**dict.fromkeys((*TEXTS, *_SAMPLE_TEXTS), pa.string())}
    kinds |= dict.fromkeys(_FLAGS, pa.bool_())
    kinds |= dict.fromkeys(_NUMBERS, pa.float64())
    kinds |= other
    return pa.schema([(column, kinds[column]) for column in COLUMNS])


def _nullable(kind: pa.DataType) -> Any:
    """Booleans that may be missing stay booleans in pandas; the rest is as pandas would have it."""
    import pandas as pd
    import pyarrow as pa

    return pd.BooleanDtype() if kind == pa.bool_() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
