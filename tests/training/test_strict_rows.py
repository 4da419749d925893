"""Rows of other trainers: every column and key is used, harmless and said, or refused by name."""

from __future__ import annotations

import re
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

sys.path.append(str(Path(__file__).parents[1] / "models"))
from chat_templates import llama3

from planb.data.columns import HARMLESS, REFUSED
from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.training.lengths import Counts, Lengths
from planb.training.reading import read_rows
from planb.types import Example, Message, Ordering

WORDS = llama3()
ASKED, GOOD, BAD = "How do I make a lamp?", "Take fresh salt.", "I am sorry."
PREFERENCE = {"prompt": ASKED, "chosen": GOOD, "rejected": BAD}
SFT = {"prompt": ASKED, "completion": GOOD}
SCORED = {"prompt": ASKED, "responses": [GOOD, BAD], "scores": [2, 1]}
TIERED = {"prompt": ASKED, "responses": {"refusal": BAD, "harmful": GOOD}}
TWO = Ordering(tiers=("refusal", "harmful"))
CALL = [{"type": "function", "function": {"name": "clock", "arguments": "{}"}}]


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def assistant(text: str | None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


CHAT = {"messages": [user(ASKED), assistant(GOOD)]}
KINDS = {"preference": PREFERENCE, "sft": SFT, "scored": SCORED, "tiered": TIERED, "messages": CHAT}


class TestColumns:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("tools", CALL, "chat template"),
            ("tools", '[{"name": "clock"}]', "chat template"),
            ("chat_template_kwargs", {"enable_thinking": False}, "chat template"),
            ("images", ["a.png"], "text only"),
            ("image_url", "lamp.png", "text only"),
            ("prompt_image_id", 3, "text only"),
            ("ref_chosen_logps", -3.5, "computes them itself"),
            ("reference_rejected_logps", -3.5, "computes them itself"),
            ("history", [["Hi!", "Hello!"]], "put all of the prompt into 'prompt'"),
            ("instruction", "Be a clock.", "put all of the prompt into 'prompt'"),
            ("question", ASKED, "put all of the prompt into 'prompt'"),
            ("weight", 0.5, "counts how much"),
            ("system_prompt", "You are a lamp.", "call it 'system'"),
            ("rejected_response", BAD, "an answer under another name"),
            ("a column of mine", 0, "not known"),
        ],
    )
    def test_what_changes_the_training_is_refused_by_name(
        self, kind: str, name: str, value: Any, why: str
    ) -> None:
        told = rf"(?s)row 0 .*'{name}' \(.*{why}.*remove_columns"
        with pytest.raises(PlanBError, match=told):
            read_rows([{**KINDS[kind], name: value}], WORDS, TWO)

    def test_the_remedy_names_all_that_is_unread_and_works_at_once(self) -> None:
        """As the public sets of Distilabel and Magpie have them: a dozen columns beside the pair."""
        more = {f"of mine {n}": 1 for n in range(12)}
        chosen, rejected = [user(ASKED), assistant(GOOD)], [user(ASKED), assistant(BAD)]
        row = {"system": "Be a lamp.", "chosen": chosen, "rejected": rejected}
        dataset = Dataset.from_list([{**row, **more}])
        keep = r"dataset.select_columns\((\[.*\])\)"
        with pytest.raises(PlanBError, match=keep) as caught:
            read_rows(dataset, WORDS)
        assert all(f"'{name}'" in str(caught.value) for name in more)
        kept = dataset.select_columns(literal_eval(re.search(keep, str(caught.value))[1]))
        assert read_rows(kept, WORDS) == read_rows([row], WORDS)

    @pytest.mark.parametrize("label", [True, False, 0, 1, 0.0, "false", "bad", np.bool_(False)])
    @pytest.mark.parametrize("name", ["label", "kto_tag"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_no_row_with_a_label_is_imitated(self, kind: str, name: str, label: Any) -> None:
        with pytest.raises(PlanBError, match=rf"'{name}' \(.*unpaired preference.*give each prompt"):
            read_rows([{**KINDS[kind], name: label}], WORDS, TWO)

    @pytest.mark.parametrize("empty", [None, "", "  ", [], {}, [None], {"a": None}, "[]"])
    @pytest.mark.parametrize("name", ["tools", "images", "history", "label", "mine"])
    def test_an_empty_column_says_nothing(self, name: str, empty: Any) -> None:
        counts = Counts()
        rows = read_rows([{**PREFERENCE, name: empty}], WORDS, counts=counts)
        assert rows == read_rows([PREFERENCE], WORDS)
        assert not counts.ignored

    def test_what_is_harmless_is_ignored_and_said(self) -> None:
        more = {"prompt_id": "x", "score_chosen": 7.0, "chosen-model": "a", "source": "b", "idx": 0}
        counts = Counts()
        rows = [{**PREFERENCE, **more}, {**PREFERENCE, "prompt": "Hello!"}]
        assert len(read_rows(rows, WORDS, counts=counts)) == 2
        assert counts.ignored == {"prompt_id": 1, "score_chosen": 1, "chosen-model": 1, "idx": 1}
        assert "columns not read (rows): prompt_id (1)" in str(counts)

    def test_no_column_is_both_refused_and_harmless(self) -> None:
        names = [name for some in REFUSED.values() for name in some]
        assert len(names) == len(set(names))
        assert not set(names) & HARMLESS

    def test_ultrafeedback_repeats_what_is_chosen_and_another_chat_is_refused(self) -> None:
        chosen, rejected = [user(ASKED), assistant(GOOD)], [user(ASKED), assistant(BAD)]
        row = {"prompt": ASKED, "chosen": chosen, "rejected": rejected}
        assert read_rows([{**row, "messages": chosen}], WORDS) == read_rows([row], WORDS)
        with pytest.raises(PlanBError, match="'messages'"):
            read_rows([{**row, "messages": rejected}], WORDS)

    @pytest.mark.parametrize("kind", ["preference", "messages"])
    def test_a_prompt_beside_a_whole_conversation_is_in_it(self, kind: str) -> None:
        """It was dropped. UltraFeedback, UltraChat and their kin repeat the first request in it."""
        asked = [{"role": "system", "content": "Be a lamp."}, user(f"{ASKED}\n"), assistant("Why?")]
        chat = [*asked, user("To see.")]
        row: dict[str, Any] = {"messages": [*chat, assistant(GOOD)]}
        if kind == "preference":
            row = {"chosen": [*chat, assistant(GOOD)], "rejected": [*chat, assistant(BAD)]}
        alone = read_rows([row], WORDS)
        fine: list[Any] = ["", ASKED, "To see.", f"Be a lamp. {ASKED}"]
        for prompt in [*fine, *([asked[:2]] if kind == "messages" else [])]:
            assert read_rows([{**row, "prompt": prompt}], WORDS) == alone
        for prompt in ["How do I make a clock?", *([[user(ASKED)]] if kind == "messages" else [])]:
            with pytest.raises(PlanBError, match=r"row 0 .*its 'prompt' differs from"):
                read_rows([{**row, "prompt": prompt}], WORDS)

    def test_one_text_twice_without_a_prompt_is_left_out_and_counted(self) -> None:
        """Anthropic's HH has the whole dialogue in both columns, and in some rows the same one."""
        row = {"chosen": "Human: Hi!\n\nAssistant: Yes.", "rejected": "Human: Hi!\n\nAssistant: No."}
        counts = Counts()
        rows = read_rows([row, {**row, "rejected": row["chosen"]}], WORDS, counts=counts)
        assert rows == read_rows([row], WORDS)
        assert (counts.kept, counts.same_text, counts.pairless, counts.unranked) == (1, 1, 1, 0)
        with pytest.raises(PlanBError, match=r"nothing to train on.*a text over itself"):
            read_rows([{**row, "rejected": row["chosen"]}], WORDS)

    def test_a_prompt_under_another_name_is_never_guessed_from_two_answers(self) -> None:
        """ms-swift 4335: 'It is n' was the prompt, 'oon.' and 'ight.' the answers."""
        row = {"system": "You are a clock.", "question": "What time is it?"}
        with pytest.raises(PlanBError, match="'question'"):
            read_rows([{**row, "chosen": "It is noon.", "rejected": "It is night."}], WORDS)


class TestMessages:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("tool_calls", CALL),
            ("reasoning_content", "salt burns"),
            ("thinking", "salt burns"),
            ("weight", 0),
            ("weight", 1.0),
            ("train", False),
            ("name", "Ann"),
        ],
    )
    @pytest.mark.parametrize("place", ["prompt", "chosen", "messages", "responses"])
    def test_keys_besides_role_and_content_are_refused_by_name(
        self, place: str, key: str, value: Any
    ) -> None:
        answers = {"chosen": [assistant(GOOD)], "rejected": [assistant(BAD)]}
        rows: dict[str, dict[str, Any]] = {
            "prompt": {
                "prompt": [user("Hi!"), assistant("", **{key: value}), user(ASKED)],
                **answers,
            },
            "chosen": {"prompt": [user(ASKED)], **answers, "chosen": [assistant(GOOD, **{key: value})]},
            "messages": {"messages": [user(ASKED), assistant(GOOD, **{key: value})]},
            "responses": {**SCORED, "responses": [assistant(GOOD, **{key: value}), assistant(BAD)]},
        }
        with pytest.raises(PlanBError, match=rf"row 0 .* has {key}, which planb"):
            read_rows([rows[place]], WORDS)

    def test_arrow_gives_every_message_every_key_and_null_says_nothing(self) -> None:
        chat = [user(ASKED, tool_calls=None), assistant(GOOD, tool_calls=[], weight=None)]
        [row] = read_rows(Dataset.from_list([{"messages": chat}]), WORDS)
        assert row == read_rows([CHAT], WORDS)[0]

    @pytest.mark.parametrize(
        ("prompt", "says"),
        [
            ([{"role": "system", "content": "Be kind."}], "no user message"),
            ([user("\u200b\u3164")], "nothing of it can be seen"),
            ([user("Hello!"), user("\u2060")], "last user message of the prompt is empty"),
            ([user(ASKED), assistant("It is")], "must end with the user's"),
            ("\u00ad\u200d", "nothing of it can be seen"),
            ([user("a\ud83d")], "lone surrogate U.D83D"),
            ("a\ud83d", "lone surrogate U.D83D"),
        ],
    )
    def test_a_prompt_that_asks_nothing_is_refused(self, prompt: Any, says: str) -> None:
        with pytest.raises(PlanBError, match=rf"row 0 .*{says}"):
            read_rows([{**PREFERENCE, "prompt": prompt}], WORDS)
        with pytest.raises(PlanBError, match=r"row 0 .*'chosen' is empty"):
            read_rows([{**PREFERENCE, "chosen": "\u200b"}], WORDS)


