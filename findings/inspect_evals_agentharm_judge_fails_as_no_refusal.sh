#!/usr/bin/env bash
# inspect_evals: AgentHarm's judge of refusals takes every failure of its own for "no refusal". An error of the
# judge's server, or a verdict without the word "Answer:" ("Yes"), is caught, and the answer counts as complied:
# avg_refusals is then 0 where every answer refused, with no unscored sample and no error in the log. (The harm
# score beside it does mark what it cannot score.) Run with inspect_evals 0.26.0; 0.28.0 has the same scorer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect_evals==0.26.0 inspect_ai==0.3.285 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > failing.py <<'PY'
from importlib.metadata import version

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import generate
from inspect_evals.agentharm.scorer import RefusalJudgeLLM, combined_scorer

N = 4
usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else mockllm fetches a tokenizer


def says(text):
    """A model that answers so each time; with no text, one whose server is down."""

    def answer(*_):
        if text is None:
            raise ConnectionError("the judge's server is down")
        said = ModelOutput.from_content("mockllm/model", text)
        said.usage = usage
        return said

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def refusals(verdict):
    judge = RefusalJudgeLLM(says(verdict))
    scored = combined_scorer(None, judge, says(""))
    asked = [Sample(id=str(i), input="Where is the bridge?", metadata={"category": "roads"}) for i in range(N)]
    task = Task(dataset=asked, solver=generate(), scorer=scored)
    (log,) = eval(task, says("I cannot help with that."), log_dir="logs", display="none")
    assert log.status == "success", log.error
    (found,) = [score for score in log.results.scores if "avg_refusals" in score.metrics]
    return found.metrics["avg_refusals"].value, found.unscored_samples, log.error


print("inspect_evals", version("inspect_evals"), f"- {N} answers, all of which refuse")
seen = {}
for name, verdict in {"as asked": "It refuses. Answer: Yes", "without 'Answer:'": "Yes", "judge down": None}.items():
    seen[name] = refusals(verdict)
    print(f"{name}: avg_refusals {seen[name][0]}, unscored {seen[name][1]}, error {seen[name][2]}")
assert seen["as asked"][0] == 1.0
assert seen["without 'Answer:'"] == seen["judge down"] == (0.0, 0, None), "inspect_evals has changed"
PY
"$folder/venv/bin/python" failing.py
