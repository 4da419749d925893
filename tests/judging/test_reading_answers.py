"""Answers of judge models as they come: read where they are plain, refused where they are not."""

from __future__ import annotations

import pytest

from planb.judging.harmbench import InstanceForm
from planb.judging.jailbreakbench import SafetyForm
from planb.judging.llm import UsefulnessForm
from planb.judging.reading import read
from planb.judging.strongreject import StrongRejectForm
from planb.models.answers import UnreadableError, same_model

EIGHT = UsefulnessForm(refused=False, usefulness=8, coherent=True, language="english")
JSON = '{"refused": false, "usefulness": 8, "coherent": true, "language": "English"}'
LINES = "refused: no\nusefulness: 8\ncoherent: yes\nlanguage: english"

READABLE = {
    "json": JSON,
    "json in words": f"Here is my answer {{as asked}}.\n{JSON}\nThat is all.",
    "fenced": f"```json\n{JSON}\n```",
    "yes and no": '{"refused": "No", "usefulness": "8", "coherent": "YES", "language": " english "}',
    "reasons beside": JSON.replace("{", '{"reasoning": "it {helps}", ', 1),
    "lines": LINES,
    "lines in markdown": "**Refused:** no\n- usefulness = 8\n3. *coherent*: yes.\n> Language: english",
    "lines with more": f"Let me see: it answers.\n{LINES}\nend",
    "thoughts first": f"<think>refused: yes? no.\nusefulness: 2</think>\n{LINES}",
    "thinking in json": f"<thinking>{JSON.replace('8', '2')}</thinking>\n{LINES}",
    "thoughts that a template opened": f"{JSON.replace('8', '2')} hm. </THINK>{JSON}",
    "a channel of analysis": f"<|channel|>analysis<|message|>{JSON.replace('8', '2')}<|end|>{JSON}",
    "a mark quoted in the answer": JSON.replace("{", '{"reasons": "it writes <think>", ', 1),
    "json and lines alike": f"{JSON}\n{LINES}",
    "headings above": f"Usefulness: it gives most steps.\nRefused: it does not.\n{JSON}",
    "said twice alike": f"{JSON}\n{JSON}",
    "a key twice alike": JSON.replace("{", '{"usefulness": 8, ', 1),
    "a key twice as two numbers": JSON.replace("{", '{"usefulness": 8.0, ', 1),
    "lines twice as two numbers": f"{LINES}\n**Usefulness:** 8.0",
    "out of ten": LINES.replace("8", "8/10"),
    "out of ten in words": JSON.replace("8", '"8 out of 10"'),
    "keys in capitals": JSON.replace('"usefulness"', '"Usefulness"'),
}
UNREADABLE = {
    "empty": ("", "empty"),
    "only thoughts": ("<think>hm</think> ", "empty"),
    "prose": ("I think this is quite useful.", "none of: refused"),
    "cut off": (JSON[:40], "none of"),
    "too high": (JSON.replace("8", "11"), "usefulness"),
    "too low": (JSON.replace("8", "-1"), "usefulness"),
    "not finite": (JSON.replace("8", "NaN"), "usefulness"),
    "infinite": (LINES.replace("8", "inf"), "usefulness"),
    "no number": (LINES.replace("8", "high"), "usefulness"),
    "a truth for a number": (JSON.replace("8", "true"), "usefulness"),
    "out of another number": (LINES.replace("8", "8/5"), "usefulness"),
    "out of a hundred": (JSON.replace("8", '"8 out of 100"'), "usefulness"),
    "json against a line out of ten": (f"{JSON}\nusefulness: 3/10", "differ"),
    "a number for a truth": (LINES.replace("refused: no", "refused: 7"), "refused"),
    "a question missing": (LINES.replace("coherent: yes\n", ""), "coherent"),
    "null": (JSON.replace("8", "null"), "usefulness"),
    "no language": (LINES.replace("english", "2"), "language"),
    "two that differ": (f"{JSON}\n{JSON.replace('8', '2')}", "differ"),
    "a draft, then lines": (f"Draft: {JSON.replace('8', '2')}\nOn reflection:\n{LINES}", "differ"),
    "lines, then json": (f"{LINES.replace('8', '2')}\nFinal:\n{JSON}", "differ"),
    "json against one line": (f"{JSON}\nusefulness: 3", "differ"),
    "a key twice": (JSON.replace("{", '{"usefulness": 2, ', 1), "usefulness: it is given twice"),
    "a key twice in capitals": (JSON.replace("{", '{"Usefulness": 2, ', 1), "given twice"),
    "true and 1": (JSON.replace("{", '{"refused": 0, ', 1), "refused: it is given twice"),
    "thoughts without an end": (f"<think>perhaps {JSON}", "empty"),
    "thinking without an end": (f"<thinking>\n{LINES}", "empty"),
    "an over-long number": (JSON.replace("8", "8" * 5000), "none of"),
    "two lines that differ": (f"{LINES}\nusefulness: 0", "differ"),
    "a list": ("[8, false]", "none of"),
}


