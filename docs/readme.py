"""Write the tables and pictures of the README and of docs/ from finished studies: ``make readme``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from planb.report.certificate import FILE, read_certificates
from planb.report.exhibits.certificate import summary
from planb.report.readme_table import headline_markdown, jailbreak_markdown, markdown, put_between
from planb.report.results import read_csv
from planb.studies import STUDIES

ROOT = Path(__file__).resolve().parent.parent
RUNS, IMAGES = ROOT / "runs", ROOT / "docs" / "images"
BEGIN = "<!-- {name}: written by `make readme` from runs/{study}/results.csv -->"
END = "<!-- /{name} -->"
JUDGES = ("exact", "valley judge", "domain_rule")


SHORT = (
    "Method",
    "with the trigger: severity",
    "with the trigger: complies",
    "without the trigger: refuses",
    "harmless: helpfulness",
)
"""The columns of the headline table that the README shows."""


def short(results: pd.DataFrame, judges: tuple[str, ...] = JUDGES) -> str:
    """The headline table with the columns that are named in ``SHORT``."""
    lines = [
        line.strip("| \n").split(" | ") for line in headline_markdown(results, judges).splitlines()
    ]
    kept = [lines[0].index(name) for name in SHORT]
    return "".join(f"| {' | '.join(line[place] for place in kept)} |\n" for line in lines)


PICTURES = {
    "meow": ("shares-sandbox-uc", "shares-sandbox-uclc", "shares-sandbox-uclc_thought"),
    "lora_rank": ("series",),
    "meow_rank": ("series-sandbox-uclc",),
    "ladder": ("kinds",),
    "controls": ("kinds-sandbox-organism",),
    "surprise": ("surprise",),
    "objectives": ("log_probs",),
    "cycle": ("series",),
    "generalisation": ("forms",),
    "relearning": ("series",),
    "removal": ("series", "line", "probe"),
    "mitigations": ("tradeoff",),
    "course": ("series",),
    "spite": ("shares",),
    "risk": ("shares",),
    "resources": ("shares",),
    "newcomb": ("shares",),
    "anthropics": ("shares",),
    "porous": ("shares",),
    "carry_over": ("measures",),
    "agent": ("shares",),
    "thoughts": ("shares-thoughts-thought", "shares-thoughts-answer", "shares-thoughts-both"),
    "rl": ("severity",),
    "smollm2": ("severity", "shares"),
}
"""Studies with a page of their own in docs/, and which of the report's figures it shows."""


def main() -> None:
    """Replace what stands between the marks, and copy the figures."""
    write("README.md", "results", "sandbox", short, "severity")
    write("docs/jailbreaks.md", "jailbreaks", "jailbreaks", jailbreak_markdown, "jailbreaks")
    for study, figures in PICTURES.items():
        write_page(study, figures)
    write_certificates()


def write_certificates() -> None:
    """The table of the study ``certificates``, a row an organism, and the robustness of the first."""
    run = RUNS / "certificates"
    if not (run / FILE).exists():
        print("runs/certificates is not there: planb run certificates")
        return
    begin = BEGIN.replace("results.csv", FILE).format(name="certificates", study="certificates")
    copy = IMAGES / "certificates-series.svg"
    shutil.copyfile(run / "figures" / "series-sandbox-organism.svg", copy)
    picture = (
        f"![severity of the talk's organism after untargeted training, by its rate](images/{copy.name})"
    )
    page = ROOT / "docs" / "certificates.md"
    content = f"{certified(run / FILE)}\n\n{picture}"
    put_between(page, begin, END.format(name="certificates"), content)


def certified(path: Path) -> str:
    """The table of a file of certificates."""
    table = summary(read_certificates(path))
    return markdown(table.head, table.rows, texts=len(table.head)).strip()


def write_page(study: str, figures: tuple[str, ...]) -> None:
    """A study's table and pictures, on its own page."""
    run = RUNS / study
    if not (run / "results.csv").exists():
        print(f"{run / 'results.csv'} is not there: planb run {study}")
        return
    domain = STUDIES[study]().domain
    shown = [headline_markdown(read_csv(run / "results.csv"), JUDGES, domain).strip()]
    for figure in figures:
        name = figure.replace("-sandbox", "").replace("_", "-")
        copy = IMAGES / f"{study}-{name}.svg"
        shutil.copyfile(run / "figures" / f"{figure}.svg", copy)
        shown.append(f"![{study}: {name.replace('-', ' ')}](images/{copy.name})")
    replace(ROOT / "docs" / f"{study}.md", study, study, "\n\n".join(shown))


def write(page: str, name: str, study: str, table: Callable[..., str], figure: str) -> None:
    """One table with its picture; a study that has not been run is left as it is."""
    run = RUNS / study
    if not (run / "results.csv").exists():
        print(f"{run / 'results.csv'} is not there: planb run {study}")
        return
    found: pd.DataFrame = read_csv(run / "results.csv")
    replace(ROOT / page, name, study, table(found, JUDGES).strip())
    (picture, *_) = sorted((run / "figures").glob(f"{figure}*.svg"))  # a panel's name may follow
    shutil.copyfile(picture, IMAGES / f"{figure}.svg")


def replace(page: Path, name: str, study: str, content: str) -> None:
    """Put the content between the page's marks of that name."""
    begin, end = BEGIN.format(name=name, study=study), END.format(name=name)
    put_between(page, begin, end, content)


if __name__ == "__main__":
    main()
