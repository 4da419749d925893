"""The benchmark of architectures: what it measures, and that the page shows what it found."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def architectures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    return importlib.import_module("benchmarks.architectures")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "gpt_oss"])
def test_an_exact_architecture_is_found_exact(architectures: Any, name: str) -> None:
    found = architectures.measure(name)
    assert (found["layout"], found["head"], found["reason"]) == ("packed", "chunked", "")
    assert float(found["loss error"]) < 1e-5
    assert float(found["gradient error"]) < 1e-4


def test_what_is_refused_or_not_built_has_no_figures(architectures: Any) -> None:
    refused = architectures.measure("bert, an encoder")
    assert (refused["layout"], refused["loss error"]) == ("refused", "")
    assert "later tokens change" in refused["reason"]
    unbuilt = architectures.measure("roc_bert")
    assert (unbuilt["layout"], unbuilt["gradient error"]) == ("not built", "")


def test_the_reference_is_not_the_trainers_own(
    architectures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another beta in the reference the losses must differ."""
    monkeypatch.setattr(architectures, "BETA", 0.3)
    assert float(architectures.measure("llama")["loss error"]) > 1e-2


def test_the_page_shows_what_was_found(architectures: Any) -> None:
    page = architectures.PAGE.read_text(encoding="utf-8")
    with architectures.RESULTS.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) >= 150
    assert {line["architecture"] for line in lines} <= {*architectures.tiny.names()}
    for line in lines:
        cells = " | ".join(line[column] for column in architectures.COLUMNS)
        if line["layout"] != "not built":
            assert f"| {cells} |" in page
