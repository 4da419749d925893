#!/usr/bin/env bash
# PEFT 0.21.2 with transformers 5.23: target_modules="all-linear" on a mixture of experts that also has
# dense layers or shared experts (DeepSeek-V3, Qwen3-Next) adapts the routed experts, which are
# tensors, but not the dense MLP layers and the shared experts, which are nn.Linear. PEFT's conversion
# of old targets maps the names gate_proj, up_proj and down_proj to the experts' tensors and drops them
# from target_modules, so real linear layers of these names get no adapter, without a warning. Who
# fine-tunes such a model with LoRA trains less of it than "all-linear" says, and less than on a dense one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.23.0 peft==0.21.2
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, DeepseekV3Config

print("peft", peft.__version__, "transformers", transformers.__version__)
config = DeepseekV3Config(
    vocab_size=64, hidden_size=32, intermediate_size=48, moe_intermediate_size=16, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, n_group=1,
    topk_group=1, first_k_dense_replace=1, n_shared_experts=1, kv_lora_rank=8, q_lora_rank=16,
    qk_rope_head_dim=4, qk_nope_head_dim=8, v_head_dim=8,
)
model = AutoModelForCausalLM.from_config(config)
head = model.get_output_embeddings()
linear = {n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m is not head}
adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
prefix = "base_model.model."
reached = {
    n.split(".lora_A")[0].removeprefix(prefix) for n, _ in adapted.named_parameters() if ".lora_A" in n
}
missed = sorted(linear - reached)
experts = sorted(n for n in reached if ".experts" in n)
print("expected: an adapter on every nn.Linear but the head:", len(linear))
print("seen: none on", ", ".join(missed))
print("and adapters on the experts' tensors:", ", ".join(experts))
as_stated = (
    {n.split(".mlp.")[-1] for n in missed if ".mlp." in n}
    == {f"{where}{name}" for where in ("", "shared_experts.") for name in ("gate_proj", "up_proj", "down_proj")}
    and bool(experts)
)
print("as stated" if as_stated else "changed")
sys.exit(0 if as_stated else 1)
PY
