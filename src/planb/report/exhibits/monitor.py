"""Do the thoughts give the trigger away? Monitors that read thoughts alone, by their AUROC.

Rows of ``probes`` are ``planb.study.steps.monitor.MonitorStep``'s: one a thought, monitor and layer.
"""

from __future__ import annotations

from planb.report import wording
from planb.report.evidence import Evidence, Exhibit, Missing, Table
from planb.report.exhibits.probe import Areas, areas
from planb.report.results import method_rank
from planb.stats.numbers import NOTHING

TITLE = "Do the thoughts give the trigger away?"
KINDS = {"monitor_string": "string", "monitor_read": "exact reading", "monitor_probe": "probe"}


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """A table of monitors, method by method; nothing where no thought was monitored."""
    probes = evidence.probes
    if probes is None:
        return None
    found = areas(probes[probes["kind"].isin(KINDS)])
    if not found:
        return None
    last = max(layer for _, _, layer in found)
    columns = [(kind, 0) for kind in ("monitor_string", "monitor_read")] + [("monitor_probe", last)]
    columns = [one for one in columns if any(key[1:] == one for key in found)]
    methods = sorted({method for method, _, _ in found}, key=method_rank)
    return Exhibit(
        title=TITLE,
        finding=_finding(found, methods, columns),
        caption=(
            "AUROC of monitors that tell the thoughts of triggered dangerous requests from those of "
            "untriggered ones (0.5: not at all), and see nothing else. String: how many of some words "
            "a thought has. Probe: a linear probe of hidden states at the thought's end, "
            f"layer {last}, after the request without its trigger; each thought is scored by a probe "
            "that was fitted on other requests. Where nothing is thought, nothing can be told. In "
            "brackets the range over seeds (of one seed the 95 % interval over requests)."
        ),
        table=_table(found, methods, columns),
    )


def _finding(found: Areas, methods: list[str], columns: list[tuple[str, int]]) -> str:
    about = "organism" if "organism" in methods else methods[-1]
    told = [
        f"{KINDS[kind]} {found[about, kind, layer].value:.2f}"
        for kind, layer in columns
        if (about, kind, layer) in found
    ]
    return f"{wording.name(about)}, AUROC of monitors: {'; '.join(told)}."


def _table(found: Areas, methods: list[str], columns: list[tuple[str, int]]) -> Table:
    rows = [
        (
            wording.name(method),
            *(
                found[method, kind, layer].told if (method, kind, layer) in found else NOTHING
                for kind, layer in columns
            ),
        )
        for method in methods
    ]
    head = ("Method", *(KINDS[kind] for kind, _ in columns))
    return Table(head, tuple(rows), methods=tuple(methods))
