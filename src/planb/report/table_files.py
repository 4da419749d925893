"""Tables of the page as files: CSV for programs and spreadsheets, LaTeX (booktabs) for papers."""

from __future__ import annotations

import re
from itertools import accumulate

from planb.names import cell
from planb.report.evidence import Table

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
}
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def csv_of(table: Table) -> str:
    """The cells as they stand on the page; a group's heading stands before its heads. What a
    spreadsheet would run as a formula gets a quote before it."""
    heads = [": ".join(filter(None, pair)) for pair in zip(groups(table), table.head, strict=True)]
    return "".join(f"{','.join(map(_quoted, row))}\n" for row in (heads, *table.rows))


def latex_of(table: Table, caption: str = "") -> str:
    """A ``tabular`` with booktabs' rules; ``caption`` stands before it as a comment."""
    kinds = "".join(
        "p{4cm}" if at in table.texts else "l" if at in (0, table.verdict) else "r"
        for at in range(len(table.head))
    )
    lines = [f"% {_plain(caption)}"] if caption else []
    lines += ["% \\usepackage{booktabs,amssymb}", f"\\begin{{tabular}}{{{kinds}}}", "\\toprule"]
    if table.spans:
        cells = [f"\\multicolumn{{{n}}}{{l}}{{{_latex(name)}}}" for name, n in table.spans]
        ends = list(accumulate(width for _, width in table.spans))
        rules = [
            f"\\cmidrule(lr){{{end - width + 1}-{end}}}"
            for (name, width), end in zip(table.spans, ends, strict=True)
            if name
        ]
        lines += [f"{' & '.join(cells)} \\\\", "".join(rules)]
    lines += [f"{' & '.join(map(_latex, table.head))} \\\\", "\\midrule"]
    for place, row in enumerate(table.rows):
        lines += ["\\midrule"] if place and place in table.breaks else []
        lines.append(f"{' & '.join(map(_latex, row))} \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def groups(table: Table) -> list[str]:
    """The heading over each column, or ""."""
    if not table.spans:
        return [""] * len(table.head)
    return [name for name, width in table.spans for _ in range(width)]


def _quoted(text: str) -> str:
    safe = cell(text)
    return '"' + safe.replace('"', '""') + '"' if re.search('[",\n]', safe) else safe


def _latex(text: str) -> str:
    written = "".join(_SPECIAL.get(letter, letter) for letter in _plain(text))
    opens = written.startswith(("[", "*"))  # which a line break before it would take for its own
    return f"{{}}{written}" if opens else written


def _plain(text: str) -> str:
    return _UNSHOWN.sub("", text.replace("\n", "; "))
