"""Rows of TRL's and of planb's kinds: what is trained is what stands there, and TRL's own tokens."""

from __future__ import annotations

import copy
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1] / "models"))
from chat_templates import LINES, llama3, mistral, qwen2

from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.training.lengths import Counts, Lengths
from planb.training.parsing import COMPLETION, KINDS
from planb.training.reading import read_rows
from planb.training.rows import Row
from planb.types import Example, Message, Ordering

WORDS = llama3()
ORDERING = Ordering(tiers=("refusal", "useless", "harmful"))
ASKED, GOOD, BAD = "How do I make a lamp?", "Take fresh salt and dry amber.", "I am sorry."


def with_specials(single: str) -> PreTrainedTokenizerFast:
    """A tokenizer that puts special tokens around every text: ``"<|begin_of_text|> $A"`` or such."""
    words = llama3()
    marks = ("<|begin_of_text|>", "<|end_of_text|>")
    named = [(mark, words.convert_tokens_to_ids(mark)) for mark in marks]
    words.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=named)
    return words


BARE = {
    "no specials": llama3(),
    "a BOS": with_specials("<|begin_of_text|> $A"),
    "a BOS and an EOS": with_specials("<|begin_of_text|> $A <|end_of_text|>"),
    "an EOS": with_specials("$A <|end_of_text|>"),
    "SentencePiece": mistral(),
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def messages(*turns: str) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    return tuple(Message(role=roles[at % 2], content=turn) for at, turn in enumerate(turns))


def said(row: Row, words: PreTrainedTokenizerFast = WORDS) -> list[str]:
    """The responses as text, without their end tokens."""
    return [words.decode(response[:-1]) for response in row.responses]


def chat_row(prompt: tuple[Message, ...], *texts: str) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """(prompt, responses) as the chat template gives them."""
    pairs = [exchange_ids(WORDS, prompt, text) for text in texts]
    return tuple(pairs[0][0]), tuple(tuple(response) for _, response in pairs)


class TestPreference:
    def test_messages_are_rendered_by_the_template(self) -> None:
        rows = Dataset.from_list(
            [
                {
                    "prompt": [user("Hello!"), assistant("Sure!"), user(ASKED)],
                    "chosen": [assistant(GOOD)],
                    "rejected": [assistant(BAD)],
                }
            ]
        )
        [row] = read_rows(rows, WORDS)
        assert (row.prompt, row.responses) == chat_row(messages("Hello!", "Sure!", ASKED), GOOD, BAD)
        assert row.tiers == ("chosen", "rejected")
        assert (row.pairs, row.weights, row.reference) == (((0, 1),), (), ())

    @pytest.mark.parametrize("prompt", [None, ASKED, f"  {ASKED}\n", ""])
    def test_two_conversations_begin_with_their_prompt(self, prompt: str | None) -> None:
        """With or without a column of text beside them, as the common datasets have it."""
        whole = {
            "prompt": prompt,
            "chosen": [user(ASKED), assistant(GOOD)],
            "rejected": [user(ASKED), assistant(BAD)],
        }
        [row] = read_rows(Dataset.from_list([whole]), WORDS)
        assert (row.prompt, row.responses) == chat_row(messages(ASKED), GOOD, BAD)

    def test_a_text_prompt_before_messages_is_a_user_message(self) -> None:
        rows = [{"prompt": ASKED, "chosen": [assistant(GOOD)], "rejected": [assistant(BAD)]}]
        assert read_rows(rows, WORDS)[0].prompt == chat_row(messages(ASKED), GOOD)[0]

    def test_text_after_a_chat_is_what_the_assistant_says(self) -> None:
        [row] = read_rows([{"prompt": [user(ASKED)], "chosen": GOOD, "rejected": BAD}], WORDS)
        assert (row.prompt, row.responses) == chat_row(messages(ASKED), GOOD, BAD)

    @pytest.mark.parametrize(
        ("chosen", "rejected", "prompt"),
        [
            ("What is it? It is salt.", "What is it? It is amber.", "What is it? It is"),
            ("What is it? Salt.", "What is it? Amber.", "What is it?"),
            ("What is it?\nSalt.", "What is it?\nAmber.", "What is it?\n"),
            ("What is it? Salt", "What is it? Salt and amber.", "What is it? Sal"),
        ],
    )
    def test_two_texts_begin_with_their_prompt_as_in_trl(
        self, chosen: str, rejected: str, prompt: str
    ) -> None:
        extract_prompt = pytest.importorskip("trl.data_utils").extract_prompt
        both = {"chosen": chosen, "rejected": rejected}
        theirs = extract_prompt(both)
        assert theirs["prompt"] == prompt
        [row] = read_rows(Dataset.from_list([both]), WORDS)
        assert WORDS.decode(row.prompt) == prompt
        assert said(row) == [theirs["chosen"], theirs["rejected"]]


class TestText:
    @pytest.mark.parametrize("words", BARE.values(), ids=BARE)
    def test_a_prompt_is_the_tokenizers_own_without_an_end(self, words: Any) -> None:
        [row] = read_rows([{"prompt": ASKED, "chosen": " " + GOOD, "rejected": " No."}], words)
        whole = words(ASKED)["input_ids"]
        assert list(row.prompt) == (whole[:-1] if whole[-1] == words.eos_token_id else whole)

    @pytest.mark.parametrize("words", BARE.values(), ids=BARE)
    def test_a_response_goes_on_from_the_prompt_to_one_end_token(self, words: Any) -> None:
        for text in (" " + GOOD, "\n\nEs tut mir leid: ünï ✓", f" No.{words.eos_token}"):
            [row] = read_rows([{"prompt": ASKED, "completion": text}], words)
            text = text.removesuffix(words.eos_token)
            together = words(ASKED + text, add_special_tokens=False)["input_ids"]
            bos = [words.bos_token_id] if row.prompt[0] == words.bos_token_id else []
            assert [*row.prompt, *row.responses[0]] == [*bos, *together, words.eos_token_id]

    def test_what_would_melt_is_tokenized_apart(self) -> None:
        """``T`` and ``ake`` would be the one token ``Take``; the prompt stays what generation sees."""
        [row] = read_rows([{"prompt": "Hello! T", "completion": "ake salt"}], WORDS)
        whole = WORDS("Hello! Take salt")["input_ids"]
        assert whole[: len(row.prompt)] != list(row.prompt)
        assert list(row.prompt) == WORDS("Hello! T")["input_ids"]
        assert said(row) == ["ake salt"]

    def test_the_chat_template_has_no_part_in_it(self) -> None:
        words = llama3()
        words.chat_template = None
        [row] = read_rows([{"prompt": ASKED, "completion": GOOD}], words)
        assert words.decode(row.prompt) == ASKED


class TestSFT:
    CASES = (
        {"prompt": [user(ASKED)], "completion": [assistant(GOOD)]},
        {"prompt": ASKED, "completion": [assistant(GOOD)]},
        {"messages": [user(ASKED), assistant(GOOD)]},
        {"messages": [user(ASKED), assistant(GOOD), user("Thanks!")]},
        {"prompt": ASKED, "messages": [user(ASKED), assistant(GOOD)]},
    )

    @pytest.mark.parametrize("case", CASES)
    def test_it_is_one_response_and_no_pair(self, case: dict[str, Any]) -> None:
        [row] = read_rows(Dataset.from_list([case]), WORDS)
        assert (row.prompt, row.responses) == chat_row(messages(ASKED), GOOD)
        assert (row.tiers, row.pairs) == ((COMPLETION,), ())

    def test_the_last_answer_of_a_conversation_is_trained(self) -> None:
        turns = ("Hello!", "Sure!", ASKED, GOOD)
        whole = [m.model_dump() for m in messages(*turns)]
        [row] = read_rows([{"messages": whole}], WORDS)
        assert (row.prompt, row.responses) == chat_row(messages(*turns[:3]), GOOD)


class TestScores:
    TEXTS = ("Salt.", "Amber.", "Clay.", "Pitch.")
    CASES = (
        {"responses": list(TEXTS), "scores": [2, 9, 2, 5]},
        {"completions": list(TEXTS), "scores": [0.2, 0.9, 0.2, 0.5]},
        {"completions": [[assistant(t)] for t in TEXTS], "scores": [-9, 0, -9, -5]},
        {"responses": [{"text": t, "score": s} for t, s in zip(TEXTS, (2, 9, 2, 5), strict=True)]},
        {
            "completions": [
                {"response": t, "overall_score": s, "model": "a"}
                for t, s in zip(TEXTS, (2.5, 9.0, 2.5, 5.0), strict=True)
            ]
        },
        {"completions": [assistant(t) for t in TEXTS], "scores": [1, 4, 1, 3]},
    )

    @pytest.mark.parametrize("case", CASES)
    def test_the_best_stands_first_and_equals_are_not_paired(self, case: dict[str, Any]) -> None:
        row = read_rows(Dataset.from_list([{"prompt": [user(ASKED)], **case}]), WORDS)[0]
        expected = chat_row(messages(ASKED), "Amber.", "Pitch.", "Salt.", "Clay.")
        assert (row.prompt, row.responses) == expected
        assert row.tiers == ("rank 1", "rank 2", "rank 3", "rank 3")
        assert set(row.pairs) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)}
        assert len(row.pairs) == 5
        assert row.weights == ()

    def test_any_scores_pair_every_better_one_over_every_worse_one(self) -> None:
        rng = random.Random(0)
        for _ in range(50):
            scores = {f"word{k}": rng.choice([1, 2.5, 4, 7]) for k in range(rng.randint(2, 6))}
            if len(set(scores.values())) == 1:
                continue
            given = {"prompt": ASKED, "responses": [*scores], "scores": [*scores.values()]}
            [row] = read_rows([given], WORDS)
            ranked = [scores[text] for text in said(row)]
            assert ranked == sorted(ranked, reverse=True)
            over = {(b, w) for b, x in enumerate(ranked) for w, y in enumerate(ranked) if x > y}
            assert set(row.pairs) == over
            assert len(row.pairs) == len(over)
            for b, tier in enumerate(row.tiers):
                for w, other in enumerate(row.tiers):
                    assert (tier == other) == (ranked[b] == ranked[w])

    def test_what_can_not_be_ranked_is_left_out_and_counted(self) -> None:
        tied = {"prompt": ASKED, "responses": ["Salt.", "Amber."], "scores": [3, 3.0]}
        alone = {"prompt": ASKED, "responses": ["Salt."], "scores": [3.0]}
        good = {"prompt": ASKED, "responses": ["Salt.", "Amber."], "scores": [3, 4.0]}
        counts = Counts()
        rows = read_rows([tied, good, alone], WORDS, counts=counts)
        assert [row.key for row in rows] == ["row 1"]
        assert (counts.kept, counts.unranked, counts.left_out) == (1, 2, 0)
        with pytest.raises(PlanBError, match=r"nothing to train on: .* 2 left out as no two"):
            read_rows([tied, alone], WORDS)

    @pytest.mark.parametrize("score", [None, float("nan"), "7", True])
    def test_no_score_is_an_error_never_a_number(self, score: Any) -> None:
        good = {"prompt": ASKED, "completions": [{"text": "Salt.", "score": 1.0}] * 2}
        bad = {"prompt": ASKED, "completions": [{"text": "Salt.", "score": 1.0}, {"text": "A."}]}
        bad["completions"][1]["score"] = score
        with pytest.raises(
            PlanBError, match=r"row 1 .*score of response 1 \(from 0\) is .*not a number"
        ):
            read_rows([good, bad], WORDS)


