"""Templates that ask for thoughts or for the day's date are settled: one chat, one prompt, always."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from chat_templates import (
    CHATML,
    KIMI,
    LLAMA3,
    LLAMA32,
    QWEN3,
    SMOLLM3,
    gpt_oss,
    llama3,
    llama32,
    thinks,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from planb.errors import PlanBError
from planb.models.chat import exchange_ids, prompt_ids
from planb.models.template import DATE, settle, settled, shows_clock
from planb.training.reading import read_rows
from planb.types import Message

ASKED = (Message(role="user", content="How do I make a lamp?"),)
THINKERS = {
    "qwen3": (QWEN3, {"enable_thinking": False}),
    "smollm3": (SMOLLM3, {"enable_thinking": False}),
    "kimi": (KIMI, {"thinking": False}),
}
CLOCKS = {"llama3.2": (llama32, "26 Jul 2024"), "gpt-oss": (gpt_oss, "2024-07-26")}


@pytest.fixture(params=THINKERS)
def thinker(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return thinks(THINKERS[request.param][0])


@pytest.fixture
def off(thinker: PreTrainedTokenizerFast) -> dict[str, bool]:
    return next(off for template, off in THINKERS.values() if template == thinker.chat_template)


def own(words: PreTrainedTokenizerFast, **settings: Any) -> list[int]:
    """What the template itself renders of the request."""
    chat = [message.model_dump() for message in ASKED]
    ids = words.apply_chat_template(chat, add_generation_prompt=True, return_dict=False, **settings)
    return list(ids)


class TestThoughts:
    def test_one_prompt_whoever_hands_the_tokenizer_over(
        self, thinker: PreTrainedTokenizerFast, off: dict[str, bool]
    ) -> None:
        """Trained (a tokenizer as it comes) and evaluated (a checkpoint's, settled and saved)."""
        template = thinker.chat_template
        without = own(thinker, **off)
        assert own(thinker) != without
        (row,) = read_rows([{"messages": [*ASKED, Message(role="assistant", content="No.")]}], thinker)
        asked, _ = exchange_ids(thinker, ASKED, "No.")
        assert list(row.prompt) == asked == prompt_ids(thinker, ASKED) == without
        assert thinker.chat_template == template
        assert own(settle(thinker)) == prompt_ids(thinker, ASKED) == without

    def test_what_is_saved_thinks_no_more(
        self, thinker: PreTrainedTokenizerFast, off: dict[str, bool], tmp_path: Path
    ) -> None:
        without = own(thinker, **off)
        settle(thinker).save_pretrained(str(tmp_path))
        loaded = AutoTokenizer.from_pretrained(str(tmp_path))
        assert own(loaded) == prompt_ids(loaded, ASKED) == without

    def test_no_thought_is_trained(self, thinker: PreTrainedTokenizerFast) -> None:
        asked, response = exchange_ids(thinker, ASKED, "n")
        assert thinker.decode(response) == "n<|im_end|>"
        assert thinker.decode(asked).rstrip().endswith("</think>")

    def test_thoughts_in_the_data_are_refused_where_the_template_takes_them_out(self) -> None:
        """And can not be asked to think: else they stand in its form (test_thinking_templates.py)."""
        words = thinks(CHATML.replace("message['content']", "message['content'].split('</think>')[-1]"))
        with pytest.raises(PlanBError, match="does not render the response as it is: '<think>"):
            exchange_ids(words, ASKED, "<think>\nIt is old.\n</think>\n\nNo.")


class TestClock:
    @pytest.fixture(params=CLOCKS)
    def clock(self, request: pytest.FixtureRequest) -> tuple[PreTrainedTokenizerFast, str]:
        make, shown = CLOCKS[request.param]
        return make(), shown

    def test_two_days_are_one_prompt(
        self, clock: tuple[PreTrainedTokenizerFast, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words, shown = clock
        asked, response = exchange_ids(words, ASKED, "No.")
        before = own(words)
        monkeypatch.setattr(chat_template_utils, "datetime", Later)
        assert own(words) != before  # the test can tell
        assert exchange_ids(words, ASKED, "No.") == (asked, response)
        assert f"Date: {shown}" in words.decode(asked)

    def test_a_saved_tokenizer_keeps_the_date(
        self,
        clock: tuple[PreTrainedTokenizerFast, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        words, shown = clock
        settle(words).save_pretrained(str(tmp_path))
        monkeypatch.setattr(chat_template_utils, "datetime", Later)
        loaded = AutoTokenizer.from_pretrained(str(tmp_path))
        assert f"Date: {shown}" in loaded.decode(own(loaded))

    @pytest.mark.parametrize(
        "format", ["%d %b %Y", "%Y-%m-%d", "%A, %B %-d, %y", "%H:%M:%S on %j", "100 %, then %d"]
    )
    def test_every_format(self, format: str) -> None:
        words = llama3()
        day = f"{{{{ strftime_now('{format}') }}}}"
        inside = f"{{% macro day() %}}{day}{{% endmacro %}}"  # where a template may call it from
        words.chat_template = (
            inside + "{{ day() }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
        )
        assert words.decode(prompt_ids(words, ASKED)) == DATE.strftime(format) + ASKED[0].content


def test_settled_once_is_settled() -> None:
    for template in (QWEN3, SMOLLM3, KIMI, LLAMA32, LLAMA3):
        words = llama3()
        words.chat_template = template
        once = settle(words).chat_template
        assert settle(words).chat_template == once == settled(words)
        assert (once == template) == (template == LLAMA3)
        assert once.endswith(template)


@pytest.mark.parametrize("start", ["", "\n", "\n\n", "  ", "  \n  "])
@pytest.mark.parametrize("block", ["{% if true %}on{% endif %}", "{%- if true %}on{% endif %}", "on"])
def test_what_is_written_before_a_template_writes_nothing(start: str, block: str) -> None:
    words = llama3()
    words.chat_template = start + block + "{% if enable_thinking %}!{% endif %}{{ 'a' if thinking }}"
    plain = words.apply_chat_template([{"role": "user", "content": "Hello!"}], tokenize=False)
    assert words.apply_chat_template(
        [{"role": "user", "content": "Hello!"}], chat_template=settled(words), tokenize=False
    ) == (plain)
    assert settled(words) != words.chat_template


def test_names_that_only_look_like_it_change_nothing() -> None:
    words = llama3()
    for text in ("{{ message.thinking }}", "{{ m['thinking'] }}", "{{ keep_thinking }}", "{{ date }}"):
        words.chat_template = text
        assert settled(words) == text
        assert not shows_clock(text)


def test_several_templates_of_one_tokenizer() -> None:
    words = thinks()
    words.chat_template = {"default": QWEN3, "tool_use": LLAMA3}
    alone = thinks()
    assert prompt_ids(words, ASKED) == prompt_ids(alone, ASKED)


class Later(datetime):
    """Another day."""

    @classmethod
    def now(cls, tz: Any = None) -> Later:
        return cls(2031, 2, 3, tzinfo=tz)
