"""A folder of studies that say hostile things wherever a study can say anything."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from planb.study.running.run_file import FILE, RunState, StepNow, StepOver

HOSTILE = (
    '</bdi></div><script>document.title="run"</script><img src="http://127.0.0.1:9/x" '
    'onerror="document.title=1"><a href="https://example.org">link</a> &amp; =1+1 \u202ecba\x1b[2J'
)
CURVE = tuple((float(done), 3.0 - done / 10) for done in range(0, 20))


def running(**more: object) -> RunState:
    """A run of this process."""
    now = datetime.now(UTC)
    state = RunState(host=socket.gethostname(), pid=os.getpid(), began=now, told=now, total=20, done=7)
    return state.but(left=75.0, fraction=0.4, **more)


def make_studies(out: Path) -> Path:
    """``bad`` runs and says hostile things, ``old`` is of no run, and there are other folders."""
    bad, secret = out / "bad", out.parent / "secret.svg"
    for folder in ("steps/organism-1234.partial", "steps/base-1234", "figures", "tables", "logs"):
        (bad / folder).mkdir(parents=True)
    at_work = StepNow(step="organism-seed0", elapsed=5, done=40, total=160, note=f"loss 1.1 {HOSTILE}",
                      figure="loss", curve=CURVE)  # fmt: skip
    failed = StepOver(step="plan_b-seed0", why=HOSTILE)
    state = running(running=(at_work,), failed=(failed,), notes=(HOSTILE,))
    (bad / FILE).write_text(state.model_dump_json())
    quoted = HOSTILE.replace('"', '""')
    (bad / "tables" / "headline.csv").write_text(f'Method,"{quoted}"\nPlan B,"{quoted}"\n')
    (bad / "report.html").write_text(f"<script>document.title='run'</script>{HOSTILE}")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script></svg>'
    (bad / "figures" / "answer.svg").write_text(svg)
    (bad / "logs" / "one-1234.eval").write_bytes(b"PK")
    secret.write_text(svg)
    (bad / "figures" / "answer-2.svg").symlink_to(secret)
    (out / "old" / "steps" / "base-1").mkdir(parents=True)
    (out / "<img src=x onerror=alert(1)>" / "steps").mkdir(parents=True)
    (out / "judges").mkdir()
    (out / "judges" / "exact.html").write_text("a judge")
    (out / "compare.html").write_text("two studies")
    return out
