"""Limits: what is refused is named, what is cut keeps to them and no more, and all of it is counted."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from planb.errors import PlanBError
from planb.training.lengths import Counts, Lengths


def ids(number: int, start: int = 0) -> tuple[int, ...]:
    return tuple(range(start, start + number))


def cut(prompt: int, responses: tuple[int, ...], **limits: Any) -> tuple[int, list[int]]:
    """Lengths of the prompt and of the responses, after truncation."""
    fitted = Lengths(**limits, when_longer="truncate").fit(
        "row", ids(prompt), [ids(n) for n in responses], Counts()
    )
    assert fitted is not None
    return len(fitted.prompt), [len(response) for response in fitted.responses]


@pytest.mark.parametrize("when_longer", ["refuse", "truncate", "leave_out"])
def test_what_fits_stays_as_it_is(when_longer: Any) -> None:
    lengths = Lengths(
        max_length=9, max_prompt=4, max_response=5, max_packed=12, when_longer=when_longer
    )
    counts = Counts()
    fitted = lengths.fit("row", ids(4), [ids(5), ids(3)], counts)
    assert fitted == (ids(4), (ids(5), ids(3)))
    assert counts == Counts(kept=1, tokens=12)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"max_length": 8}, "9 tokens, more than max_length 8"),
        ({"max_prompt": 3}, "4 tokens in its prompt, more than max_prompt 3"),
        ({"max_response": 4}, "5 tokens in its longest response, more than max_response 4"),
        ({"max_packed": 11}, "12 tokens with all its responses, more than max_packed 11"),
    ],
)
class TestEveryLimit:
    def test_it_is_refused_by_name_with_what_to_do(self, limits: dict[str, int], says: str) -> None:
        with pytest.raises(PlanBError, match=f"example 'a' has {says}.*'truncate' or 'leave_out'"):
            Lengths(**limits).fit("example 'a'", ids(4), [ids(5), ids(3)], Counts())

    def test_it_is_left_out_and_counted(self, limits: dict[str, int], says: str) -> None:  # noqa: ARG002
        counts = Counts()
        lengths = Lengths(**limits, when_longer="leave_out")
        assert lengths.fit("a", ids(4), [ids(5), ids(3)], counts) is None
        assert counts == Counts(left_out=1)

    def test_one_token_is_cut(self, limits: dict[str, int], says: str) -> None:  # noqa: ARG002
        prompt, responses = cut(4, (5, 3), **limits)
        assert (prompt + sum(responses)) == 11


class TestTruncation:
    def test_a_prompt_loses_its_left_but_not_its_first_token(self) -> None:
        lengths = Lengths(max_prompt=4, when_longer="truncate")
        fitted = lengths.fit("row", ids(10), [ids(3)], Counts())
        assert fitted == ((0, 7, 8, 9), (ids(3),))
        first_alone = Lengths(max_prompt=1, when_longer="truncate")
        assert first_alone.fit("row", ids(10), [ids(3)], Counts()) == ((0,), (ids(3),))

    def test_a_response_loses_its_right(self) -> None:
        lengths = Lengths(max_response=4, when_longer="truncate")
        fitted = lengths.fit("row", ids(10), [ids(6), ids(3), ids(5, start=50)], Counts())
        assert fitted == (ids(10), (ids(4), ids(3), (50, 51, 52, 53)))

    @pytest.mark.parametrize(
        ("prompt", "responses", "limit", "expected"),
        [
            (20, (3,), 10, (7, [3])),  # a long prompt gives way
            (2, (20,), 10, (2, [8])),  # a short one does not
            (20, (20,), 10, (5, [5])),  # both: half and half
            (20, (20,), 11, (5, [6])),
            (8, (6, 4), 10, (5, [5, 4])),  # the prompt is cut for the longest response
            (8, (4, 1), 10, (6, [4, 1])),
        ],
    )
    def test_max_length_by_hand(
        self, prompt: int, responses: tuple[int, ...], limit: int, expected: Any
    ) -> None:
        assert cut(prompt, responses, max_length=limit) == expected

    @pytest.mark.parametrize(
        ("prompt", "responses", "limit", "expected"),
        [
            (4, (10, 2, 3), 12, (4, [3, 2, 3])),  # 8 for the responses: 2, then 3 and 3
            (4, (10, 10), 13, (4, [4, 4])),  # one token is left over, and none is favoured
            (9, (1, 2), 10, (7, [1, 2])),
            (9, (9, 9), 12, (6, [3, 3])),
        ],
    )
    def test_max_packed_by_hand(
        self, prompt: int, responses: tuple[int, ...], limit: int, expected: Any
    ) -> None:
        assert cut(prompt, responses, max_packed=limit) == expected

    def test_any_row_keeps_to_any_limits_and_loses_no_more_than_it_must(self) -> None:
        rng = random.Random(0)
        for _ in range(500):
            prompt = ids(rng.randint(1, 30))
            responses = [ids(rng.randint(1, 30), start=100 * k) for k in range(rng.randint(1, 5))]
            limits = {
                "max_length": rng.randint(8, 60),
                "max_prompt": rng.choice([None, rng.randint(1, 30)]),
                "max_response": rng.choice([None, rng.randint(1, 30)]),
                "max_packed": rng.choice([None, rng.randint(20, 150)]),
            }
            lengths = Lengths(**limits, when_longer="truncate")
            fitted = lengths.fit("row", prompt, responses, Counts())
            assert fitted is not None
            sizes = [len(response) for response in fitted.responses]
            assert not lengths.excess(len(fitted.prompt), sizes)
            assert fitted.prompt[0] == prompt[0]
            assert fitted.prompt[1:] == prompt[len(prompt) - len(fitted.prompt) + 1 :]
            for whole, part in zip(responses, fitted.responses, strict=True):
                assert part == whole[: len(part)]
                assert len(part) >= 1
            if len(fitted.prompt) < len(prompt):  # one more token of it would break a limit
                kept = len(fitted.prompt) + 1
                half = [n // 2 for n in (limits["max_length"], limits["max_packed"]) if n]
                assert lengths.excess(kept, sizes) or kept > min(half)
            elif sizes != [len(response) for response in responses]:
                shorter = [min(max(sizes) + 1, len(response)) for response in responses]
                assert lengths.excess(len(prompt), shorter)

    def test_limits_that_leave_no_token_are_an_error(self) -> None:
        with pytest.raises(PlanBError, match=r"row, cut to the limits, would .* 3 responses"):
            cut(4, (5, 5, 5), max_packed=4)
        with pytest.raises(PlanBError, match="no token left"):
            cut(4, (5,), max_length=1)
        assert cut(4, (5, 5, 5), max_packed=5) == (2, [1, 1, 1])


def test_counts_add_up_over_rows_and_read_as_a_sentence() -> None:
    counts, lengths = Counts(), Lengths(max_prompt=4, max_response=5, when_longer="truncate")
    lengths.fit("a", ids(9), [ids(3)], counts)
    lengths.fit("b", ids(9), [ids(6), ids(7), ids(1)], counts)
    lengths.fit("c", ids(2), [ids(2)], counts)
    expected = Counts(kept=3, truncated_prompts=2, truncated_responses=2, tokens=7 + 15 + 4)
    assert counts == expected
    assert str(counts) == "3 rows of 26 tokens, 2 prompts cut short, 2 responses cut short"
    assert str(Counts(kept=1200, tokens=98765)) == "1,200 rows of 98,765 tokens"
    said = str(Counts(kept=1, tokens=5, left_out=3, unranked=2))
    assert "3 left out as too long" in said
    assert "2 left out as no two of their scores differ" in said


def test_a_number_is_the_max_length_of_what_is_refused() -> None:
    assert Lengths.of(64) == Lengths(max_length=64, when_longer="refuse")
    lengths = Lengths(max_packed=100, when_longer="leave_out")
    assert Lengths.of(lengths) is lengths


@pytest.mark.parametrize("field", ["max_length", "max_prompt", "max_response", "max_packed"])
def test_a_limit_is_above_0(field: str) -> None:
    with pytest.raises(ValidationError):
        Lengths(**{field: 0})


def test_limits_are_part_of_the_digest() -> None:
    values = [
        Lengths(),
        Lengths(max_length=64),
        Lengths(max_prompt=64),
        Lengths(when_longer="truncate"),
    ]
    assert len({value.digest() for value in values}) == 4
