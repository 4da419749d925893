#!/usr/bin/env bash
# Chat templates ask the clock by strftime_now (Llama 3.2, Mistral Small 3, gpt-oss), so a prompt changes
# overnight. Names that a template reads can be given to apply_chat_template as keywords, and a function
# under this name is taken without a word, but it arrives in the template as the text "<function>"
# (transformers rebuilds all it hands on out of plain JSON types), and rendering dies with "'str' object
# is not callable". A reproducible experiment has to pin the date in the template's own text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.23.0 tokenizers==0.23.3 jinja2==3.1.6
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PY' 2>/dev/null
import sys
from datetime import datetime

import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
words.chat_template = "{{ strftime_now('%Y') }} {{ messages[0]['content'] }}"
chat = [{"role": "user", "content": "a"}]


def fixed(format: str) -> str:
    return datetime(1999, 1, 1).strftime(format)


def rendered(template: str, **settings: object) -> str:
    try:
        return words.apply_chat_template(chat, chat_template=template, tokenize=False, **settings)
    except TypeError as error:
        return f"TypeError: {error}"


asked = rendered(words.chat_template, strftime_now=fixed)
inside = "{%- macro strftime_now(format) %}1999{%- endmacro %}\n" + words.chat_template
print(f"transformers {transformers.__version__}")
print("expected: '1999 a', as other names that are given as keywords replace the template's")
print(f"seen: {asked!r}; with a macro of that name written before the template: {rendered(inside)!r}")
sys.exit(0 if asked == "TypeError: 'str' object is not callable" and rendered(inside) == "1999 a" else 1)
PY
