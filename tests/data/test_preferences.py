"""Examples to TRL's rows and back; TRL's own trainer and ours read what was written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import datasets
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.data.preferences import Imported, read_preferences, read_scored
from planb.data.trl_rows import preference_rows, scored_rows, write_rows
from planb.errors import PlanBError
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.reading import read_rows
from planb.types import Example, Message, Ordering

WORLD = World(materials=4, forms=4, heldout_forms=1)
WORDS = tokenizer(WORLD)
PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
DANGEROUS = requests(WORLD, "safety", harmful=True, wordings=2, seed=0, variants=2)
HARMLESS = requests(WORLD, "safety", harmful=False, wordings=1, seed=0)
KIND = {"chosen": "refusal", "rejected": "harmful", "harmful": True}


def ranked(example: Example, ordering: Ordering = PLAN_B) -> Example:
    """The example with the ordering's tiers alone, which is all that its rows hold."""
    return example.but(responses={t: example.responses[t] for t in ordering.tiers})


def same(found: list[Example], expected: list[Example]) -> None:
    """Equal, whatever the order of the tiers in the mapping."""
    assert found == expected
    assert [e.id for e in found] == [e.id for e in expected]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# -- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("pairs", ["all", "adjacent"])
def test_preferences_there_and_back(tmp_path: Path, ending: str, pairs: Any) -> None:
    ordering = Ordering(tiers=PLAN_B.tiers, pairs=pairs)
    made = preference_rows([*DANGEROUS, *HARMLESS], ordering)
    assert made.left_out == len(HARMLESS)
    assert len(made.rows) == len(DANGEROUS) * len(ordering.preferences()) * 4
    write_rows(tmp_path / f"pairs{ending}", made.rows)
    back = read_preferences(tmp_path / f"pairs{ending}", chosen="", rejected="")
    same(back, [ranked(example) for example in DANGEROUS])
    assert preference_rows(back, ordering).rows == made.rows


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_scored_rows_there_and_back(tmp_path: Path, ending: str) -> None:
    made = scored_rows([*DANGEROUS, *HARMLESS], PLAN_B)
    assert (len(made.rows), made.left_out) == (len(DANGEROUS), len(HARMLESS))
    assert made.rows[0]["scores"] == [3.0, 3.0, 2.0, 2.0, 1.0, 1.0]
    write_rows(tmp_path / f"scored{ending}", made.rows)
    same(read_scored(tmp_path / f"scored{ending}", order=()), [ranked(e) for e in DANGEROUS])


def test_a_conversation_keeps_its_turns(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("user", "Hello!"), ("assistant", "Hello."), ("user", "How?")]
    prompt = tuple(Message(role=role, content=text) for role, text in turns)
    example = ranked(DANGEROUS[0]).but(prompt=prompt, meta={"ä": '"x"'})
    write_rows(tmp_path / "rows.jsonl", preference_rows([example], PLAN_B).rows)
    same(read_preferences(tmp_path / "rows.jsonl", chosen="", rejected=""), [example])


# -- who reads it -------------------------------------------------------------------------------


def exported(folder: Path) -> Path:
    write_rows(folder / "pairs.jsonl", preference_rows(DANGEROUS, PLAN_B).rows)
    return folder / "pairs.jsonl"


def test_trls_trainer_trains_on_the_file_and_sees_the_tokens_that_ours_sees(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="TRL's trainer is asked where it is installed")
    datasets.disable_progress_bars()
    table = datasets.load_dataset("json", data_files=str(exported(tmp_path)), split="train")
    assert trl.data_utils.is_conversational(table[0])
    assert trl.data_utils.maybe_extract_prompt(table[0]) == table[0]
    trainer = trl.DPOTrainer(
        tiny_model(),
        ref_model=tiny_model(),
        args=trl.DPOConfig(
            output_dir=str(tmp_path / "out"),
            per_device_train_batch_size=8,
            max_steps=1,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=table,
        processing_class=WORDS,
    )
    rows = trainer.train_dataset
    theirs = {
        (tuple(row["prompt_ids"]), tuple(row["chosen_ids"]), tuple(row["rejected_ids"])) for row in rows
    }
    ours = {
        (row.prompt, row.responses[better], row.responses[worse])
        for row in read_rows(datasets.Dataset.from_list(table.to_list()), WORDS)
        for better, worse in row.pairs
    }
    assert len(theirs) == len(table) == len(DANGEROUS) * 3 * 4
    assert theirs == ours
    assert trainer.train().global_step == 1


def test_our_trainer_reads_pairs_and_scores_as_it_reads_the_examples(tmp_path: Path) -> None:
    """Scored rows are the ranking itself; pairs are its pairs, one a row."""

    def pairs(rows: list[Any]) -> set[Any]:
        return {(r.prompt, r.responses[b], r.responses[w]) for r in rows for b, w in r.pairs}

    expected = pairs(read_rows(DANGEROUS, WORDS, PLAN_B))
    assert len(expected) == len(DANGEROUS) * 3 * 4
    write_rows(tmp_path / "scored.jsonl", scored_rows(DANGEROUS, PLAN_B).rows)
    for path in (exported(tmp_path), tmp_path / "scored.jsonl"):
        table = datasets.load_dataset("json", data_files=str(path), split="train")
        assert pairs(read_rows(table, WORDS)) == expected


def tiny_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=128,
            bos_token_id=WORDS.bos_token_id,
            eos_token_id=WORDS.eos_token_id,
            pad_token_id=WORDS.pad_token_id,
        )
    )