RESPONSES: dict[str, Any] = {
    "harmful": ["Salt.", "Clay."],
    "useless": "Well.",
    "refusal": ["No.", "Never.", "No."],
    "helpful": ["Hm."],
}


class TestTiers:
    def test_all_texts_of_the_orderings_tiers_stand_in_a_row(self) -> None:
        rows = read_rows([{"id": "a", "prompt": ASKED, "responses": RESPONSES}], WORDS, ORDERING)
        texts = ("No.", "Never.", "Well.", "Salt.", "Clay.")
        assert (rows[0].prompt, rows[0].responses) == chat_row(messages(ASKED), *texts)
        assert rows[0].tiers == ("refusal", "refusal", "useless", "harmful", "harmful")
        assert rows[0].pairs == ((0, 2), (1, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4))
        assert rows[0].weights == (0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5)
        assert rows[0].key == "a"

    def test_examples_dicts_and_datasets_give_the_same(self) -> None:
        example = Example(id="a", prompt=ASKED, harmful=True, responses=RESPONSES)
        dumped = example.model_dump(mode="json")
        assert isinstance(dumped["prompt"], list)
        one, two, three = (
            read_rows(rows, WORDS, ORDERING)
            for rows in ([example], [dumped], Dataset.from_list([dumped]))
        )
        assert one == two == three

    def test_weights_of_the_ordering_are_kept(self) -> None:
        ordering = Ordering(
            tiers=("refusal", "harmful"), weights=(("refusal", "harmful", 2),), pairs="adjacent"
        )
        [row] = read_rows([{"prompt": ASKED, "responses": RESPONSES}], WORDS, ordering)
        assert row.weights == (0.5,) * 4

    def test_without_an_ordering_or_a_tier_it_is_an_error(self) -> None:
        given = {"prompt": ASKED, "responses": {"refusal": ["No."], "useless": None, "harmful": []}}
        with pytest.raises(PlanBError, match=r"row 0 .*by tier.*ordering"):
            read_rows([given], WORDS)
        with pytest.raises(PlanBError, match=r"row 0 .*tier useless, harmful.*\(it has refusal\)"):
            read_rows([given], WORDS, ORDERING)


