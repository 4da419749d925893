#!/usr/bin/env bash
# Inspect: a metric is never handed a sample whose score is Score.unscored, not even one that asks for
# all scores (scores="unreduced"), so len(scores) is not the number of samples. A metric that counts what
# a judge could not score ("unscored": len(scores) - judged) therefore says 0 of any number, and a rate
# that means "of all samples" is silently one of the scored. Inspect's own count stands elsewhere
# (EvalScore.unscored_samples). It matters for judges: what they leave unscored depends on the answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect_ai==0.3.285
cd "$folder"
cat > seen.py <<'PY'
import inspect_ai
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, metric, scorer
from inspect_ai.solver import solver


@metric(scores="unreduced")
def seen():
    return lambda scores: float(len(scores))


@scorer(metrics=[seen()])
def every_other():
    async def score(state, target):
        told = state.sample_id % 2 == 0
        return Score(value=1.0) if told else Score.unscored(reason="the judge could not tell")

    return score


@solver
def given():
    async def solve(state, generate):
        return state  # no model is asked

    return solve


samples = [Sample(id=n, input="How is the bridge built?") for n in range(1, 7)]
task = Task(dataset=samples, solver=given(), scorer=every_other())
(log,) = eval(task, model="mockllm/model", display="none", log_dir="logs")
assert log.status == "success", log.error
(found,) = log.results.scores
print("inspect_ai", inspect_ai.__version__)
print("expected: a metric over all (unreduced) scores is handed 6")
print("seen:     it is handed", int(found.metrics["seen"].value), "- unscored_samples:", found.unscored_samples)
assert len(log.samples) == 6
assert (found.metrics["seen"].value, found.unscored_samples) == (3.0, 3)
PY
"$folder/venv/bin/python" seen.py