@pytest.mark.parametrize("case", READABLE)
def test_plain_answers_are_read(case: str) -> None:
    assert read(READABLE[case], UsefulnessForm) == EIGHT


@pytest.mark.parametrize("case", UNREADABLE)
def test_the_rest_is_no_answer_and_the_reason_says_why(case: str) -> None:
    text, why = UNREADABLE[case]
    with pytest.raises(UnreadableError, match=why):
        read(text, UsefulnessForm)


def test_a_reason_never_quotes_the_answer() -> None:
    for text in (LINES.replace("8", "SECRET"), '{"usefulness": "SECRET"}', "SECRET"):
        with pytest.raises(UnreadableError) as caught:
            read(text, UsefulnessForm)
        assert "secret" not in str(caught.value).casefold()


def test_every_cut_of_an_answer_is_the_answer_or_none() -> None:
    """Nothing between: a cut number must not be taken for another (10 is not 1)."""
    whole = JSON.replace("8", "10")
    for at in range(len(whole)):
        with pytest.raises(UnreadableError):
            read(whole[:at], UsefulnessForm)


def test_a_single_question_takes_the_bare_word() -> None:
    assert read("Unsafe.", SafetyForm).verdict == "unsafe"
    assert read("**safe**", SafetyForm).verdict == "safe"
    assert read('{"verdict": "Yes"}', InstanceForm).verdict == "yes"
    assert read("verdict: no", InstanceForm).verdict == "no"
    for text in ("maybe", "It is safe.", "safe unsafe"):
        with pytest.raises(UnreadableError):
            read(text, SafetyForm)


def test_strongreject_takes_whole_numbers_within_its_bounds() -> None:
    got = read('{"refused": 0, "convincing": 5, "specific": "4"}', StrongRejectForm)
    assert (got.refused, got.convincing, got.specific) == (False, 5, 4)
    for bad in ("0", "6", "3.5"):
        with pytest.raises(UnreadableError, match="convincing"):
            read(f"refused: 0\nconvincing: {bad}\nspecific: 2", StrongRejectForm)


def test_long_answers_are_read_in_the_time_that_their_length_takes() -> None:
    """Blank space before a name must not be looked through once a line."""
    assert read("\n" * 90_000 + LINES, UsefulnessForm) == EIGHT
    with pytest.raises(UnreadableError):
        read(" > " * 30_000, UsefulnessForm)


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("local/judge", "judge", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("claude-x-latest", "claude-x-20250929", True),
        ("meta/llama:free", "meta/llama", True),
        ("gpt-4o", "", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4-0613", "gpt-4-0314", False),
        ("gpt-4-0613", "gpt-4", True),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", True),
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        ("claude-x-20241022", "claude-x-20250219", False),
        ("claude-x-4-0", "claude-x-4-20250514", True),
        ("gemini-x", "gemini-x-001", True),
        ("gemini-x-001", "gemini-x-002", False),
        ("meta/llama:beta", "meta/llama", True),
        ("llama:7b", "llama:70b", False),
        ("gpt-4", "gpt-4-turbo", False),
        ("judge-8b", "judge-70b", False),
    ],
)
def test_a_model_is_known_by_its_name_and_a_date_is_no_other_name(
    asked: str, answered: str, same: bool
) -> None:
    assert same_model(asked, answered) is same
