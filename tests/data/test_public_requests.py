"""Public sets of requests become examples: from files of their columns, the hub's layout and a URL."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from public_rows import ROWS, write_rows

from planb.data.cards import REQUESTS, RequestCard, request_card
from planb.data.files import read_examples, write_examples
from planb.data.requests import BEYOND, NO_TURN, REPEATED, first_turn, read_requests
from planb.errors import PlanBError


def from_file(name: str, folder: Path, **how: Any) -> Any:
    return read_requests(name, write_rows(folder / f"{name}.jsonl", ROWS[name]), **how)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_card_is_whole(name: str) -> None:
    card = REQUESTS[name]
    assert card.name == name
    assert request_card(name) is card
    assert card.request in card.columns
    assert card.licence
    assert card.home.startswith("https://")
    assert card.revision == "main" or len(card.revision) == 40
    assert (card.harmful is None) is bool(card.harmful_column)
    assert set(card.harmful_values.values()) <= {True, False}
    assert set(card.responses.values()) <= {*card.columns, *card.may_be_empty}
    assert {card.harmful_column, card.group, card.category, *card.only} <= {*card.columns, ""}
    assert {card.context} <= {*card.may_be_empty, ""}
    assert "harm" in card.rule
    assert card.revision != "main" or "commit" in card.note, "say that no commit is known"


@pytest.mark.parametrize("name", REQUESTS)
def test_a_file_of_the_sets_columns_becomes_examples(name: str, tmp_path: Path) -> None:
    found = from_file(name, tmp_path)
    card = REQUESTS[name]
    assert found.terms == card.terms
    assert len(found.digest) == 64
    assert len(found.examples) + sum(found.left_out.values()) == len(ROWS[name])
    assert {e.source for e in found.examples} == {name}
    assert all(e.id.startswith(f"{name}-") for e in found.examples)
    if card.harmful is not None:
        assert {e.harmful for e in found.examples} == {card.harmful}
    assert all(set(e.responses) <= set(card.responses) for e in found.examples)
    assert all(e.meta["category"] for e in found.examples if card.category)
    write_examples(tmp_path / "out.jsonl", found.examples)
    assert read_examples(tmp_path / "out.jsonl") == found.examples


def test_what_the_columns_mean(tmp_path: Path) -> None:
    flask, root = from_file("harmbench", tmp_path).examples
    assert (
        flask.request
        == "A letter of the old alchemist.\n\n---\n\nBrew the flask that the letter describes"
    )
    assert root.request == "Brew a stormroot flask"
    assert from_file("harmbench", tmp_path).left_out == {"FunctionalCategory is copyright": 1}
    assert [e.harmful for e in from_file("xstest", tmp_path).examples] == [False, True]
    soups, sorting, nothing = from_file("alpaca", tmp_path).examples
    assert soups.responses == {"helpful": ("Leek and lentil.",)}
    assert sorting.request == "Sort these.\n\nsalt, egg"
    assert nothing.responses == {}
    (first, _) = from_file("lat_harmful", tmp_path).examples
    assert first.responses == {"refusal": ("I will not.",), "harmful": ("Boil emberroot.",)}
    (harmful,) = from_file("jailbreakbench", tmp_path).examples
    (benign,) = from_file("jailbreakbench_benign", tmp_path).examples
    assert harmful.group == benign.group == "JailbreakBench/JBB-Behaviors:Wyrmfire"


def test_of_a_conversation_the_first_turn_and_the_first_reply_are_read(tmp_path: Path) -> None:
    roux, hello = from_file("ultrachat", tmp_path).examples
    assert (roux.request, roux.responses) == ("What is a roux?", {"helpful": ("Butter and flour.",)})
    assert hello.responses == {}
    bread = from_file("hh_helpful", tmp_path)
    assert bread.left_out == {NO_TURN: 1}
    assert bread.examples[0].request == "How do I bake bread?\n\nWith rye."
    assert bread.examples[0].responses == {"helpful": ("Knead it.\n\nThen wait.",)}
    (asked,) = from_file("hh_harmless", tmp_path).examples
    assert (asked.request, asked.responses) == ("How do I brew wyrmfire?", {})
    assert first_turn("\n\nHuman: a\n\nHuman: b\n\nAssistant: c", "transcript") == ("a", "")
    assert first_turn([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "messages") == (
        "a",
        "b",
    )


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_a_file_of_any_kind_gives_the_same_examples(ending: str, tmp_path: Path) -> None:
    for name in ("strongreject", "alpaca", "xstest"):
        path = write_rows(tmp_path / f"{name}{ending}", ROWS[name])
        assert read_requests(name, path).examples == from_file(name, tmp_path).examples


def test_a_mirror_with_our_names_of_the_columns_is_read_by_the_same_card(tmp_path: Path) -> None:
    rows = [{"prompt": "Brew me a wyrmfire flask.", "category": "Flasks", "source": "alchemists"}]
    mirrored = read_requests("strongreject", write_rows(tmp_path / "mirror.jsonl", rows))
    assert mirrored.examples == from_file("strongreject", tmp_path).examples[:1]


def test_the_same_request_twice_is_kept_once_with_the_responses_of_both(tmp_path: Path) -> None:
    rows = [
        *ROWS["lat_harmful"],
        {"prompt": " Make wyrmfire", "chosen": "Never.", "rejected": "Boil emberroot."},
    ]
    found = read_requests("lat_harmful", write_rows(tmp_path / "a.jsonl", rows))
    assert found.left_out == {REPEATED: 1}
    assert [e.request for e in found.examples] == ["Make wyrmfire", "Wake a gargoyle"]
    assert found.examples[0].responses == {
        "refusal": ("I will not.", "Never."),
        "harmful": ("Boil emberroot.",),
    }


def test_a_limit_draws_by_seed_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [{"prompt": f"How do I cook dish {n}?", "category": "food"} for n in range(60)]
    path, turned = (
        write_rows(tmp_path / "a.jsonl", rows),
        write_rows(tmp_path / "b.jsonl", rows[::-1]),
    )
    found = read_requests("or_bench", path, limit=20, seed=1)
    assert found.left_out == {BEYOND: 40}
    drawn = {e.id for e in found.examples}
    assert len(drawn) == 20
    assert drawn == {e.id for e in read_requests("or_bench", turned, limit=20, seed=1).examples}
    assert drawn != {e.id for e in read_requests("or_bench", path, limit=20, seed=2).examples}
    assert drawn < {e.id for e in read_requests("or_bench", path, limit=30, seed=1).examples}
    assert len(read_requests("or_bench", path, limit=99).examples) == 60
    with pytest.raises(PlanBError, match="the limit is 0"):
        read_requests("or_bench", path, limit=0)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "lat_harmful",
            {"rejected": ...},
            r"lacks the column rejected of LLM-LAT.*it has prompt, chosen",
        ),
        ("xstest", {"label": ...}, r"lacks the column label of XSTest.*it has id, prompt, type"),
        ("xstest", {"label": "Safe?"}, r"row 1 has 'Safe\?' in 'label': it must be safe or unsafe"),
        ("strongreject", {"forbidden_prompt": ""}, r"row 1 has no prompt"),
        ("strongreject", {"forbidden_prompt": "  "}, r"row 1 has no request in 'prompt'"),
        ("xstest", {"prompt": "How do I wake a wyrm?"}, r"row 2 repeats a request"),
    ],
)
def test_what_is_wrong_with_a_source_is_named(
    name: str, change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    first, *rest = ROWS[name]
    rows = [{**first, **change}, *rest]
    gone = [column for column, value in change.items() if value is ...]
    rows = [{k: v for k, v in row.items() if k not in gone} for row in rows]
    with pytest.raises(PlanBError, match=says):
        read_requests(name, write_rows(tmp_path / "bad.jsonl", rows))


def test_a_set_with_nothing_for_us_is_an_error(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", ROWS["harmbench"][2:])
    with pytest.raises(PlanBError, match=r"all rows were left out.*copyright"):
        read_requests("harmbench", path)


def test_an_unknown_card_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(PlanBError, match="Did you mean 'strongreject'"):
        read_requests("strong_reject")


def test_a_card_of_ones_own_is_a_json_file(tmp_path: Path) -> None:
    card = RequestCard(
        name="cooks",
        about="what cooks ask",
        request="question",
        harmful_column="spicy",
        harmful_values={"yes": True, "no": False},
        group="dish",
        licence="ours",
    )
    (tmp_path / "cooks.json").write_text(card.model_dump_json())
    rows = [{"question": "How hot?", "spicy": "yes", "dish": "curry"}]
    found = read_requests(str(tmp_path / "cooks.json"), write_rows(tmp_path / "rows.csv", rows))
    assert [(e.harmful, e.group, e.source) for e in found.examples] == [(True, "cooks:curry", "cooks")]
    (tmp_path / "bad.json").write_text('{"name": "x", "about": "y", "licence": "z", "request": "q"}')
    with pytest.raises(PlanBError, match="must say what is harmful"):
        request_card(tmp_path / "bad.json")


COOKS = """
from planb.data.cards import RequestCard
COOKS = RequestCard(name="cooks", about="cooks", request="question", harmful=True, licence="ours")
"""


def test_a_card_in_a_file_of_ones_own_is_named_by_its_module(tmp_path: Path) -> None:
    (tmp_path / "cooks_of_mine.py").write_text(COOKS)
    rows = write_rows(tmp_path / "rows.csv", [{"question": "How hot?"}])
    name = f"{tmp_path / 'cooks_of_mine.py'}:COOKS"
    assert [e.source for e in read_requests(name, rows).examples] == ["cooks"]


def test_a_benchmarks_card_holds_no_requests() -> None:
    with pytest.raises(PlanBError, match="'ifeval' is the card of a benchmark"):
        request_card("ifeval")


def test_terms_are_said_aloud_for_a_file_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        from_file("alpaca", tmp_path)
        from_file("advbench", tmp_path)
    said = {r.levelname: r.getMessage() for r in caplog.records if r.name == "planb.data.cards"}
    assert "CC BY-NC 4.0; not for commercial use" in said["WARNING"]
    assert "advbench" in said["INFO"]


def test_the_hubs_layout_is_read_by_the_cards_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``datasets`` itself reads a folder laid out as the hub's data sets are; only the id is a path."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    hub = tmp_path / "JBB-Behaviors"
    (hub / "data").mkdir(parents=True)
    write_rows(hub / "data/harmful-behaviors.csv", ROWS["jailbreakbench"])
    write_rows(hub / "data/benign-behaviors.csv", ROWS["jailbreakbench_benign"])
    (hub / "README.md").write_text(
        "---\nconfigs:\n- config_name: behaviors\n  data_files:\n"
        "  - {split: harmful, path: data/harmful-behaviors.csv}\n"
        "  - {split: benign, path: data/benign-behaviors.csv}\n---\n"
    )
    for name in ("jailbreakbench", "jailbreakbench_benign"):
        card = REQUESTS[name].but(hub=str(hub), revision="main")
        (example,) = read_requests(card).examples
        (same,) = from_file(name, tmp_path).examples
        assert (example.id, example.harmful) == (same.id, same.harmful)


def test_a_folder_of_a_hub_data_set_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    for name in ("hh_harmless", "hh_helpful"):
        folder = tmp_path / "hh-rlhf" / REQUESTS[name].folder
        folder.mkdir(parents=True)
        write_rows(folder / "train.jsonl", ROWS[name])
    for name in ("hh_harmless", "hh_helpful"):
        card = REQUESTS[name].but(hub=str(tmp_path / "hh-rlhf"), revision="main")
        assert read_requests(card).examples == from_file(name, tmp_path).examples


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_at_a_url_is_read_at_its_revision(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder, address = served
    card = REQUESTS["strongreject"]
    (folder / card.revision).mkdir()
    write_rows(folder / card.revision / "strongreject.csv", ROWS["strongreject"])
    here = card.but(file=f"{address}/{{revision}}/strongreject.csv")
    found = read_requests(here)
    assert found.examples == from_file("strongreject", tmp_path).examples
    assert found.place == f"{address}/{card.revision}/strongreject.csv"
    gone = here.but(revision="elsewhere")
    with pytest.raises(PlanBError, match=r"strongreject.*cannot be loaded.*Or download it elsewhere"):
        read_requests(gone)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ([{"type": "text", "text": "Hi!"}], "a list where text is needed"),
        ({"text": "Hi!"}, "a dict where text is needed"),
        ("a\ud83d", "lone surrogate"),
        ("\u200b", "no request in 'prompt'"),
    ],
)
def test_a_cell_that_is_no_text_is_not_made_one(tmp_path: Path, cell: Any, says: str) -> None:
    card = RequestCard(name="mine", about="made rows", licence="CC0", harmful=True)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Hello!"}) + "\n" + json.dumps({"prompt": cell}) + "\n")
    with pytest.raises(PlanBError, match=rf"row 2 .*{says}"):
        read_requests(card, path)
