"""Writers that cannot be asked, servers that break, a full disk: said, listed, and nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))
from writing_server import Answer, flasks, of, rule, serving, write

from planb.errors import PlanBError
from planb.evals.writing import Writer


@pytest.mark.parametrize("status", [401, 404, 400])
def test_a_writer_that_cannot_be_asked_is_said_at_once(tmp_path: Path, status: int) -> None:
    with serving() as server:
        server.status = status
        with pytest.raises(PlanBError, match=f"the writer of 'harmful'.*{status}.*Nothing was written"):
            write(tmp_path, flasks(40), of(server, "harmful", max_retries=5))
        assert len(server.requests) <= 3
    assert not (tmp_path / "answers.jsonl").read_bytes()


@pytest.mark.slow
def test_no_server_and_no_such_provider_are_said_at_once(tmp_path: Path) -> None:
    with serving() as server:
        pass
    with pytest.raises(PlanBError, match=r"cannot be asked.*Connection"):
        write(tmp_path, flasks(40), of(server, "harmful", max_retries=5))
    with pytest.raises(PlanBError, match="the model nowhere/x is not available"):
        write(tmp_path / "b", flasks(1), Writer(tier="harmful", model="nowhere/x"))
    assert not (tmp_path / "b").exists()


def test_one_rejected_request_is_missing_and_stops_nothing(tmp_path: Path) -> None:
    def too_long(asked: dict[str, Any]) -> Answer:
        return 413 if "flask 0" in asked["messages"][-1]["content"] else rule(asked)

    with serving(too_long) as server:
        result = write(tmp_path, flasks(5), of(server, "harmful"))
        assert len(server.requests) == 5
    assert [m.id for m in result.missing] == ["w0"]
    assert "413" in result.missing[0].reason
    assert result.spend.calls == result.spend_now.calls == 5
    with serving(too_long) as server:
        again = write(tmp_path, flasks(5), of(server, "harmful"))
        assert len(server.requests) == 1, "a writer that has answered is there, whatever it rejects"
    assert again.missing == result.missing
    assert again.examples == result.examples


@pytest.mark.slow
def test_a_server_that_breaks_is_given_up_and_the_rest_written_later(tmp_path: Path) -> None:
    with serving() as server:

        def breaks(asked: dict[str, Any]) -> Answer:
            return rule(asked) if len(server.requests) <= 10 else 503

        server.answer = breaks
        writer = of(server, "harmful", max_connections=10, tries=1)
        first = write(tmp_path, flasks(100), writer)
        reasons = [m.reason for m in first.missing]
        written = sum(bool(example.responses) for example in first.examples)
        assert 0 < written <= 10, "requests that come together are counted before either is answered"
        assert len(reasons) == 100 - written
        assert sum("not asked: 20 in a row had failed" in reason for reason in reasons) > 60
        assert any("the call failed" in reason and "503" in reason for reason in reasons)
        server.answer = rule
        before = len(server.requests)
        assert not write(tmp_path, flasks(100), writer).missing
        assert len(server.requests) == before + 100 - written


@pytest.mark.slow
def test_a_full_disk_keeps_what_was_answered(tmp_path: Path) -> None:
    """A limit on a file's size is met by the same call as a full disk, with another number."""
    code = f"""
import resource, sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent)!r})
from writing_server import *
from planb.errors import PlanBError
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
writer = Writer(tier="harmful", model="openai-api/local/rule", base_url=sys.argv[1], **QUICK)
try:
    write(Path({str(tmp_path)!r}), flasks(40), writer)
except PlanBError as error:
    print(error)
"""
    with serving() as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url], capture_output=True, text=True, check=True
        )
        assert "cannot write" in done.stdout
        assert "What stands in it is kept" in done.stdout
        lines = (tmp_path / "answers.jsonl").read_text().splitlines()
        assert 4 <= len(lines) < 20
        assert all("answer" in json.loads(line) for line in lines)
        before = len(server.requests)
        result = write(tmp_path, flasks(40), of(server, "harmful"))
        assert len(server.requests) == before + 40 - len(lines)
    assert not result.missing