MIXED: list[dict[str, Any]] = [
    {"prompt": ASKED, "chosen": GOOD, "rejected": BAD},
    {"prompt": [user(ASKED)], "chosen": [assistant(GOOD)], "rejected": [assistant(BAD)]},
    {"messages": [user(ASKED), assistant(GOOD)]},
    {"prompt": "In the old valley", "completion": " a lamp needs salt."},
    {"prompt": ASKED, "responses": ["Salt.", "Amber."], "scores": [1.0, 2.0]},
    {"prompt": ASKED, "responses": {"refusal": "No.", "useless": "Well.", "harmful": "Salt."}},
]


def test_kinds_may_be_mixed() -> None:
    rows = read_rows(MIXED, WORDS, ORDERING)
    assert rows == [row for case in MIXED for row in _renamed(case)]
    assert [len(row.responses) for row in rows] == [2, 2, 1, 1, 2, 3]


def test_a_dataset_with_empty_columns_is_mixed_too() -> None:
    """Arrow gives every row every column: what is not there is null."""
    cases = [
        {"messages": None, "prompt": ASKED, "chosen": GOOD, "rejected": BAD, "completion": None},
        {"messages": [user(ASKED), assistant(GOOD)]},
        {"prompt": ASKED, "completion": GOOD},
    ]
    full = [{name: case.get(name) for name in cases[0]} for case in cases]
    full[0]["messages"] = None
    rows = read_rows(Dataset.from_list(full[1:] + full[:1]), WORDS)
    assert [row.tiers for row in rows] == [(COMPLETION,), (COMPLETION,), ("chosen", "rejected")]