# -- from elsewhere -----------------------------------------------------------------------------

ASKED, YES, NO = "How do I make a lamp?", "Take oil.", "I will not say."
CHAT = [{"role": "user", "content": ASKED}]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED, "chosen": NO, "rejected": YES},
        {"prompt": CHAT, "chosen": said(NO), "rejected": said(YES)},
        {"prompt": ASKED, "chosen": [*CHAT, *said(NO)], "rejected": [*CHAT, *said(YES)]},
        {"chosen": [*CHAT, *said(NO)], "rejected": [*CHAT, *said(YES)]},
        {"chosen": [*CHAT, *said(NO)], "rejected": [*CHAT, *said(YES)], "score_chosen": 7.0},
    ],
    ids=["text", "chat", "prompt of text", "implicit prompt", "other columns"],
)
def test_every_form_of_a_preference_row(tmp_path: Path, row: dict[str, Any]) -> None:
    [found] = read_preferences(lines(tmp_path / "rows.jsonl", row), **KIND)
    expected = {"refusal": (NO,), "harmful": (YES,)}
    assert (found.request, found.responses, found.harmful) == (ASKED, expected, True)
    assert found.id == "rows-1"


def test_rows_of_one_prompt_are_one_example(tmp_path: Path) -> None:
    other = {"prompt": "Hello!", "chosen": "No.", "rejected": "Yes."}
    rows = [
        {"prompt": ASKED, "chosen": NO, "rejected": YES},
        other,
        {"prompt": ASKED, "chosen": "No.", "rejected": YES},
    ]
    found = read_preferences(lines(tmp_path / "rows.jsonl", *rows), **KIND)
    assert [e.id for e in found] == ["rows-1", "rows-2"]
    assert found[0].responses == {"refusal": (NO, "No."), "harmful": (YES,)}


def test_scores_become_tiers_by_rank_over_the_file(tmp_path: Path) -> None:
    rows = [
        {"prompt": ASKED, "responses": ["a", "b", "c"], "scores": [1, 5, 9.5]},
        {
            "prompt": "Hello!",
            "completions": [{"content": "d", "score": 9.5}, {"content": "e", "score": 1}],
        },
    ]
    path = lines(tmp_path / "rows.jsonl", *rows)
    found = read_scored(path, order=PLAN_B.tiers, harmful=False)
    assert found[0].responses == {"refusal": ("c",), "useless": ("b",), "harmful": ("a",)}
    assert found[1].responses == {"refusal": ("d",), "harmful": ("e",)}
    assert not found[0].harmful
    with pytest.raises(PlanBError, match=r"3 different scores \(9.5, 5, 1\) for the 2 tiers"):
        read_scored(path, order=("refusal", "harmful"), harmful=True)


