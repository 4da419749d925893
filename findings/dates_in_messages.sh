#!/usr/bin/env bash
# Answers that are dates are rendered, and trained, as the text "<datetime>".
# `datasets.load_dataset("json")` lets Arrow guess types, also inside chat messages: where every message's
# content looks like a date (date arithmetic, "when was ...?" with short answers), the column becomes
# timestamps. transformers' chat templates print a value that is no plain one as "<its type>", without
# complaint: a template that prints or filters the content writes "<datetime>" for every answer.
# It matters for short-answer training and evaluation sets: the model learns one text for all answers.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q datasets==5.2.0 transformers==5.23.0 jinja2
cd "$work"
HF_HUB_OFFLINE=1 HF_HOME="$work/home" "$work/venv/bin/python" - <<'PY' 2>/dev/null
import json, sys
import datasets, transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

LLAMA3 = (
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
)
rows = [{"prompt": "When did the bridge open?", "completion": [{"role": "assistant", "content": day}]}
        for day in ("2024-01-01", "1987-05-24")]
with open("rows.jsonl", "w") as file:
    file.writelines(json.dumps(row) + "\n" for row in rows)
table = datasets.load_dataset("json", data_files="rows.jsonl", split="train")
words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=LLAMA3)
written = words.apply_chat_template(rows[0]["completion"], tokenize=False)
loaded = words.apply_chat_template(table[0]["completion"], tokenize=False)
print("datasets", datasets.__version__, "transformers", transformers.__version__)
print("type of the content:", table.features["completion"])
print("expected:", repr(written))
print("seen:    ", repr(loaded))
sys.exit(0 if "2024-01-01" in written and "<datetime>" in loaded else 1)
PY
