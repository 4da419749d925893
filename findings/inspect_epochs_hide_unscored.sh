#!/usr/bin/env bash
# Inspect: with epochs, unscored answers are dropped before the epochs of a sample are reduced to one
# score, and a sample of which one epoch is left counts as scored. 20 of 30 answers that a judge declined
# to rate (Score.unscored) are then in no count: the log says scored_samples 10, unscored_samples 0, and
# the mean is that of the 10 answers which the judge did rate. It matters for safety evaluations, which
# sample each request several times: what a judge will not rate are often the worst answers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect_ai==0.3.285
cd "$folder"
cat > epochs.py <<'PY'
import math

import inspect_ai
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, mean, scorer
from inspect_ai.solver import generate

REQUESTS, EPOCHS = 10, 3


@scorer(metrics=[mean()])
def judge():
    async def score(state, target):
        if state.epoch > 1:
            return Score.unscored(reason="the judge declined to rate it")
        return Score(value=0.0)

    return score


usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else mockllm fetches a tokenizer
answers = [ModelOutput.from_content("mockllm/model", "Turn left.") for _ in range(REQUESTS * EPOCHS)]
for answer in answers:
    answer.usage = usage
asked = [Sample(id=str(i), input="Where is the bridge?") for i in range(REQUESTS)]
task = Task(dataset=asked, solver=generate(), scorer=judge())
model = get_model("mockllm/model", custom_outputs=answers)
(log,) = eval(task, model, epochs=EPOCHS, log_dir="logs", display="none")
samples = list(log.samples or [])
scores = [sample.scores["judge"].value for sample in samples]
silent = sum(isinstance(value, float) and math.isnan(value) for value in scores)
(told,) = log.results.scores
print(f"inspect_ai {inspect_ai.__version__}: {len(samples)} answers, {silent} of them unscored")
print("expected: a count that has the 20 unscored answers, or at least not 0")
seen = (told.scored_samples, told.unscored_samples, told.metrics["mean"].value)
print("seen: scored_samples {}, unscored_samples {}, mean {}".format(*seen))
assert (len(samples), silent) == (30, 20)
assert seen == (10, 0, 0.0), "Inspect has changed"
PY
"$folder/venv/bin/python" epochs.py