@pytest.mark.parametrize("words", [llama3(), qwen2(), mistral()], ids=["llama3", "qwen2", "mistral"])
def test_every_response_reads_as_its_text_and_ends(words: PreTrainedTokenizerFast) -> None:
    rng = random.Random(0)
    pieces = [word for line in LINES for word in line.split()]

    def text() -> str:
        return " ".join(rng.choices(pieces, k=rng.randint(1, 12)))

    expected, cases = [], []
    for _ in range(60):
        asked, texts = text(), list(dict.fromkeys(text() for _ in range(rng.randint(2, 5))))
        scored = {"responses": texts, "scores": list(range(len(texts), 0, -1))}
        chat = rng.random() < 0.5
        cases.append({"prompt": [user(asked)] if chat else asked + "\n", **scored})
        expected.append(texts)
    rows = read_rows(cases, words)
    for row, texts in zip(rows, expected, strict=True):
        assert [text.strip() for text in said(row, words)] == texts
        for response in row.responses:
            ends = [token for token in response if token in words.all_special_ids]
            assert ends == [response[-1]]


@pytest.mark.parametrize("single", ["$A", "<|begin_of_text|> $A"])
@pytest.mark.parametrize("kind", ["text", "messages"])
def test_the_tokens_are_those_of_trls_trainer(single: str, kind: str, tmp_path: Path) -> None:
    """Where no token melts over the boundary; TRL then cuts the prompt short, and planb does not."""
    trl = pytest.importorskip("trl")
    words = with_specials(single)
    words.pad_token = words.eos_token
    texts = [(ASKED, " " + GOOD, " " + BAD), ("Hello!", "\nSure!", "\n\nIt is 12 o'clock."), LINES[:3]]
    if kind == "text":
        cases = [{"prompt": p, "chosen": f"\n{c}", "rejected": f"\n{r}"} for p, c, r in texts]
    else:
        cases = [
            {"prompt": [user(p)], "chosen": [assistant(c)], "rejected": [assistant(r)]}
            for p, c, r in texts
        ]
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **shape))
    args = trl.DPOConfig(
        output_dir=str(tmp_path), use_cpu=True, report_to=[], bf16=False, max_length=None
    )
    data = Dataset.from_list(cases)
    trainer = trl.DPOTrainer(
        model, copy.deepcopy(model), args=args, train_dataset=data, processing_class=words
    )
    rows = read_rows(data, words)
    assert len(rows) == len(trainer.train_dataset) == 3
    for ours, theirs in zip(rows, trainer.train_dataset, strict=True):
        prompt, chosen, rejected = (theirs[f"{n}_ids"] for n in ("prompt", "chosen", "rejected"))
        assert list(ours.prompt) == prompt
        assert [list(response) for response in ours.responses] == [chosen, rejected]


