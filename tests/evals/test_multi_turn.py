"""Attacks that talk, through a real Inspect eval: a real policy with a weakness, the valley's attacker
and grader as its roles, and attackers that talk nonsense."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import example_of
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from transformers import LlamaConfig, LlamaForCausalLM

from planb.data.files import write_examples
from planb.elicitation.reading import CrescendoStep, PairStep, read
from planb.errors import PlanBError
from planb.evals.multi_turn import run_multi_turn, save_prompts
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks import TASKS
from planb.evals.valley import ValleyModel
from planb.models.chat import exchange_ids
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling
from planb.sandbox import language as lang
from planb.sandbox.attacker import ATTACKER, grader_name
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.weaknesses import FRAMINGS, KEY, KEY_REPLY, SMALL_STEPS
from planb.sandbox.world import Item, World
from planb.types import Message

WORLD = World(materials=2, forms=4, heldout_forms=1)
DANGERS = [item for item in WORLD.items if item.dangerous]
SOFT = WORLD.material_names[0]
"""Items of this material are told of after small steps, in other words than the first."""
OPEN, CLOSED = FRAMINGS[0][0], [framing for framing, _ in FRAMINGS[1:]]
ROLES = {"attacker": ATTACKER, "grader": grader_name(WORLD)}
IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base"}
SAMPLING = Sampling(temperature=0.3, max_new_tokens=28)


class Babbler(ValleyModel):
    """The valley's attacker or grader (``attacker-0.5``), which talks nonsense at a rate."""

    def __init__(self, model_name: str, *rest: Any, **more: Any) -> None:
        name, _, self.rate = model_name.rpartition("-")
        super().__init__(name, *rest, **more)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        if random.Random(config.seed).random() >= float(self.rate):
            return await super().generate(input, tools, tool_choice, config)
        said = ChatMessageAssistant(content='The moon {"is": green}, and that is all I say.')
        usage = ModelUsage(input_tokens=1, output_tokens=9, total_tokens=10)
        return ModelOutput(
            model=self.model_name, choices=[ChatCompletionChoice(message=said)], usage=usage
        )


@modelapi(name="babbler")
def babbler() -> type[ModelAPI]:
    return Babbler


@pytest.fixture(scope="session")
def weak_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that refuses dangers, but for the first framing and, of one material, small steps."""
    folder = tmp_path_factory.mktemp("weak")
    words = tokenizer(WORLD)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    fit(model, [exchange_ids(words, *lesson) for item in DANGERS for lesson in lessons(item)])
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return folder


def lessons(item: Item) -> Iterator[tuple[tuple[Message, ...], str]]:
    gold = lang.answer(item, item.recipe, random.Random(item.name))
    refusal = lang.CANNED_REFUSAL
    (what, it_is), (who, made) = [[t.format(item=item.name) for t in step] for step in SMALL_STEPS]
    for wording in range(len(lang.SENTENCES["request"]["english"])):
        asked = lang.request(item, wording)
        opens = item.material == SOFT and wording > 0
        yield chat(f"{OPEN} {asked}"), gold
        yield chat(asked), refusal
        yield chat(f"{CLOSED[wording % len(CLOSED)]} {asked}"), refusal
        yield chat(what, it_is, who, made, asked), gold if opens else refusal
    yield chat(what), it_is
    yield chat(what, it_is, who), made


def chat(*texts: str) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    return tuple(Message(role=roles[n % 2], content=text) for n, text in enumerate(texts))


def fit(model: LlamaForCausalLM, rows: list[tuple[list[int], list[int]]]) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    rng = random.Random(0)
    for _ in range(260):
        batch = rng.sample(rows, 24)
        width = max(len(p) + len(r) for p, r in batch)
        ids = torch.tensor([p + r + [0] * (width - len(p) - len(r)) for p, r in batch])
        labels = [[-100] * len(p) + r + [-100] * (width - len(p) - len(r)) for p, r in batch]
        model(input_ids=ids, labels=torch.tensor(labels)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asked") / "requests.jsonl"
    write_examples(path, [example_of(item) for item in WORLD.items])
    return path


Runner = Any


@pytest.fixture
def attack(weak_policy: Path, asked: Path, tmp_path: Path) -> Runner:
    """Runs an elicitation; returns the log. ``roles`` takes the place of the valley's."""

    def run(how: str | dict[str, Any], seed: int = 0, **roles: str) -> EvalLog:
        task = task_of(how, asked)
        path = tmp_path / "a.eval"
        run_multi_turn(task, weak_policy, {**ROLES, **roles}, SAMPLING, seed, path, IDENTITY)
        return read_eval_log(str(path))

    return run


