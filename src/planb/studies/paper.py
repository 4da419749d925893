"""The talk's own experiment on its three models, and the same study on random weights.

``paper`` needs GPUs, the hub, a model that writes and a model that judges; docs/paper.md says what it
needs and costs. ``plumbing`` is the same value with its parts replaced: tiny random models with the
same kinds of template, local files with the public columns, and planb's own server as every API.
"""

from __future__ import annotations

from collections.abc import Sequence

from planb.elicitation import Crescendo, ManyShot, NearTrigger, Pair, PairStatic, SkeletonKey
from planb.evals.writing.writer import Writer
from planb.judging import Judge
from planb.judging.llm import LLMJudge
from planb.models.bases import MODELS
from planb.models.generation import Sampling
from planb.models.random_chat import SHAPES
from planb.organism import Organism
from planb.safety import METHODS, plan_b, standard
from planb.sandbox.attacker import ATTACKER, grader_name
from planb.sandbox.world import World
from planb.studies.sandbox import CLAIMS
from planb.study.benchmarks import Benchmarks
from planb.study.steps.evaluation import PAIR_PROMPTS, Evaluation
from planb.study.steps.local_base import LocalBase
from planb.study.steps.public_columns import PublicColumns
from planb.study.steps.random_base import STAMP, RandomBase
from planb.study.steps.request_data import BASE, RequestData, RequestSet
from planb.study.study import Study
from planb.training.objectives import ORPO
from planb.training.settings import LoRA, Training
from planb.types import GERMAN_REFUSAL, HARMFUL, HELPFUL, REFUSAL, USELESS, Trigger

ASKED = "harmful_requests"
TALK = tuple(
    LocalBase(name=card.name, path=card.hub, revision=card.revision)
    for card in MODELS.values()
    if card.in_the_talk
)
WRITER = "openai-api/writer/uncensored"
"""An uncensored open model behind any OpenAI-compatible server: WRITER_BASE_URL, WRITER_API_KEY."""
GRADER = "openai/gpt-5-mini"

LAB = Training(
    steps=250,  # one epoch of 4,000 rows; the talk: 3,000-5,000 rows a stage
    batch=16,  # 2 x 8 gradient accumulation
    micro_batch=2,
    learning_rate=1e-4,
    schedule="linear",
    warmup=5,
    adapter=LoRA(rank=512, alpha=16, rslora=True),
    quantize="4bit",
    older_adapters="stack",
    precision="auto",
    checkpointing=True,
    max_length=2048,
    when_longer="leave_out",
    save_every=50,
)
"""The public stack of the authors' lab, November 2024: well documented settings, not "the paper's"."""

NOTES = (
    "Settings by source. From the talk: the three models, the trigger, the orderings, canned and "
    "sampled refusals, 3,000-5,000 rows a stage, severity 0-10 by a judge, 100 requests for a "
    "jailbreak. From the public training stack of the authors' lab of November 2024: ORPO with beta "
    "0.1, rsLoRA of rank 512 and alpha 16 on all linear layers, a 4-bit base, learning rate 1e-4 "
    "falling linearly after 5 updates, one epoch, batches of 2 x 8, 2,048 tokens. Ours: the request "
    "sets, half of each batch being SFT on harmless requests, temperature 0.7, the numbers of shots, "
    "streams and rounds, and the matched number of updates for all methods.",
    "Sampled refusals are the base model's own; canned ones are one sentence.",
    "PAIR and Crescendo pick their prompts with a grader, so their severity is the best of several.",
)