class TestSystem:
    SYSTEM = Message(role="system", content="You are a lamp.")

    def expected(self, *chat: Message) -> tuple[int, ...]:
        return tuple(exchange_ids(WORDS, chat, GOOD)[0])

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_system_is_the_first_message(self, kind: str) -> None:
        [row] = read_rows([{**KINDS[kind], "system": self.SYSTEM.content}], WORDS, TWO)
        assert row.prompt == self.expected(self.SYSTEM, Message(role="user", content=ASKED))

    def test_a_blank_one_makes_a_chat_without_a_system_message(self) -> None:
        [row] = read_rows([{**PREFERENCE, "system": ""}], WORDS)
        assert row.prompt == self.expected(Message(role="user", content=ASKED))

    def test_two_forms_in_one_dataset_are_refused(self) -> None:
        rows = [{**PREFERENCE, "system": "Be kind."}, {**SFT, "system": None}]
        with pytest.raises(PlanBError, match=r"row 0 .*has a 'system'.* row 1 .*has none"):
            read_rows(rows, WORDS)

    def test_two_system_messages_are_refused_and_one_twice_is_one(self) -> None:
        chat = [{"role": "system", "content": "Be kind."}, user(ASKED)]
        row = {**PREFERENCE, "prompt": chat}
        assert read_rows([{**row, "system": "Be kind."}], WORDS) == read_rows([row], WORDS)
        with pytest.raises(PlanBError, match="another system message"):
            read_rows([{**row, "system": "Be curt."}], WORDS)