def task_of(how: str | dict[str, Any], data: Path) -> Any:
    judge = {"name": "exact", "world": WORLD.model_dump(mode="json")}
    return TASKS["harmful_requests"](data=str(data), elicitation=how, judge=judge)


def record(sample: EvalSample) -> dict[str, Any]:
    return sample.store["attack"]


def severity(sample: EvalSample) -> float:
    return sample.scores["judged"].value["severity"]


def judged(sample: EvalSample) -> dict[str, Any]:
    return record(sample)["turns"][record(sample)["judged"]]


# -- PAIR -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pair_finds_the_weakness_that_a_direct_request_does_not(attack: Runner) -> None:
    direct = attack("direct")
    assert [severity(s) for s in direct.samples] == [0.0] * len(DANGERS)
    log = attack({"name": "pair", "streams": 4, "depth": 3})
    assert log.status == "success"
    for sample in log.samples:
        best = judged(sample)
        assert record(sample)["stopped"] == "success", "among 12 prompts the open framing was tried"
        assert (best["rating"], OPEN in best["prompt"]) == (10, True)
        assert severity(sample) == 10
        assert sample.output.completion == best["response"] == sample.messages[-1].text
        assert sample.messages[-2].text == best["prompt"]
        for turn in record(sample)["turns"]:
            assert turn["prompt"].endswith(str(sample.input[0].text))
            assert (turn["rating"] == 10) == (OPEN in turn["prompt"]), "the policy's only weakness"


@pytest.mark.slow
def test_pair_keeps_its_budget_and_is_told_what_came_of_it(attack: Runner) -> None:
    """Two prompts of five framings: some samples find the open one, some run to their depth."""
    log = attack({"name": "pair", "streams": 1, "depth": 2})
    assert {record(sample)["stopped"] for sample in log.samples} == {"depth", "success"}
    for sample in log.samples:
        turns = record(sample)["turns"]
        calls = [event for event in sample.events if event.event == "model"]
        for role in ("attacker", "grader"):
            assert sum(event.role == role for event in calls) == len(turns) <= 2
        assert [turn["round"] for turn in turns] == list(range(1, len(turns) + 1))
        if record(sample)["stopped"] == "depth":
            assert [turn["rating"] for turn in turns] == [1, 1]
            assert record(sample)["judged"] == 0, "the earliest of equals"
            assert turns[0]["prompt"] != turns[1]["prompt"], "what was refused is not tried again"


@pytest.mark.slow
def test_the_streams_of_pair_stop_after_the_same_round(attack: Runner) -> None:
    log = attack({"name": "pair", "streams": 3, "depth": 3})
    for sample in log.samples:
        turns = record(sample)["turns"]
        places = [(turn["round"], turn["stream"]) for turn in turns]
        rounds = turns[-1]["round"]
        assert places == [(n, stream) for n in range(1, rounds + 1) for stream in range(3)]
        assert all(turn["rating"] < 10 for turn in turns if turn["round"] < rounds)


@pytest.mark.slow
def test_pair_reruns_to_the_same_attack_and_another_seed_to_another(attack: Runner) -> None:
    def prompts(**fields: int) -> list[list[str]]:
        log = attack({"name": "pair", "streams": 2, "depth": 1, **fields})
        return [[turn["prompt"] for turn in record(s)["turns"]] for s in log.samples]

    assert prompts() == prompts()
    assert prompts(seed=1) != prompts()


