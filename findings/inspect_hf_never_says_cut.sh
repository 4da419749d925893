#!/usr/bin/env bash
# inspect_ai's provider of local models (--model hf/...) never says that an answer was cut off at
# max_tokens: stop_reason is "unknown" for cut and for whole answers alike, and usage.output_tokens is that
# of the longest answer of the batch, its padding included. So "how many answers were truncated", which
# every safety evaluation must report, reads 0; a judge's verdict that was cut is read as if it were whole.
# In the same place temperature=0, which judges and 5-shot benchmarks ask for, is an error, and the seed of a
# request changes nothing. Exits 0 while that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q inspect_ai==0.3.285 torch==2.13.0 \
    transformers==5.23.0 accelerate==1.15.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import asyncio
import sys

import inspect_ai
import torch
from inspect_ai.model import GenerateConfig, get_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

folder = sys.argv[1]
letters = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
raw = Tokenizer(models.BPE(letters | {"<end>": 256}, []))
raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
words = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>", pad_token="<end>")
words.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
words.save_pretrained(folder)
torch.manual_seed(0)
sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
model = LlamaForCausalLM(LlamaConfig(vocab_size=257, num_key_value_heads=2, **sizes))
model.config.eos_token_id = model.generation_config.eos_token_id = None  # it never ends by itself
model.generation_config.pad_token_id = 256
model.save_pretrained(folder)


async def main() -> bool:
    target = get_model(f"hf/{folder}", device="cpu")
    cut = [
        await target.generate("Where is the bridge?", config=GenerateConfig(max_tokens=6, seed=seed))
        for seed in (1, 1)
    ]
    target.api.model.generation_config.eos_token_id = list(range(257))  # every token ends the answer
    whole = await target.generate("Where is the bridge?", config=GenerateConfig(max_tokens=6))
    said = [(one.stop_reason, one.usage.output_tokens) for one in (*cut, whole)]
    print("inspect_ai", inspect_ai.__version__)
    print("expected: max_tokens, max_tokens, stop; seen:", said)
    print("expected: one seed, one text; seen:", [one.completion for one in cut])
    try:
        await target.generate("Hello", config=GenerateConfig(max_tokens=6, temperature=0.0))
        refused = False
    except Exception as error:
        refused = "strictly positive" in f"{error}{error.__cause__}"
    print("expected: greedy at temperature 0; seen an error:", refused)
    unknown = [reason for reason, _ in said] == ["unknown"] * 3
    return unknown and refused and cut[0].completion != cut[1].completion


sys.exit(not asyncio.run(main()))
PYTHON