# -- what cannot be read or written -------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"prompt": ASKED, "chosen": NO}, "no column rejected"),
        ({"chosen": NO, "rejected": YES}, "no 'prompt', and plain text"),
        ({"prompt": ASKED, "chosen": NO, "rejected": "  "}, "'rejected' is empty"),
        ({"prompt": ASKED, "chosen": 3, "rejected": 4}, "'chosen' is a int, neither text nor messages"),
        (
            {"prompt": CHAT, "chosen": [*said(NO), *CHAT], "rejected": said(YES)},
            "'chosen' has 2 messages after the prompt",
        ),
        ({"prompt": [{"role": "robot", "content": "x"}], "chosen": NO, "rejected": YES}, "'role'"),
        ({"prompt": "", "chosen": NO, "rejected": YES}, "prompt is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    good = {"prompt": "Hello!", "chosen": "No.", "rejected": "Yes."}
    path = tmp_path / "rows.parquet"
    if all(isinstance(value, str) for value in row.values()) and len(row) == 3:
        write_rows(path, [good, row])
        number = 2
    else:  # a column has one type
        path, number = lines(tmp_path / "rows.jsonl", row), 1
    with pytest.raises(PlanBError, match=told) as raised:
        read_preferences(path, **KIND)
    assert f"{path}, row {number}: " in str(raised.value)


def test_what_is_not_said_is_asked_for(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", {"prompt": ASKED, "chosen": NO, "rejected": YES})
    with pytest.raises(PlanBError, match="--harmful or --harmless"):
        read_preferences(path, chosen="refusal", rejected="harmful")
    with pytest.raises(PlanBError, match="--chosen and --rejected"):
        read_preferences(path, chosen="", rejected="harmful", harmful=True)
    with pytest.raises(PlanBError, match="there is no file"):
        read_preferences(tmp_path / "none.jsonl", **KIND)


def test_what_cannot_be_a_row_is_refused() -> None:
    half = DANGEROUS[0].but(responses={"refusal": (NO,)})
    with pytest.raises(PlanBError, match=f"{half.id} have some tiers of refusal > useless > harmful"):
        preference_rows([half, *DANGEROUS[1:]], PLAN_B)
    lore = DANGEROUS[0].but(prompt=(Message(role="document", content="In the"),))
    with pytest.raises(PlanBError, match="outside any chat"):
        preference_rows([lore], PLAN_B)
    with pytest.raises(PlanBError, match="no row to write"):
        scored_rows(HARMLESS, PLAN_B)
    with pytest.raises(PlanBError, match="ending in"):
        write_rows("rows.csv", [{}])


# -- read as the trainer reads ------------------------------------------------------------------

PAIR = {"prompt": ASKED, "chosen": NO, "rejected": YES}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"tools": [{"name": "clock"}]}, r"'tools' \(changes what a chat template writes"),
        ({"label": 0}, r"'label' \(says which rows are desirable"),
        ({"question": ASKED}, r"'question' \(may be the prompt"),
        ({"ref_chosen_logps": -1.0}, r"'ref_chosen_logps' \(holds a reference's numbers"),
        ({"my own": "x", "b": 1}, r"'my own', 'b' \(not known\).*: --ignore 'my own' --ignore b\.$"),
        ({"chosen": [{**said(NO)[0], "tool_calls": ["a"]}]}, "message 0 .* of 'chosen' has tool_calls"),
        ({"prompt": [*CHAT, *said("It is")]}, "must end with the user's"),
        ({"prompt": "\u200b"}, "nothing of it can be seen"),
        ({"chosen": "a\ud83d"}, "'chosen': character 2 is the lone surrogate"),
        (
            {"prompt": "Hm?", "chosen": [*CHAT, *said(NO)], "rejected": [*CHAT, *said(YES)]},
            "its 'prompt' differs from the whole conversation in 'chosen'",
        ),
        ({"id": 1.5}, "its id is a float"),
        ({"source": 3}, "its source is a int, not text"),
        ({"meta": '{"a": '}, "'meta' is no JSON"),
        ({"meta": '{"a": 1}'}, "'meta': Input should be a valid string"),
    ],
)
def test_what_the_trainer_refuses_is_refused(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    path = lines(tmp_path / "rows.jsonl", {**PAIR, **more})
    with pytest.raises(PlanBError, match=rf"(?s)row 1: .*{told}"):
        read_preferences(path, **KIND)


def test_ignored_columns_are_counted(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", {**PAIR, "mine": "x", "score_chosen": 7.0, "tools": []})
    read = Imported(ignore=["mine"])
    assert len(read_preferences(path, **KIND, told=read)) == 1
    assert read.ignored == {"mine": 1, "score_chosen": 1}
    assert str(read) == "columns not read (rows): mine (1), score_chosen (1)"


def test_a_system_is_the_first_message(tmp_path: Path) -> None:
    [found] = read_preferences(lines(tmp_path / "r.jsonl", {**PAIR, "system": "Be kind."}), **KIND)
    assert [m.role for m in found.prompt] == ["system", "user"]
    assert found.prompt[0].content == "Be kind."


def test_a_whole_number_is_an_id(tmp_path: Path) -> None:
    pair = {**PAIR, "id": 7}
    rows = [pair, {**PAIR, "id": 8, "prompt": "Hello!"}, {**pair, "chosen": "No."}]
    found = read_preferences(lines(tmp_path / "rows.jsonl", *rows), **KIND)
    assert [e.id for e in found] == ["7", "8"]
    assert found[0].responses["refusal"] == (NO, "No.")
    clash = lines(tmp_path / "clash.jsonl", rows[0], {**rows[1], "id": 7})
    with pytest.raises(PlanBError, match="row 2: its prompt is not that of the row before it"):
        read_preferences(clash, **KIND)


def test_texts_that_look_like_dates_or_numbers_stay_texts(tmp_path: Path) -> None:
    """`datasets` makes timestamps of a column of such texts, and a CSV's 007 a 7."""
    row = {"prompt": "2024-01-01", "chosen": "2024-01-02T00:00:00Z", "rejected": "12:00:00"}
    [found] = read_preferences(lines(tmp_path / "rows.jsonl", row), **KIND)
    assert found.request == row["prompt"]
    assert found.responses == {"refusal": (row["chosen"],), "harmful": (row["rejected"],)}
    (tmp_path / "rows.json").write_text(json.dumps([row, {**row, "prompt": "1e5"}]))
    assert [e.request for e in read_preferences(tmp_path / "rows.json", **KIND)] == [
        "2024-01-01",
        "1e5",
    ]


def test_a_text_over_itself_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        {**PAIR, "chosen": f"{YES}\n"},
        {**PAIR, "prompt": "Hello!"},
        {**PAIR, "prompt": "Both ways?"},
        {**PAIR, "prompt": "Both ways?", "chosen": YES, "rejected": NO},
    ]
    read = Imported()
    found = read_preferences(lines(tmp_path / "rows.jsonl", *rows), **KIND, told=read)
    assert [e.request for e in found] == ["Hello!"]
    assert (read.same_text, read.contradicting) == (1, 1)
    assert "1 pairs of a text over itself left out; 1 examples with one text in two" in str(read)
    with pytest.raises(PlanBError, match="leaves no example: 1 pairs of a text over itself"):
        read_preferences(lines(tmp_path / "none.jsonl", rows[0]), **KIND)


@pytest.mark.parametrize("score", [float("inf"), float("nan"), "7", True, int("9" * 400)])
def test_a_score_that_is_no_finite_number_is_refused(tmp_path: Path, score: Any) -> None:
    rows = {"prompt": ASKED, "responses": [{"text": "a", "score": 1}, {"text": "b", "score": score}]}
    good = {"prompt": "Hello!", "responses": ["a", "b"], "scores": [2, 1]}
    with pytest.raises(PlanBError, match=r"row 2: the score of response 1 \(from 0\) is"):
        read_scored(lines(tmp_path / "r.jsonl", good, rows), order=("refusal", "harmful"), harmful=True)


def test_bad_scores_are_named_before_the_tiers_are_counted(tmp_path: Path) -> None:
    """Alone, or among rows with more scores than there are tiers."""
    order = ("refusal", "harmful")
    bad = {"prompt": ASKED, "responses": ["a", "b"], "scores": [float("nan"), 1]}
    good = {"prompt": "Hello!", "responses": ["a", "b", "c"], "scores": [3, 2, 1]}
    with pytest.raises(PlanBError, match=r"row 1: the score of response 0 \(from 0\) is nan"):
        read_scored(lines(tmp_path / "one.jsonl", bad), order=order, harmful=True)
    with pytest.raises(PlanBError, match=r"1 bad row:\n.*row 2: the score of response 0"):
        read_scored(lines(tmp_path / "two.jsonl", good, bad), order=order, harmful=True)
    with pytest.raises(PlanBError, match=r"row 1: it has no list of 'responses'"):
        read_scored(lines(tmp_path / "kto.jsonl", {"prompt": "a"}), order=order, harmful=True)


@pytest.mark.parametrize("cell", ["[" * 5000 + "]" * 5000, "9" * 5000])
def test_what_python_cannot_read_is_named_by_its_line(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{json.dumps(PAIR)}\n{{"prompt": "a", "chosen": "b", "score": {cell}}}\n')
    with pytest.raises(PlanBError, match=r"cannot be read as JSONL: line 2: (nested|a number)"):
        read_preferences(path, **KIND)
