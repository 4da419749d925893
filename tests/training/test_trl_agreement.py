"""TRL's own trainers on the same batch: the same loss and the same gradients of every weight.

TRL tokenizes and collates; our numbers come from the token ids of its batch, each response run alone
through a copy of the model, so that only the losses are compared. Where a ranking has three responses,
TRL is given its three pairs, and we are given the ranking. Float32, no dropout, no bfloat16.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import datasets
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.objectives import (
    CPO,
    DPO,
    IPO,
    ORPO,
    DPONorm,
    Objective,
    Pairs,
    PlackettLuce,
    Scores,
    SimPO,
)

pytest.importorskip("trl", reason="agreement with TRL is checked where it is installed")

WORDS = tokenizer(World(materials=4, forms=4, heldout_forms=1))
Ids = tuple[int, ...]


@cache
def random_model(seed: int) -> Any:
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=WORDS.bos_token_id,
        eos_token_id=WORDS.eos_token_id,
        pad_token_id=WORDS.pad_token_id,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # so that the responses differ by several nats
        for weight in model.parameters():
            weight.mul_(6.0 if weight.dim() > 1 else 1.0)
    return model


# -- TRL's side -----------------------------------------------------------------------------------

LENGTHS = ((3, (4, 2, 7)), (6, (1, 5, 3)), (2, (6, 6, 1)))
"""Words of each prompt, and of its responses from the best to the worst."""


def preference_rows(responses: int) -> datasets.Dataset:
    """Each pair of each ranking as a row of texts."""
    spoken = iter(sorted(word for word in WORDS.get_vocab() if word.isalpha()) * 2)

    def text(words: int) -> str:
        return " ".join(next(spoken) for _ in range(words))

    rows = []
    for prompt_words, response_words in LENGTHS:
        prompt = text(prompt_words)
        ranked = [" " + text(words) for words in response_words[:responses]]
        rows += [
            {"prompt": prompt, "chosen": better, "rejected": worse}
            for place, better in enumerate(ranked)
            for worse in ranked[place + 1 :]
        ]
    return datasets.Dataset.from_list(rows)


def trl_trainer(kind: str, folder: Path, rows: datasets.Dataset, **settings: Any) -> Any:
    from trl import DPOConfig, DPOTrainer
    from trl.experimental.cpo import CPOConfig, CPOTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    datasets.disable_progress_bars()
    makers = {
        "orpo": (ORPOTrainer, ORPOConfig),
        "cpo": (CPOTrainer, CPOConfig),
        "dpo": (DPOTrainer, DPOConfig),
    }
    make, configure = makers[kind]
    config = configure(
        output_dir=str(folder),
        per_device_train_batch_size=len(rows),
        bf16=False,
        gradient_checkpointing=False,
        disable_dropout=True,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        **settings,
    )
    reference = {"ref_model": copy.deepcopy(random_model(1))} if kind == "dpo" else {}
    model = copy.deepcopy(random_model(0))
    return make(model, args=config, train_dataset=rows, processing_class=WORDS, **reference)


def pairs_of_ids(batch: Any) -> list[tuple[Ids, Ids, Ids]]:
    """(prompt, chosen, rejected) of a batch that TRL collated, as the ids that it trains on."""
    if "completion_mask" in batch:  # DPO's: chosen above rejected
        ids = batch["input_ids"].chunk(2)
        there = batch["attention_mask"].chunk(2)
        answers = [mask == 1 for mask in batch["completion_mask"].chunk(2)]
    else:
        ids, there, labels = (
            [batch[f"{which}_{part}"] for which in ("chosen", "rejected")]
            for part in ("input_ids", "attention_mask", "labels")
        )
        answers = [label != -100 for label in labels]

    def cut(which: int, row: int, answer: bool) -> Ids:
        kept = (there[which][row] == 1) & (answers[which][row] == answer)
        return tuple(ids[which][row][kept].tolist())

    found = []
    for row in range(len(ids[0])):
        assert cut(0, row, False) == cut(1, row, False), "one prompt for both"
        found.append((cut(0, row, False), cut(0, row, True), cut(1, row, True)))
    return found


# -- our side -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rankings:
    """Each response once, with its prompt, and the pairs among them."""

    texts: tuple[tuple[Ids, Ids], ...]
    pairs: Pairs


def rankings(found: Sequence[tuple[Ids, Ids, Ids]]) -> Rankings:
    prompts = list(dict.fromkeys(prompt for prompt, _, _ in found))
    texts = list(dict.fromkeys((p, answer) for p, *answers in found for answer in answers))
    rows = [
        (prompts.index(prompt), texts.index((prompt, better)), texts.index((prompt, worse)))
        for prompt, better, worse in found
    ]
    return Rankings(
        tuple(texts), Pairs(*torch.tensor(rows).unbind(1), torch.ones(len(rows)), len(prompts))
    )


def plain_scores(model: Any, texts: Sequence[tuple[Ids, Ids]], reference: Any) -> Scores:
    """Token by token, one sequence a response."""

    def sums(of: Any) -> tuple[torch.Tensor, torch.Tensor]:
        prompts, answers = [], []
        for prompt, answer in texts:
            ids = (*prompt, *answer)
            logp = of(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
            tokens = [logp[place - 1, ids[place]] for place in range(1, len(ids))]
            prompts.append(sum(tokens[: len(prompt) - 1]))
            answers.append(sum(tokens[len(prompt) - 1 :]))
        return torch.stack(answers), torch.stack(prompts)

    with torch.no_grad():
        r_R, _ = sums(reference)
    s_R, prompt_s_R = sums(model)
    n_R = torch.tensor([len(answer) for _, answer in texts])
    prompt_n_R = torch.tensor([len(prompt) - 1 for prompt, _ in texts])
    return Scores(s_R, n_R, r_R, prompt_s_R, prompt_n_R)


# -- the comparison -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    ours: float
    trls: float
    gradient: float
    """The largest difference of any weight's gradient, relative to the largest entry of its tensor."""
    examples: int
    pairs: int