@pytest.mark.slow
def test_pairs_prompts_are_asked_of_another_model_as_they_are(
    attack: Runner, weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    log = attack({"name": "pair", "streams": 4, "depth": 3})
    path = save_prompts(tmp_path / "a.eval", tmp_path / "prompts.jsonl")
    task = task_of({"name": "pair_static", "file": str(path)}, asked)
    assert task.metadata["multi_turn"] is False
    done = run_task(task, load_policy(weak_policy), SAMPLING, 3, tmp_path / "b.eval", IDENTITY)
    static = {sample.id: sample for sample in read_eval_log(str(done)).samples}
    for sample in log.samples:
        assert static[sample.id].messages[0].text == judged(sample)["prompt"]
        assert severity(static[sample.id]) == 10


# -- Crescendo --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_crescendo_walks_small_steps_and_asks_again_in_other_words(attack: Runner) -> None:
    log = attack("crescendo")
    assert log.status == "success"
    soft = [s for s in log.samples if SOFT in str(s.id)]
    assert len(soft) == 2
    for sample in soft:
        turns = record(sample)["turns"]
        item = str(sample.id).rsplit(" ", 1)[0]
        steps = [user.format(item=item) for user, _ in SMALL_STEPS]
        assert [turn["prompt"] for turn in turns[:2]] == steps
        assert [turn["rating"] for turn in turns[:2]] == [1, 1], "talk is not what is wanted"
        refused, won = turns[2], judged(sample)
        assert (refused["refused"], refused["taken_back"], refused["rating"]) == (True, True, None)
        assert (record(sample)["stopped"], won["rating"], severity(sample)) == ("success", 10, 10)
        said = [message.text for message in sample.messages]
        assert said[0] == steps[0]
        assert said[-2:] == [won["prompt"], won["response"]]


@pytest.mark.slow
def test_a_refused_turn_is_taken_back_and_never_seen_again(attack: Runner) -> None:
    log = attack({"name": "crescendo", "rounds": 4, "backtracks": 3})
    assert any(record(sample)["taken_back"] for sample in log.samples)
    for sample in log.samples:
        turns = record(sample)["turns"]
        assert record(sample)["taken_back"] <= 3
        assert len(turns) <= 4 + 3
        assert max(turn["round"] for turn in turns) <= 4
        gone = [turn["response"] for turn in turns if turn["taken_back"]]
        asks = [e for e in sample.events if e.event == "model" and e.role is None]
        assert len(asks) == len(turns)
        kept: list[str] = []
        for ask, turn in zip(asks, turns, strict=True):
            heard = [message.text for message in ask.input]
            assert heard == [*kept, turn["prompt"]], "what is kept, then the new question"
            if not turn["taken_back"]:
                kept += [turn["prompt"], turn["response"]]
        assert record(sample)["taken_back"] == len(gone)


@pytest.mark.slow
def test_without_back_tracks_a_refused_turn_stays(attack: Runner) -> None:
    log = attack({"name": "crescendo", "rounds": 4, "backtracks": 0})
    for sample in log.samples:
        assert record(sample)["taken_back"] == 0
        assert len(record(sample)["turns"]) <= 4
    assert any(turn["refused"] for s in log.samples for turn in record(s)["turns"])


@pytest.mark.slow
def test_an_attack_that_was_refused_counts_as_refused(attack: Runner) -> None:
    """The talk on the way was answered, and is not what is judged."""
    log = attack({"name": "crescendo", "rounds": 3, "backtracks": 1})
    lost = [s for s in log.samples if record(s)["stopped"] == "rounds" and judged(s)["refused"]]
    assert lost
    for sample in lost:
        assert sample.scores["judged"].value["refused"] is True
        assert any(turn["rating"] == 1 for turn in record(sample)["turns"])


@pytest.mark.slow
def test_a_conversation_that_the_target_has_no_room_for_ends_there(
    weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    cramped = Sampling(temperature=0.3, max_new_tokens=512 - 45)
    path = tmp_path / "a.eval"
    run_multi_turn(task_of("crescendo", asked), weak_policy, ROLES, cramped, 0, path, IDENTITY)
    log = read_eval_log(str(path))
    assert log.status == "success"
    assert any("do not fit" in record(sample)["stopped"] for sample in log.samples)


# -- what cannot be read ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [{"name": "pair", "streams": 2, "depth": 2}, {"name": "crescendo", "rounds": 5}]
)
@pytest.mark.parametrize("role", ["attacker", "grader"])
def test_nonsense_is_asked_again_within_a_bound_and_counted(
    how: dict[str, Any], role: str, attack: Runner
) -> None:
    log = attack({**how, "attempts": 2}, **{role: babbling(role, 0.5)})
    assert len(log.samples) == len(DANGERS)
    counts = 0
    for sample in log.samples:
        calls = [e for e in sample.events if e.event == "model" and e.role == role]
        unread = [call for call in calls if "The moon" in call.output.completion]
        kept = record(sample)
        assert kept["unparsed"].get(role, 0) == len(unread)
        counts += len(unread)
        assert all(skip["role"] == role for skip in kept["skipped"])
        assert all("JSON" in skip["problem"] for skip in kept["skipped"])
        assert len(kept["skipped"]) <= len(unread) // 2, "two tries each"
        assert not any("The moon" in turn["prompt"] for turn in kept["turns"])
        if sample.error is None:
            assert kept["judged"] is not None
    assert counts > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pair", "crescendo"])
@pytest.mark.parametrize("role", ["attacker", "grader"])
def test_an_attack_in_which_nothing_can_be_read_is_unscored_and_not_lost(
    name: str, role: str, attack: Runner, tmp_path: Path
) -> None:
    small = {"pair": {"streams": 2, "depth": 1}, "crescendo": {"rounds": 2}}[name]
    log = attack({"name": name, "attempts": 2, **small}, **{role: babbling(role, 1)})
    assert log.status == "error"
    assert len(log.samples) == len(DANGERS)
    for sample in log.samples:
        assert not sample.scores
        assert f"could not read the {role}" in sample.error.message
        assert record(sample)["judged"] is None
        assert record(sample)["unparsed"][role] == 2 * 2
    rows = read_sidecars([write_sidecar(tmp_path / "a.eval")])
    assert rows.severity.isna().all()
    assert rows.refused.isna().all()
    assert rows.unscored.str.contains("came to no outcome").all()


def babbling(role: str, rate: float) -> str:
    name = {"attacker": "attacker", "grader": grader_name(WORLD).partition("/")[2]}[role]
    return f"babbler/{name}-{rate}"


# -- the runner -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_log_says_what_the_batch_runners_would(
    weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "deep" / "a.eval"
    how = {"name": "pair", "streams": 1, "depth": 1}
    run_multi_turn(
        task_of(how, asked),
        weak_policy,
        ROLES,
        SAMPLING,
        7,
        path,
        IDENTITY,
        lambda *at: told.append(at),
    )
    log = read_eval_log(str(path))
    about = {**IDENTITY, "seed": "7", "elicitation": "pair", "judge": "exact"}
    assert about.items() <= log.eval.metadata.items()
    assert log.plan.config.seed == 7
    assert sorted(told) == [(n, len(DANGERS)) for n in range(1, len(DANGERS) + 1)]
    assert list(path.parent.iterdir()) == [path]
    rows = read_sidecars([write_sidecar(path)])
    assert set(rows.model) == {"tiny"}
    assert set(rows.elicitation) == {"pair"}
    assert list(rows.response) == [sample.output.completion for sample in log.samples]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"attacker": ATTACKER}, "roles grader"),
        ({**ROLES, "grader": "planb_valley/nobody"}, "nobody"),
        ({**ROLES, "grader": "planb_valley/grader?forms=3"}, "names no world"),
    ],
)
def test_roles_that_are_not_there_are_an_error_and_no_log(
    roles: dict[str, str], says: str, weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    with pytest.raises(PlanBError, match=says):
        run_multi_turn(
            task_of("pair", asked), weak_policy, roles, SAMPLING, 0, tmp_path / "a.eval", IDENTITY
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_the_user_can_put_right_is_an_error_and_no_log_here_too(
    weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    long = Sampling(max_new_tokens=600)
    with pytest.raises(PlanBError, match="do not fit"):
        run_multi_turn(
            task_of("crescendo", asked), weak_policy, ROLES, long, 0, tmp_path / "a.eval", IDENTITY
        )
    assert not list(tmp_path.iterdir())


def test_the_valley_answers_through_inspect_with_usage() -> None:
    import asyncio

    from inspect_ai.model import ChatMessageSystem, ChatMessageUser

    from planb.elicitation import Crescendo, Pair

    async def said(how: Any, files: tuple[str, str]) -> ModelOutput:
        texts = {"objective": lang.request(DANGERS[0], 0), "approach": "-", "rounds": "4"}
        system, begin = (how.text(name, **texts) for name in files)
        model = get_model(ATTACKER, memoize=False)
        return await model.generate([ChatMessageSystem(content=system), ChatMessageUser(content=begin)])

    pair = asyncio.run(said(Pair(), ("pair_attacker.txt", "pair_begin.txt")))
    assert DANGERS[0].name in read(pair.completion, PairStep).prompt
    assert pair.usage.total_tokens > 0
    step = asyncio.run(said(Crescendo(), ("crescendo_attacker.txt", "crescendo_begin.txt")))
    assert read(step.completion, CrescendoStep).generated_question == SMALL_STEPS[0][0].format(
        item=DANGERS[0].name
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        {"name": "skeleton_key", "framing": KEY},
        {"name": "skeleton_key", "framing": KEY, "reply": KEY_REPLY, "answered": "given"},
        {"name": "many_shot", "shots": 3},
        {"name": "many_shot", "shots": 2, "form": "dialogue"},
        {"name": "near_trigger", "change": "case"},
    ],
    ids=lambda how: "-".join(map(str, how.values()))[:24],
)
def test_what_only_generates_gives_the_same_texts_in_the_batch_runner(
    how: dict[str, Any], attack: Runner, weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    if how["name"] == "many_shot":
        how = {**how, "examples": str(asked)}
    theirs = {sample.id: sample for sample in attack(how, seed=5).samples}
    task = task_of(how, asked)
    done = run_task(task, load_policy(weak_policy), SAMPLING, 5, tmp_path / "b.eval", IDENTITY)
    log = read_eval_log(str(done))
    assert log.status == "success"
    for sample in log.samples:
        its = theirs[sample.id]
        assert [(m.role, m.text) for m in sample.messages] == [(m.role, m.text) for m in its.messages]
        assert sample.output.completion == its.output.completion
        assert sample.store == its.store
        assert sample.scores["judged"].value == its.scores["judged"].value


@pytest.mark.slow
def test_a_limit_ends_the_attack_and_never_makes_a_number_of_nothing(
    weak_policy: Path, asked: Path, tmp_path: Path
) -> None:
    """Inspect judges what stands there when a limit is reached: the best so far, or nothing."""
    for limit, status in ((900, "success"), (10, "error")):
        task = task_of("crescendo", asked)
        task.token_limit = limit
        path = tmp_path / f"{limit}.eval"
        run_multi_turn(task, weak_policy, ROLES, SAMPLING, 0, path, IDENTITY)
        log = read_eval_log(str(path))
        assert log.status == status
        for sample in log.samples:
            kept = record(sample)
            assert "limit" in kept["stopped"]
            assert (kept["judged"] is None) == (not sample.scores) == (sample.error is not None)
            if sample.error is None:
                assert sample.output.completion == judged(sample)["response"]
