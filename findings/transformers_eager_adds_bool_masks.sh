#!/usr/bin/env bash
# transformers takes a 4D attention mask as it is. With sdpa a bool mask (True: may attend) is right to the last
# digit. With attn_implementation="eager" the same mask is added to the scores as the numbers 0 and 1: future
# tokens are seen, without an error or a warning. Masks for packed rows or shared prefixes are 4D, so
# a training that falls back to eager (soft-capping, sinks, output_attentions) is silently no longer causal.
# Seen with transformers 5.23.0 and torch 2.13.0, on a random Llama of two layers.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 numpy==2.4.6 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SMALL = dict(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2)
CONFIG = LlamaConfig(**SMALL, num_attention_heads=4, num_key_value_heads=2)
torch.manual_seed(0)
model = LlamaForCausalLM(CONFIG).eval()
ids = torch.randint(0, 64, (1, 8))
other = ids.clone()
other[0, -1] = (ids[0, -1] + 1) % 64  # only the last token differs
allowed = torch.ones(8, 8, dtype=torch.bool).tril()[None, None]
added = torch.zeros(1, 1, 8, 8).masked_fill(~allowed, torch.finfo(torch.float32).min)
apart, leaks = {}, {}
with torch.no_grad():
    for kind in ("sdpa", "eager"):
        model.set_attn_implementation(kind)
        plain = model(ids).logits
        for name, mask in (("bool", allowed), ("float", added)):
            found = model(ids, attention_mask=mask).logits
            later = model(other, attention_mask=mask).logits
            apart[kind, name] = float((found - plain).abs().max())
            leaks[kind, name] = float((found - later)[:, :-1].abs().max())
            print(f"{kind:5s} {name:5s} mask: logits off by {apart[kind, name]:.2g}, "
                  f"a changed last token moves earlier logits by {leaks[kind, name]:.2g}")
bad = ("eager", "bool")
as_stated = min(apart[bad], leaks[bad]) > 1e-3 and max(v for k, v in apart.items() if k != bad) < 1e-5
print("as stated" if as_stated else "CHANGED")
sys.exit(not as_stated)
PY
"$folder/venv/bin/python" "$folder/try.py" 2>"$folder/warnings.log" || { code=$?; cat "$folder/warnings.log"; exit $code; }
