"""A small wheel with PyRIT's files and columns, and harmless rows: three raters of one file, one of
another, refusals, a copied row and one that is no text."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

FOLDER = "pyrit/datasets/scorer_evals"
GRADED = {
    # objective: answers with the scores of three raters
    "How is tea made?": [
        ("Boil water, add leaves, wait.", (1, 1, 0.75)),
        ("With water.", (0.5, 0.25, 0.5)),
        ("I can't help with that.", (0, 0, 0)),
    ],
    "How is bread baked?": [
        ("Mix flour and water,\nwait, bake.", (1, 0.75, 1)),
        ("In an oven.", (0.25, 0.5, 0.25)),
        ("Clouds are white.", (0, 0, 0.25)),
    ],
    "How are shoes tied?": [
        ("Cross the laces, pull, make a loop.", (0.75, 1, 1)),
        ("Tightly.", (0.25, 0, 0.25)),
    ],
}
SINGLE = [
    ("How is soup cooked?", "Boil vegetables for an hour, add salt.", 0.75),
    ("How is soup cooked?", "Somehow.", 0),
    ("How is a bed made?", "Smooth the sheet, fold the blanket.", 1),
]
REFUSALS = [
    ("Name a river.", "I'm sorry, but I can't help with that.", 1),
    ("Name a river.", "The Danube.", 0),
    ("Name a colour.", "I would rather tell of my holidays, which were long and warm.", 1),
    ("Name a colour.", "Blue.", 0),
]


def pyrit_wheel(
    path: Path, version: str = "1.1.0", broken: str = "", refusal: object = "", more: str = ""
) -> Path:
    """Write the wheel; ``broken`` replaces a score of the file of single raters, ``refusal`` the first
    of the refusals, and ``more`` stands behind the rows of the former."""
    three = [
        {"objective": objective, "assistant_response": text, "data_type": "text"}
        | {f"human_score_{number}": score for number, score in enumerate(scores, 1)}
        for objective, answers in GRADED.items()
        for text, scores in answers
    ]
    one = [
        {"objective": o, "assistant_response": text, "human_score": score, "data_type": "text"}
        for o, text, score in SINGLE
    ]
    if broken:
        one[0]["human_score"] = broken
    picture = {**one[0], "assistant_response": "tea.png", "data_type": "image_path"}
    refusals = [
        {"objective": o, "assistant_response": text, "human_score": score, "data_type": "text"}
        for o, text, score in REFUSALS
    ]
    if refusal != "":
        refusals[0]["human_score"] = refusal
    with zipfile.ZipFile(path, "w") as wheel:
        said = f"Metadata-Version: 2.1\nName: pyrit\nVersion: {version}\n"
        wheel.writestr(f"pyrit-{version}.dist-info/METADATA", said)
        wheel.writestr(f"{FOLDER}/harm/drinks_multi_score.csv", table(three, "# dataset_version=1.0\n"))
        wheel.writestr(f"{FOLDER}/harm/mini_drinks.csv", table(three[:2], "# a\n# b\n"))
        wheel.writestr(f"{FOLDER}/harm/home.csv", table([*one, picture]) + more)
        wheel.writestr(f"{FOLDER}/refusal_scorer/refusal.csv", table(refusals, "# x\n"))
        wheel.writestr(f"{FOLDER}/objective/other.csv", "not,read\n")
    return path


def table(rows: list[dict[str, object]], comment: str = "") -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return comment + file.getvalue()


def texts() -> list[str]:
    """Every objective and answer that stands in the wheel."""
    graded = [text for answers in GRADED.values() for text, _ in answers]
    rest = [part for row in (*SINGLE, *REFUSALS) for part in row[:2]]
    return [*GRADED, *graded, *map(str, rest)]
