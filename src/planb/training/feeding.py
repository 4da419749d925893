"""What a trainer is given as a dataset -> rows, and the order in which they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, RandomSampler, Sampler, SequentialSampler
from transformers import TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from planb.errors import PlanBError
from planb.training.reading import read_rows
from planb.training.rows import Row


class Rows(Dataset):  # type: ignore[misc]
    """Rows as a dataset. ``ordered``: they are a schedule, trained in the order in which they stand."""

    def __init__(self, rows: Sequence[Row], ordered: bool = False) -> None:
        self.rows = list(rows)
        self.ordered = ordered

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Row:
        return self.rows[place]


def as_rows(dataset: Any, **read: Any) -> Any:
    """The dataset as ``Rows``, read by ``read_rows`` if need be; ``None`` stays. Raises PlanBError for
    a stream without a length, which may never end."""
    if dataset is None or isinstance(dataset, Rows):
        return dataset
    if not hasattr(dataset, "__len__"):
        raise PlanBError(
            f"the dataset is a {type(dataset).__name__} without a length: it may never end, and rows "
            "are read before training. Take as many as you want: list(stream.take(1000)), or "
            "list(itertools.islice(stream, 1000))"
        )
    if isinstance(dataset, Sequence) and dataset and isinstance(dataset[0], Row):
        return Rows(dataset)
    if not hasattr(dataset, "__iter__"):  # torch's: counted, as its __getitem__ may know no end
        return Rows(read_rows((dataset[place] for place in range(len(dataset))), **read))
    return Rows(read_rows(dataset, **read))


def train_sampler(rows: Rows, args: TrainingArguments) -> Any:
    """The order in which rows are trained; a schedule keeps its own."""
    strategy = args.train_sampling_strategy
    if rows.ordered and strategy == "group_by_length":
        raise PlanBError("Rows(ordered=True) are a schedule: leave out train_sampling_strategy")
    if rows.ordered or strategy == "sequential":
        return SequentialSampler(rows)
    if strategy == "group_by_length":
        return ByLength(rows, args)
    return RandomSampler(rows)


def eval_sampler(rows: Rows, args: TrainingArguments) -> Sampler | None:
    """In order; several processes share the batches among themselves."""
    return SequentialSampler(rows) if args.world_size <= 1 else None


class ByLength(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of like length in a batch, shuffled by the seed and the epoch (so a resumed run is the
    same, and all processes agree)."""

    def __init__(self, rows: Rows, args: TrainingArguments) -> None:
        together = args.train_batch_size * args.gradient_accumulation_steps
        super().__init__(together, lengths=[row.separate_tokens for row in rows.rows])
        self.seed = args.seed if args.data_seed is None else args.data_seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate before each epoch."""
        self.generator = torch.Generator().manual_seed(self.seed + epoch)
