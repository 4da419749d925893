"""Where prompts and examples stand in a batch, in both layouts, worked by hand."""

from __future__ import annotations

import torch

from planb.training.inside import changing, example_of_tokens, prompt_ends, prompt_places, reading
from planb.training.packing import collate
from planb.training.rows import Row

ROWS = [
    Row("a", (5, 9, 14), ((20, 21), (30,)), ("refusal", "harmful"), ((0, 1),)),
    Row("b", (7, 3), ((40, 41),), ("helpful",)),
]


def test_places_in_a_packed_row() -> None:
    """5 9 14 20 21 30 | 7 3 40 41: the first prompt stands at 0, 1, 2, the second at 6, 7."""
    batch = collate(ROWS, 0, "packed")
    assert example_of_tokens(batch).tolist() == [[0, 0, 0, 0, 0, 0, 1, 1, 1, 1]]
    places, tokens = prompt_places(batch, torch.tensor([0]))
    assert (places.tolist(), tokens.tolist()) == ([0, 1, 2], [0, 1, 2])
    places, tokens = prompt_places(batch, torch.tensor([1]))
    assert (places.tolist(), tokens.tolist()) == ([6, 7], [0, 1])


def test_places_in_separate_rows_where_a_prompts_copies_are_the_same_tokens() -> None:
    """5 9 14 20 21 / 5 9 14 30 . / 7 3 40 41 ."""
    batch = collate(ROWS, 0, "separate")
    assert example_of_tokens(batch).tolist() == [[0] * 5, [0, 0, 0, 0, -1], [1, 1, 1, 1, -1]]
    places, tokens = prompt_places(batch, torch.tensor([0, 1]))
    assert places.tolist() == [0, 1, 2, 5, 6, 7, 10, 11]
    assert tokens.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert [len(part) for part in prompt_places(batch, torch.tensor([], dtype=torch.long))] == [0, 0]


def test_the_last_tokens_of_prompts_by_their_distance_from_the_end() -> None:
    """5 9 14 of the first, 7 3 of the second, which has no third."""
    both = torch.tensor([0, 1])
    places, backs = prompt_ends(collate(ROWS, 0, "packed"), both, 3)
    assert list(zip(places.tolist(), backs.tolist(), strict=True)) == [
        (0, 2),
        (1, 1),
        (2, 0),
        (6, 1),
        (7, 0),
    ]
    places, backs = prompt_ends(collate(ROWS, 0, "separate"), torch.tensor([0]), 1)
    assert (places.tolist(), backs.tolist()) == ([2, 7], [0, 0]), "both copies"


def test_outputs_are_read_and_changed_only_within() -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
            return 2 * x, "kept"

    one, two, x = torch.nn.Identity(), Two(), torch.ones(1, 1, 2)
    with changing([one, two], [lambda h: h + 1, lambda h: h + 10]), reading([one, two]) as found:
        assert torch.equal(one(x), x + 1)
        assert torch.equal(two(x)[0], 2 * x + 10)
    assert [float(h[0, 0, 0]) for h in found] == [2, 12]
    assert torch.equal(one(x), x)
    assert two(x)[1] == "kept"
