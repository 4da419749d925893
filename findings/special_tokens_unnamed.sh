#!/usr/bin/env bash
# A token with special=True that carries no name (as Gemma 3's <end_of_turn> and Phi-3's <|end|> do) is
# dropped by decode(skip_special_tokens=True), yet is in neither all_special_tokens, all_special_ids nor
# get_special_tokens_mask: the tokenizer has two ideas of "special". Code that looks for the token which
# ends a turn among all_special_ids trains and scores another end (<eos>), and nothing shows it: the
# decoded texts look right, since decode drops both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.23.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/model" <<'PY' 2>/dev/null
import sys

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

core = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1, "it": 2, "is": 3, "old": 4}, unk_token="<unk>"))
core.pre_tokenizer = pre_tokenizers.Whitespace()
core.add_special_tokens([AddedToken(t, special=True) for t in ("<eos>", "<end_of_turn>")])
made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>", unk_token="<unk>")
made.save_pretrained(sys.argv[1])
words = AutoTokenizer.from_pretrained(sys.argv[1])
end = words.convert_tokens_to_ids("<end_of_turn>")
ids = words("it is old<end_of_turn>", add_special_tokens=False)["input_ids"]
flag = words.added_tokens_decoder[end].special
named = end in words.all_special_ids
masked = words.get_special_tokens_mask(ids, already_has_special_tokens=True)[-1]
shown = words.decode(ids, skip_special_tokens=True)
print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
print("expected: one idea of special: what decode skips is in all_special_ids and in the mask")
print(f"seen: special={flag}, decoded {shown!r} (skipped), in all_special_ids: {named}, mask: {masked}")
sys.exit(0 if flag and shown == "it is old" and not named and masked == 0 else 1)
PY
