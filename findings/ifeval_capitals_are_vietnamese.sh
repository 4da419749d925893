#!/usr/bin/env bash
# IFEval's checks "all capitals" and "all lower case" also ask langdetect whether the text is English.
# langdetect is case-sensitive and knows little of capitals, so a correct English answer in capitals fails:
# "THE THAMES RUNS THROUGH LONDON." is taken for Vietnamese, whatever langdetect's seed. A model that follows
# the instruction with a short answer loses the point, so scores of short-winded models are too low.
# Seen with if-verifiable 0.1.2 (a packaging of Google's IFEval checks) and langdetect 1.0.9.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check if-verifiable==0.1.2 langdetect==1.0.9 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import sys

import langdetect
from if_verifiable import IFEvalSample, evaluate_output_for_sample


def passes(text: str, seed: int) -> bool:
    langdetect.DetectorFactory.seed = seed
    sample = IFEvalSample(1, "Name a river. Use capitals only.", ["change_case:english_capital"], [{}])
    (result,), _ = evaluate_output_for_sample("ifeval", sample, text)
    return result.strict_pass


wrong, right = "THE THAMES RUNS THROUGH LONDON.", "PARIS IS THE CAPITAL OF FRANCE."
seen = {text: [passes(text, seed) for seed in range(20)] for text in (wrong, right)}
for text, passed in seen.items():
    print(f"{text!r}: all capitals {text.isupper()}, passes with {sum(passed)} of 20 seeds, "
          f"langdetect says {langdetect.detect(text)!r} (in lower case {langdetect.detect(text.lower())!r})")
as_stated = not any(seen[wrong]) and all(seen[right])
print("as stated" if as_stated else "CHANGED")
sys.exit(not as_stated)
PY
"$folder/venv/bin/python" "$folder/try.py"