class TestIds:
    @pytest.mark.parametrize(
        ("given", "key"), [(7, "7"), (np.int64(7), "7"), ("a", "a"), (None, "row 0")]
    )
    def test_a_whole_number_is_an_id(self, given: Any, key: str) -> None:
        assert read_rows([{**PREFERENCE, "id": given}], WORDS)[0].key == key

    @pytest.mark.parametrize("given", [b"ab", 1.5, True, ["a"]])
    def test_anything_else_is_refused(self, given: Any) -> None:
        with pytest.raises(PlanBError, match=f"its id is a {type(given).__name__}"):
            read_rows([{**PREFERENCE, "id": given}], WORDS)


class TestPairsThatTeachNothing:
    LONG = "It is old and it stands. " * 20

    def test_a_text_over_itself_is_left_out_and_counted(self) -> None:
        rows = [
            {**PREFERENCE, "chosen": BAD},
            {**PREFERENCE, "prompt": [user("Hello!")], "chosen": f" {BAD}\n"},
            {**PREFERENCE, "prompt": "Hello!"},
        ]
        counts = Counts()
        assert [row.key for row in read_rows(rows, WORDS, counts=counts)] == ["row 2"]
        assert (counts.kept, counts.same_text, counts.pairless) == (1, 2, 2)
        assert "2 pairs of a text over itself left out" in str(counts)
        with pytest.raises(PlanBError, match=r"nothing to train on: .*2 pairs of a text over itself"):
            read_rows(rows[:2], WORDS)

    def test_so_is_what_a_limit_makes_the_same(self) -> None:
        """OpenRLHF 1311: what told the two apart was cut off."""
        row = {**PREFERENCE, "chosen": f"{self.LONG}Yes.", "rejected": f"{self.LONG}No."}
        counts, cut = Counts(), Lengths(max_length=40, when_longer="truncate")
        rows = read_rows([row, {**PREFERENCE, "prompt": "Hello!"}], WORDS, lengths=cut, counts=counts)
        assert [row.key for row in rows] == ["row 1"]
        assert (counts.same_text, counts.truncated_responses) == (1, 0)
        assert len(read_rows([row], WORDS)) == 1, "uncut they differ"

    def test_texts_that_are_cut_alike_in_one_row_are_not_the_same_elsewhere(self) -> None:
        texts = {"chosen": "Salt. " * 12 + "Yes.", "rejected": "Salt. " * 12 + "No."}
        rows = [{"prompt": ASKED * 9, **texts}, {"prompt": "Hello!", **texts}]
        lengths = Lengths(max_length=70, when_longer="truncate")
        assert [row.key for row in read_rows(rows, WORDS, lengths=lengths)] == ["row 1"]

    def test_rows_of_one_prompt_that_contradict_each_other_are_left_out(self) -> None:
        turned = {**PREFERENCE, "chosen": BAD, "rejected": GOOD}
        other = {**turned, "prompt": "Hello!"}
        counts = Counts()
        assert [row.key for row in read_rows([PREFERENCE, turned, other], WORDS, counts=counts)] == [
            "row 2"
        ]
        assert (counts.kept, counts.contradicting, counts.pairless) == (1, 2, 2)
        assert "2 pairs left out that their prompt has both ways round" in str(counts)

    def test_of_a_ranking_only_such_pairs_are_left_out(self) -> None:
        scored = {"prompt": ASKED, "responses": ["A.", "B.", "A.", "C."], "scores": [4, 3, 2, 1]}
        counts = Counts()
        [row] = read_rows([scored], WORDS, counts=counts)
        texts = [WORDS.decode(response[:-1]) for response in row.responses]
        assert texts == ["A.", "B.", "A.", "C."]
        assert row.pairs == ((0, 3), (1, 3), (2, 3)), "A > B, B > A and A > A are gone"
        assert (counts.same_text, counts.contradicting) == (1, 2)

    def test_the_pairs_of_two_tiers_weigh_what_they_weighed(self) -> None:
        responses = {"refusal": ["No.", "Never."], "harmful": ["No.", "Salt."]}
        example = Example(id="a", prompt=ASKED, harmful=True, responses=responses)  # type: ignore[arg-type]
        [row] = read_rows([example], WORDS, TWO)
        texts = [WORDS.decode(response[:-1]) for response in row.responses]
        said = [(texts[b], texts[w]) for b, w in row.pairs]
        assert said == [("No.", "Salt."), ("Never.", "No."), ("Never.", "Salt.")]
        assert row.weights == pytest.approx((1 / 3,) * 3)

    def test_an_unpaired_response_is_dropped(self) -> None:
        scored = {"prompt": ASKED, "responses": ["A.", "B.", "B. "], "scores": [3, 2, 2]}
        turned = {"prompt": ASKED, "chosen": "B.", "rejected": "A."}
        with pytest.raises(PlanBError, match=r"nothing to train on"):
            read_rows([scored, turned], WORDS)
        more = {**scored, "responses": ["A.", "B.", "C."], "scores": [3, 2, 2]}
        [row] = read_rows([more, turned], WORDS)
        assert [WORDS.decode(response[:-1]) for response in row.responses] == ["A.", "C."]
        assert row.tiers == ("rank 1", "rank 2")
        assert row.pairs == ((0, 1),)