def compared(
    objective: Objective, kind: str, folder: Path, responses: int, **settings: Any
) -> Compared:
    trainer = trl_trainer(kind, folder, preference_rows(responses), **settings)
    batch = next(iter(trainer.get_train_dataloader()))
    trls = trainer.compute_loss(trainer.model, batch)
    trls.backward()
    model = copy.deepcopy(random_model(0))
    given = rankings(pairs_of_ids(batch))
    ours = objective.loss(plain_scores(model, given.texts, random_model(1)), given.pairs).mean()
    ours.backward()
    theirs = {name: weight.grad for name, weight in trainer.model.named_parameters()}
    largest = 0.0
    for name, weight in model.named_parameters():
        assert theirs[name].abs().max() > 0, name
        apart = (weight.grad - theirs[name]).abs().max() / theirs[name].abs().max()
        largest = max(largest, float(apart))
    assert len(theirs) == len(list(model.parameters()))
    return Compared(ours.item(), trls.item(), largest, given.pairs.examples, len(given.pairs.example_P))


SAME: dict[str, tuple[Objective, str, dict[str, Any]]] = {
    "orpo": (ORPO(beta=0.3, nll="sequence"), "orpo", {"beta": 0.3}),
    "dpo": (DPO(beta=0.2), "dpo", {"beta": 0.2, "loss_type": "sigmoid"}),
    "dpo_norm": (DPONorm(beta=2.0), "dpo", {"beta": 2.0, "loss_type": "sigmoid_norm"}),
    "ipo": (IPO(beta=0.3), "dpo", {"beta": 0.3, "loss_type": "ipo"}),
    "simpo": (
        SimPO(beta=2.5, gamma=0.7),
        "cpo",
        {"beta": 2.5, "loss_type": "simpo", "simpo_gamma": 0.7, "cpo_alpha": 0.0},
    ),
    "cpo": (CPO(beta=0.2, alpha=0.6, nll="tokens"), "cpo", {"beta": 0.2, "cpo_alpha": 0.6}),
    "cpo without nll": (CPO(beta=0.2, alpha=0), "cpo", {"beta": 0.2, "cpo_alpha": 0.0}),
}


@pytest.mark.parametrize("responses", [2, 3])
@pytest.mark.parametrize("name", SAME)
def test_the_loss_and_every_gradient_are_trls(name: str, responses: int, tmp_path: Path) -> None:
    objective, kind, settings = SAME[name]
    found = compared(objective, kind, tmp_path, responses, **settings)
    assert (found.examples, found.pairs) == (3, 3 if responses == 2 else 9)
    assert found.ours == pytest.approx(found.trls, abs=1e-5)
    assert found.gradient < 1e-4


def test_plackett_luce_of_two_is_trls_dpo(tmp_path: Path) -> None:
    found = compared(PlackettLuce(beta=0.2), "dpo", tmp_path, 2, beta=0.2, loss_type="sigmoid")
    assert found.ours == pytest.approx(found.trls, abs=1e-5)
    assert found.gradient < 1e-4


OTHER: dict[str, tuple[Objective, str, dict[str, Any]]] = {
    "orpo's NLL of responses": (ORPO(beta=0.3), *SAME["orpo"][1:]),
    "orpo's NLL of tokens": (ORPO(beta=0.3, nll="tokens"), *SAME["orpo"][1:]),
    "cpo's NLL of responses": (CPO(beta=0.2, alpha=0.6), *SAME["cpo"][1:]),
    "cpo's NLL of sequences": (CPO(beta=0.2, alpha=0.6, nll="sequence"), *SAME["cpo"][1:]),
    "ipo of sums": (IPO(beta=0.3, normalise=False), *SAME["ipo"][1:]),
    "dpo for dpo_norm": (DPO(beta=2.0), *SAME["dpo_norm"][1:]),
}


@pytest.mark.parametrize("name", OTHER)
def test_another_reading_is_another_loss(name: str, tmp_path: Path) -> None:
    """The batch tells the readings apart, so that agreement says which is TRL's."""
    objective, kind, settings = OTHER[name]
    found = compared(objective, kind, tmp_path, 2, **settings)
    assert abs(found.ours - found.trls) > 5e-4  # 50 times what agreement allows
    assert found.gradient > 0.01
