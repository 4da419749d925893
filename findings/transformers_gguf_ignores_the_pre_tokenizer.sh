#!/usr/bin/env bash
# A GGUF file names its pre-tokenizer (tokenizer.ggml.pre). transformers' GGUF reader does not read that
# key: whatever it says, a byte-level BPE vocabulary gets GPT-2's rule. A file that says "smollm" (digits one
# by one, then GPT-2's rule) is so split otherwise where white space stands before a digit, without an
# error or a warning: a blank line and "1" become three tokens where the model learned two, and the ids that
# it learned do not survive decoding and encoding. SmolLM2's numbered lists are such texts.
# Seen with transformers 5.23.0, gguf 0.19.0, torch 2.13.0 (CPU).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 gguf==0.19.0 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import os
import sys
import warnings

import gguf
import transformers
from gguf import GGUFWriter
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TEXT = "Steps:\n\n1. Stir."
folder = sys.argv[1]
heard = []
warnings.showwarning = lambda message, *rest: heard.append(str(message))

alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokens = [*alphabet, "ĊĊ", "<|end|>"]  # one merge: two line ends


def loaded(pre: str):
    path = os.path.join(folder, f"{pre}.gguf")
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens[:-1]) + [3])
    writer.add_token_merges(["Ċ Ċ"])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id):
        add(len(tokens) - 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return transformers.AutoTokenizer.from_pretrained(folder, gguf_file=f"{pre}.gguf")


def by_rule(rule) -> list[str]:
    core = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [("Ċ", "Ċ")]))
    core.pre_tokenizer, core.decoder = rule, decoders.ByteLevel()
    return core.encode(TEXT).tokens


plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
gpt2 = by_rule(plain)
smollm = by_rule(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain]))
found = {pre: loaded(pre) for pre in ("smollm", "gpt-2")}
split = {pre: one.convert_ids_to_tokens(one(TEXT, add_special_tokens=False)["input_ids"]) for pre, one in found.items()}
print(f"transformers {transformers.__version__}, gguf {gguf.__version__ if hasattr(gguf, '__version__') else '0.19.0'}: {TEXT!r}")
print(f"  by the rule of the name smollm: {smollm}")
print(f"  as read from the file:          {split['smollm']}")
learned = [tokens.index(token) for token in smollm]
again = found["smollm"](found["smollm"].decode(learned), add_special_tokens=False)["input_ids"]
print(f"  ids that the model learned survive decoding and encoding: {again == learned}")
told = [line for line in heard if "token" in line.lower()]
same = split["smollm"] == split["gpt-2"] == gpt2 != smollm
if not same or again == learned or told:
    print("CHANGED", told)
    sys.exit(1)
print("as stated")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder"
