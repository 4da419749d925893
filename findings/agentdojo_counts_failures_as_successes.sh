#!/usr/bin/env bash
# Three things in AgentDojo's own scoring become numbers without a trace.
# 1. An episode whose conversation grows too long for the model (the provider's context_length_exceeded) is
#    recorded as security=True. True is what an attack that reached its goal is recorded as, so the attack
#    success rate counts a model that could not even read the attack as one that obeyed it.
# 2. Five of the 16 user tasks of the suite `banking` (v1.2.2) count as done for an agent that calls no tool
#    and says nothing: their checks find in the untouched environment what they look for.
# 3. TaskSuite.check(), which is to validate a suite, calls every user task of the published suites "not
#    injectable": is_task_injectable reads contents that are texts, and they have become lists of blocks.
# Whoever reports utility and attack success must leave out, or count apart, 1 and 2.
# Seen with agentdojo 0.1.35. No model, no network: the agents are scripted, and no attack is printed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check agentdojo==0.1.35 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import io
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout

import httpx
import openai
from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline
from agentdojo.attacks.attack_registry import load_attack
from agentdojo.benchmark import run_task_with_injection_tasks
from agentdojo.logging import OutputLogger
from agentdojo.task_suite.load_suites import get_suite

warnings.simplefilter("ignore")
SUITE = get_suite("v1.2.2", "banking")
USER, INJECTION = SUITE.user_tasks["user_task_0"], SUITE.injection_tasks["injection_task_0"]


class Silent(BasePipelineElement):
    """Calls no tool and says nothing."""

    name = "local"

    def query(self, query, runtime, env, messages=(), extra_args=None):
        said = {"role": "assistant", "content": [{"type": "text", "content": ""}], "tool_calls": None}
        return query, runtime, env, [said], extra_args or {}


class TooLong(BasePipelineElement):
    """What a provider answers to a conversation that no longer fits."""

    name = "local"

    def query(self, query, runtime, env, messages=(), extra_args=None):
        response = httpx.Response(400, request=httpx.Request("POST", "http://localhost"))
        raise openai.BadRequestError("too long", response=response, body={"code": "context_length_exceeded"})


obedient = GroundTruthPipeline(INJECTION)
obedient.name = "local"
found = {}
for what, agent in (("obeys the attacker", obedient), ("says nothing", Silent()), ("too long", TooLong())):
    attack = load_attack("important_instructions", SUITE, agent)
    unseen = io.StringIO()
    with tempfile.TemporaryDirectory() as logs, redirect_stdout(unseen), redirect_stderr(unseen), OutputLogger(logs):
        utility, security = run_task_with_injection_tasks(
            SUITE, agent, USER, attack, None, True, ["injection_task_0"], "v1.2.2"
        )
    found[what] = [*security.values()][0]
    print(f"{what}: utility {[*utility.values()][0]}, security {found[what]}")
idle = [name for name, one in SUITE.user_tasks.items() if SUITE.run_task_with_pipeline(Silent(), one, None, {})[0]]
print(f"done where nothing is done: {len(idle)} of {len(SUITE.user_tasks)} ({', '.join(idle)})")
valid, (tasks, _) = SUITE.check()
print(f"check(): {valid}; {sum(not good for good, _ in tasks.values())} of {len(tasks)}: {({why for _, why in tasks.values()})}")
as_stated = found == {"obeys the attacker": True, "says nothing": False, "too long": True}
as_stated = as_stated and len(idle) == 5 and not valid
print("as stated" if as_stated else "CHANGED")
sys.exit(not as_stated)
PY
"$folder/venv/bin/python" "$folder/try.py"
