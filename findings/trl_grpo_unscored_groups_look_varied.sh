#!/usr/bin/env bash
# TRL's GRPO: frac_reward_zero_std is the share of groups without spread, the figure to watch for "there
# is nothing to learn from". A reward function may return None for a completion that it cannot score. A
# group of which one completion or none is scored has no spread either: its advantages are all 0. But its
# standard deviation is NaN, which is not close to 0, so it counts as a group with spread: a run whose
# judge can score next to nothing shows 0.0 ("every group varies") while no weight moves.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 trl==1.16.0 transformers==5.23.0
cd "$folder"
cat > groups.py <<'PY'
import logging
import warnings

import torch
import transformers
import trl
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
logging.disable(logging.WARNING)
transformers.set_seed(0)
words = ["<pad>", "<eos>", "<unk>"] + [f"w{n}" for n in range(29)]
inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
)
config = LlamaConfig(
    vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
    pad_token_id=0, eos_token_id=1, bos_token_id=None,
)
prompts = Dataset.from_dict({"prompt": ["w1 w2", "w3 w4", "w5 w6", "w7 w8"]})


class Logged(TrainerCallback):
    def on_log(self, args, state, control, logs, **_):
        logged.update(logs)


def trained(reward):
    """One update over 4 groups of 4 completions: what is logged, and whether any weight moved."""

    def rewards(completions, **_):
        return [reward(n % 4) for n in range(len(completions))]

    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
    settings = GRPOConfig(
        output_dir="out", per_device_train_batch_size=16, num_generations=4, max_steps=1, logging_steps=1,
        max_completion_length=8, learning_rate=0.1, use_cpu=True, bf16=False, report_to="none",
        save_strategy="no", disable_tqdm=True, seed=0,
    )
    GRPOTrainer(
        model, rewards, args=settings, train_dataset=prompts, processing_class=tokenizer, callbacks=[Logged()]
    ).train()
    moved = any(not torch.equal(before[name], weights) for name, weights in model.named_parameters())
    return logged["frac_reward_zero_std"], moved


logged = {}
print("trl", trl.__version__, "transformers", transformers.__version__, "torch", torch.__version__)
cases = {
    "four rewards that differ": lambda n: float(n),
    "four equal rewards": lambda n: 1.0,
    "one scored, three None": lambda n: 1.0 if n == 0 else None,
    "none scored": lambda n: None,
}
found = {name: trained(reward) for name, reward in cases.items()}
for name, (share, moved) in found.items():
    print(f"{name:26} groups without spread {share:.1f}, {'weights move' if moved else 'no weight moves'}")
print("expected: 1.0 for the last two as well, since nothing can be learned from such groups")
assert list(found.values()) == [(0.0, True), (1.0, False), (0.0, False), (0.0, False)], found
PY
"$folder/venv/bin/python" groups.py
