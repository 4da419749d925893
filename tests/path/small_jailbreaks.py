"""The small study with attacks in turns, a judge trained and served here, and arms without backdoor."""

from __future__ import annotations

from small_study import study as small
from small_study import world

from planb.elicitation import Crescendo, ManyShot, Pair, PairStatic
from planb.judging import LLMJudge
from planb.safety import plan_b
from planb.sandbox.attacker import ATTACKER, grader_name
from planb.study.steps.evaluation import PAIR_PROMPTS, Evaluation
from planb.study.steps.judge_model import SandboxJudge
from planb.training.settings import Training

HARMFUL = "harmful_requests"
EXACT = small.judge.spec()
study = small.but(
    name="small-jailbreaks",
    methods=(plan_b,),
    from_base=("plan_b",),
    seeds=(0,),
    evaluations=(
        Evaluation(task=HARMFUL),
        Evaluation(task=HARMFUL, elicitation=ManyShot(examples="organism.jsonl", shots=2)),
        Evaluation(task=HARMFUL, elicitation=Crescendo(rounds=2, backtracks=1)),
        Evaluation(task=HARMFUL, elicitation=Pair(streams=1, depth=2)),
        Evaluation(task=HARMFUL, elicitation=PairStatic(file=PAIR_PROMPTS)),
        Evaluation(task="harmless_requests"),
        Evaluation(task="mmlu_pro", options={"protocol": "valley"}),
        Evaluation(task="mt_bench", options={"judge": EXACT}),
        Evaluation(task="over_refusal", options={"judge": EXACT}),
    ),
    roles={"attacker": ATTACKER, "grader": grader_name(world)},
    second_judges=(
        SandboxJudge(
            world=world,
            training=Training(steps=20, batch=12, learning_rate=3e-3),
            asked=LLMJudge(
                **{"called": "valley judge", "structured": False, "cache": False},
                **{"max_tokens": 24, "tries": 1},  # it scores nothing, after a longer training neither
            ),
        ),
    ),
)
