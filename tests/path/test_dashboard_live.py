"""The dashboard beside a study that really runs, as a browser saw it (``watching.py``)."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from command import Finished

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def watched(finished: Finished) -> dict[str, Any]:
    if finished.watched is None:
        pytest.skip("no Playwright, or no Chromium")
    return finished.watched


def test_it_follows_a_study_from_before_it_exists(watched: dict[str, Any]) -> None:
    assert "no study here yet" in watched["empty"]
    statuses = [status for one in watched["seen"] for status in one["status"]]
    done = [int(found[1]) for one in statuses if (found := re.match(r"(\d+) of 44 steps done", one))]
    assert done == sorted(done)
    assert len(set(done)) > 5, "it is followed step by step"
    assert done[-1] == 44
    assert any(re.search(r"(about .*|a few seconds) left", one) for one in statuses)
    titles = [one["title"] for one in watched["seen"]]
    assert titles[-1] == "small: done"
    assert any(re.fullmatch(r"\d+/44 small: running", title) for title in titles)


def test_it_shows_what_runs_and_how_its_loss_falls(watched: dict[str, Any]) -> None:
    running = {step for one in watched["seen"] for step in one["running"]}
    assert any(step.startswith("organism-seed") for step in running)
    far = [text for one in watched["seen"] for text in one["far"]]
    assert any(re.fullmatch(r"\d+ of \d+, loss \d+\.\d+", text) for text in far)
    curves = [(str(label), points) for one in watched["seen"] for label, points in one["curves"]]
    grown = [points for label, points in curves if label.startswith("loss from")]
    assert any(after > before for before, after in itertools.pairwise(grown)), "it grows"


def test_figures_come_before_the_first_page_and_then_those_of_the_page(watched: dict[str, Any]) -> None:
    first = [one["first"] for one in watched["seen"] if one["first"]]
    assert first, "from the evaluations that are finished"
    assert not any(one["first"] and one["figures"] for one in watched["seen"])
    last = watched["seen"][-1]["figures"]
    assert last == ["Base model", "Organism", "Standard", "Plan B"]
    assert set(first[-1]) <= set(last)
    assert watched["drawn"]
    assert all(width > 0 for width in watched["drawn"])


def test_nothing_is_fetched_from_elsewhere_and_the_page_opens(watched: dict[str, Any]) -> None:
    assert watched["console"] == []
    assert watched["report"] == "Plan B in a small valley"
    hosts = {re.sub(r"^(https?://[^/]+|data:).*$", r"\1", one) for one in watched["asked"]}
    assert len(hosts - {"data:"}) == 1
    assert all(host.startswith(("http://127.0.0.1:", "data:")) for host in hosts)
