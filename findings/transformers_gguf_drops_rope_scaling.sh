#!/usr/bin/env bash
# llama.cpp's converter writes the rotary scaling of Llama 3.1 and later as a tensor, rope_freqs.weight
# (factors that divide the frequencies), and no metadata say it. transformers' GGUF reader passes the tensor
# over: the loaded model has the plain frequencies, without an error. Short prompts give other logits, and
# positions beyond the original window are not scaled at all.
# Seen with transformers 5.23.0, accelerate 1.15.0, gguf 0.19.0, torch 2.13.0 (CPU).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import os
import sys

import torch
import transformers
from gguf import GGUFWriter
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

folder, THETA, WIDTH, HEADS = sys.argv[1], 500000.0, 32, 4
torch.manual_seed(0)
scaled = {
    "rope_type": "llama3",
    "rope_theta": THETA,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
config = LlamaConfig(
    vocab_size=64, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=HEADS,
    num_key_value_heads=HEADS, max_position_embeddings=131072, rms_norm_eps=1e-5, rope_parameters=scaled,
)
model = LlamaForCausalLM(config).eval()
with torch.no_grad():
    for weight in model.parameters():
        weight.mul_(8)  # so that attention looks at positions

NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def written(path: str, factors) -> None:
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(131072)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(THETA)
    writer.add_vocab_size(64)
    for name, weight in model.named_parameters():
        array = weight.detach().numpy()
        if "q_proj" in name or "k_proj" in name:  # llama.cpp's order of rotary pairs
            size = array.shape[0] // HEADS // 2
            array = array.reshape(HEADS, 2, size, -1).swapaxes(1, 2).reshape(array.shape)
        if name.startswith("model.layers."):
            _, _, number, rest = name.removesuffix(".weight").split(".", 3)
            place = f"blk.{number}.{NAMES[rest]}.weight"
        else:
            place = f"{NAMES[name.removesuffix('.weight')]}.weight"
        writer.add_tensor(place, array.copy())
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


steps = torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)
plain = THETA**-steps
factors = (plain / model.model.rotary_emb.inv_freq).float()
written(os.path.join(folder, "scaled.gguf"), factors.numpy())
logging.set_verbosity_error()
read = AutoModelForCausalLM.from_pretrained(folder, gguf_file="scaled.gguf").eval()
ids = torch.arange(48)[None] % 64
with torch.no_grad():
    apart = float((read(ids).logits - model(ids).logits).abs().max())
    read.model.rotary_emb.inv_freq = model.model.rotary_emb.inv_freq.clone()
    mended = float((read(ids).logits - model(ids).logits).abs().max())
kind = read.config.rope_parameters["rope_type"]
print(f"transformers {transformers.__version__}: factors in the file {[round(f, 2) for f in factors.tolist()]}, rope_type as read: {kind}")
print(f"logits over 48 tokens: {apart:.2f} apart as read, {mended:.0e} with the scaled frequencies put in by hand")
if kind != "default" or apart < 0.05 or mended > 1e-3:
    print("CHANGED")
    sys.exit(1)
print("as stated")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder"