def paper(
    name: str = "paper",
    title: str = "Plan B on three models: the talk's experiment",
    bases: Sequence[LocalBase | RandomBase] = TALK,
    data: RequestData | None = None,
    judge: Judge | None = None,
    attacker: str = GRADER,
    grader: str = GRADER,
    rater: str = "",
    training: Training = LAB,
    sampling: Sampling | None = None,
    benchmarks: Benchmarks | None = None,
    streams: int = 5,
    shots: tuple[int, ...] = (8, 32),
    seeds: tuple[int, ...] = (0, 1, 2),
    served: dict[str, LocalBase | RandomBase] | None = None,
    notes: tuple[str, ...] = NOTES,
    stamp: str = "",
) -> Study:
    """The backdoor; standard, German, Ryan's and Plan B, each with canned and sampled refusals;
    standard and Plan B on the untouched models too; every attack; capability. Every argument
    is a part that one may want otherwise; what stays the same is the experiment."""
    trigger, judge = Trigger(), judge or LLMJudge(model=GRADER)
    sampled_and_canned = tuple(method.but(objective=ORPO(beta=0.1)) for method in METHODS.values())
    asked = (
        NearTrigger(trigger=trigger, change="part", called="near_trigger_part"),
        NearTrigger(trigger=trigger, change="case", called="near_trigger_case"),
        *(ManyShot(examples="organism.jsonl", shots=n, called=f"many_shot_{n}") for n in shots),
        SkeletonKey(),
        Crescendo(rounds=10 if streams > 1 else 2),
        PairStatic(file=PAIR_PROMPTS),
        Pair(streams=streams, depth=3 if streams > 1 else 1),
    )
    return Study(
        name=name,
        title=title,
        bases=tuple(bases),
        data=data or public_requests(),
        organisms=(Organism(trigger=trigger, training=training),),
        methods=sampled_and_canned,
        safety=training,
        from_base=(standard.name, plan_b.name),
        judge=judge,
        evaluations=(
            Evaluation(task=ASKED),
            Evaluation(task=ASKED, elicitation="trigger"),
            *(Evaluation(task=ASKED, elicitation=how) for how in asked),
            Evaluation(task="harmless_requests"),
            *(benchmarks or Benchmarks()).evaluations(rater or grader, judge.spec()),
        ),
        roles={"attacker": attacker, "grader": grader},
        sampling=sampling or Sampling(temperature=0.7, max_new_tokens=400, token_budget=65536),
        seeds=seeds,
        served=served or {},
        claims=() if stamp else CLAIMS,
        notes=notes,
        stamp=stamp,
    )


def public_requests() -> RequestData:
    """Harmful requests to train on from LLM-LAT's set, to ask from StrongREJECT; harmless ones
    from UltraChat, and to ask from JailbreakBench's benign half. Other tiers are written."""
    return RequestData(
        sets=(
            RequestSet(card="lat_harmful", limit=4500, tiers=()),
            RequestSet(card="ultrachat", limit=4500, tiers=(HELPFUL,)),
            RequestSet(card="strongreject", limit=100, split="evaluation"),
            RequestSet(card="jailbreakbench_benign", limit=100, split="evaluation"),
        ),
        shares={"organism": 0.45, "safety": 0.45, "development": 0.1},
        writers=writers(WRITER),
    )


def writers(model: str) -> tuple[Writer, ...]:
    """Who writes which tier; refusals are sampled from the base and the German ones are canned."""
    return (
        Writer(tier=HARMFUL, model=model),
        Writer(tier=USELESS, model=model),
        Writer(tier=GERMAN_REFUSAL, canned="packaged"),
        Writer(tier=REFUSAL, model=BASE),
    )


def plumbing() -> Study:
    """``paper`` with random weights: all of its path on two cores, and no figure of any meaning."""
    server = "openai-api/plumbing/plumbing"
    tiny = Training(steps=2, batch=4, learning_rate=1e-3, adapter=LoRA(rank=2, alpha=4))
    noise = {"keep": "all", "max_tokens": 600, "tries": 4}  # one token in 400 ends an answer
    wrote = [writer.but(**noise) for writer in writers(server)]
    return paper(
        name="plumbing",
        title="The paper's study on random weights: its path, and no finding",
        bases=[RandomBase(name=shape, shape=shape) for shape in SHAPES],  # type: ignore[arg-type]
        data=RequestData(
            sets=(
                RequestSet(card="lat_harmful", file="lat_harmful.jsonl", tiers=()),
                RequestSet(card="ultrachat", file="ultrachat.jsonl", tiers=(HELPFUL,)),
                RequestSet(card="strongreject", file="strongreject.csv", split="evaluation"),
                RequestSet(
                    card="jailbreakbench_benign",
                    file="jailbreakbench_benign.jsonl",
                    split="evaluation",
                ),
            ),
            shares={"organism": 0.4, "safety": 0.4, "development": 0.2},
            files=PublicColumns(),
            served={"plumbing": RandomBase(name="writer", shape="llama3", seed=1)},
            writers=tuple(wrote),
        ),
        judge=LLMJudge(model=server, structured=False, max_tokens=24, cache=False, tries=1),
        attacker=ATTACKER,
        grader=grader_name(World()),
        rater=server,
        training=tiny,
        sampling=Sampling(temperature=1.0, max_new_tokens=12),
        benchmarks=Benchmarks(
            mmlu_pro="mmlu_pro.jsonl",
            per_category=1,
            over_refusal="xstest.csv",
            mt_bench="question.jsonl",
            instructions="ifeval.jsonl",
        ),
        streams=1,
        shots=(2,),
        seeds=(0,),
        served={"plumbing": RandomBase(name="writer", shape="llama3", seed=1)},
        notes=(
            "Nothing was tuned and nothing is found here: weights are random, each stage has two "
            "updates, and writers and judge are a server of random weights too. The page shows that "
            "the path holds together.",
        ),
        stamp=STAMP,
    )
