#!/usr/bin/env bash
# Inspect's cache of answers knows a model by its name only: model arguments are no part of the key. Local
# models are told apart by arguments (hf/local -M model_path=...), so with caching on a second checkpoint
# is given the first one's answers, and the evaluation of the two shows no difference. The same happens to
# a checkpoint that was retrained at the same path. Put a hash of the weights into the model's name.
# Seen with inspect_ai 0.3.285, with a provider of two lines so that no weights are needed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect-ai==0.3.285 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import asyncio
import sys

from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi


@modelapi(name="mine")
def mine():
    class Mine(ModelAPI):
        def __init__(self, model_name, base_url=None, api_key=None, config=GenerateConfig(), model_path=""):
            super().__init__(model_name, base_url, api_key, [], config)
            self.model_path = model_path

        async def generate(self, input, tools, tool_choice, config):
            return ModelOutput.from_content(self.model_name, f"I am {self.model_path}")

    return Mine


async def answers(cache):
    found = []
    for path in ("checkpoint-a", "checkpoint-b"):
        model = get_model("mine/local", model_path=path, memoize=False)
        found.append((await model.generate("Which checkpoint are you?", cache=cache)).completion)
    return found


plain, cached = asyncio.run(answers(False)), asyncio.run(answers(True))
print("without the cache:", plain)
print("with the cache:   ", cached)
as_stated = plain == ["I am checkpoint-a", "I am checkpoint-b"] and cached == ["I am checkpoint-a"] * 2
print("as stated" if as_stated else "CHANGED")
sys.exit(not as_stated)
PY
INSPECT_CACHE_DIR="$folder/cache" XDG_CACHE_HOME="$folder/cache" "$folder/venv/bin/python" "$folder/try.py"