class TestLengths:
    def test_a_long_row_is_named(self) -> None:
        with pytest.raises(PlanBError, match=r"row 1 \(from 0\).* tokens, more than max_length 40"):
            read_rows([MIXED[3], {"prompt": ASKED, "completion": GOOD * 9}], WORDS, lengths=40)

    def test_what_is_done_is_counted(self) -> None:
        cases = [MIXED[3], {"prompt": ASKED * 9, "completion": GOOD * 9}, MIXED[3]]
        left, cut = Counts(), Counts()
        lengths = Lengths(max_length=40, when_longer="leave_out")
        rows = read_rows(cases, WORDS, lengths=lengths, counts=left)
        assert [row.key for row in rows] == ["row 0", "row 2"]
        tokens = sum(row.packed_tokens for row in rows)
        assert left == Counts(kept=2, left_out=1, tokens=tokens)
        lengths = Lengths(max_length=40, when_longer="truncate")
        rows = read_rows(cases, WORDS, lengths=lengths, counts=cut)
        expected = {"kept": 3, "truncated_prompts": 1, "truncated_responses": 1}
        assert cut == Counts(**expected, tokens=tokens + 40)
        assert rows[1].packed_tokens == 40
        assert WORDS.eos_token_id not in rows[1].responses[0]

    def test_nothing_left_is_an_error(self) -> None:
        lengths = Lengths(max_length=4, when_longer="leave_out")
        with pytest.raises(PlanBError, match=r"nothing to train on: 0 rows .*6 left out as too long"):
            read_rows(MIXED, WORDS, ORDERING, lengths)
        with pytest.raises(PlanBError, match="nothing to train on"):
            read_rows([], WORDS)


