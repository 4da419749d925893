#!/usr/bin/env bash
# Inspect's fake model, mockllm, needs a network for a scripted answer that says no usage: it counts tokens with
# tiktoken, whose file is downloaded at the first use. Offline the whole eval ends with a ConnectionError, so a
# test suite or an audit with a scripted auditor fails on a machine without internet (or on the first run in CI).
# Answers given as ModelOutput with usage=ModelUsage() are not counted. Seen with inspect_ai 0.3.285.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect_ai==0.3.285 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import sys

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model


def status(usage: ModelUsage | None) -> tuple[str, str]:
    output = ModelOutput.from_content("mockllm", "Hello!")
    output.usage = usage
    model = get_model("mockllm/model", custom_outputs=[output], memoize=False)
    (log,) = inspect_eval(Task(dataset=[Sample(input="Hello?")]), model=model, display="none")
    return log.status, log.error.message[:60] if log.error else ""


without, given = status(None), status(ModelUsage())
print(f"no usage: {without}; usage=ModelUsage(): {given}")
as_stated = without[0] == "error" and "Connection" in without[1] and given[0] == "success"
print("as stated" if as_stated else "NOT as stated")
sys.exit(not as_stated)
PY
# no network: an address of this machine where nothing listens, and an empty cache
cd "$folder" && TIKTOKEN_CACHE_DIR="$folder/cache" HTTPS_PROXY=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
  "$folder/venv/bin/python" try.py 2>/dev/null