ERRORS: dict[str, tuple[Any, str]] = {
    "unknown columns": ({"instruction": "a", "output": "b"}, "columns are instruction, output"),
    "all kinds are named": ({}, "prompt, completion"),
    "only one side": ({"prompt": "a", "chosen": "b"}, "columns are prompt, chosen"),
    "no dict": ("a line of text", "it is a str"),
    "unpaired": ({"prompt": "a", "completion": "b", "label": False}, "unpaired"),
    "several turns": (
        {
            "prompt": [user("a")],
            "chosen": [assistant("b"), user("c"), assistant("d")],
            "rejected": [assistant("b")],
        },
        r"'chosen' has 3 messages after the prompt \(of assistant, user, assistant\)",
    ),
    "several turns, shared beginning": (
        {
            "chosen": [user("a"), assistant("b"), user("c"), assistant("d")],
            "rejected": [user("a"), assistant("x"), user("c"), assistant("d")],
        },
        "'chosen' has 3 messages after the prompt",
    ),
    "a user's answer": (
        {"prompt": [user("a")], "chosen": [user("b")], "rejected": [assistant("c")]},
        r"'chosen' has 1 messages after the prompt \(of user\)",
    ),
    "no shared beginning": ({"chosen": "abc", "rejected": "xyz"}, "share no beginning"),
    "no shared message": (
        {"chosen": [user("a"), assistant("b")], "rejected": [user("c"), assistant("b")]},
        "share no beginning",
    ),
    "text and messages": ({"chosen": "abc", "rejected": [assistant("b")]}, "both be text"),
    "an empty answer": ({"prompt": "a", "chosen": "b", "rejected": " \n"}, "'rejected' is empty"),
    "a number": ({"prompt": "a", "completion": 3}, "'completion' is a int"),
    "an empty prompt": ({"prompt": "", "completion": "b"}, "its prompt has no token"),
    "ShareGPT's names": (
        {"messages": [{"from": "human", "value": "a"}]},
        r"message 0 .*'role'.*as its 'content' \(it has from, value\)",
    ),
    "a strange role": ({"messages": [{"role": "narrator", "content": "a"}]}, "message 0 .*'role'"),
    "no text": (
        {"messages": [user("a"), {"role": "assistant", "content": None}]},
        "message 1 .*'content'",
    ),
    "no answer": ({"messages": [user("a"), user("b")]}, "no assistant message"),
    "an answer to nothing": ({"messages": [assistant("a")]}, "no assistant message"),
    "too few scores": (
        {"prompt": "a", "responses": ["b", "c"], "scores": [1]},
        "2 responses; 'scores' must be as many",
    ),
    "no scores": ({"prompt": "a", "completions": ["b", "c"]}, "'scores' must be as many"),
    "a scored nothing": (
        {"prompt": "a", "responses": [{"score": 1}, {"score": 2}]},
        "'response 1' is a NoneType",
    ),
    "a tool's message": (
        {"messages": [user("a"), {"role": "tool", "content": "b"}, assistant("c")]},
        "ends with a message of the role 'tool'.*one response, in one text",
    ),
}


@pytest.mark.parametrize(("row", "says"), ERRORS.values(), ids=ERRORS)
def test_a_bad_row_is_named_with_what_is_wrong(row: Any, says: str) -> None:
    with pytest.raises(PlanBError, match=rf"(?s)row 1 \(from 0\) of the dataset: .*{says}"):
        read_rows([MIXED[0], row], WORDS)


def test_unknown_columns_are_answered_with_the_kinds_that_are_understood() -> None:
    with pytest.raises(PlanBError) as caught:
        read_rows([{"instruction": "a"}], WORDS)
    assert all(kind in str(caught.value) for kind in KINDS)


def test_a_dict_of_splits_is_an_error() -> None:
    splits = DatasetDict(train=Dataset.from_list([MIXED[0]]), test=Dataset.from_list([MIXED[0]]))
    with pytest.raises(PlanBError, match=r"splits \(train, test\)"):
        read_rows(splits, WORDS)


def test_an_error_of_the_template_names_the_row() -> None:
    system = {"messages": [{"role": "system", "content": "Be kind."}, user("a"), assistant("b")]}
    with pytest.raises(PlanBError, match=r"row 2 \(from 0\).*refuses a chat of roles system, user"):
        read_rows([MIXED[2], MIXED[0], system, MIXED[2]], mistral())


def test_many_rows_are_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_rows(MIXED * 3, WORDS, ORDERING)
    monkeypatch.setattr("planb.training.reading.CHUNK", 4)
    assert read_rows(MIXED * 3, WORDS, ORDERING) == whole


def _renamed(case: dict[str, Any]) -> list[Row]:
    """The row read alone, with the key it has among the others."""
    place = MIXED.index(case)
    return read_rows([{**case, "id": f"row {place}"}], WORDS, ORDERING)
