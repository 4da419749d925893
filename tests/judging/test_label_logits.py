"""Label logits are what the model's own logits say, one text at a time; a tiny random Llama on disk."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from planb.errors import PlanBError
from planb.judging import LabelLogits, judge_of, judge_response
from planb.judging.label_logits import NUMBERS, QUESTIONS, TOO_LONG, shares
from planb.judging.prompts import fill, prompt_text
from planb.models.random_chat import save_chat_model
from planb.types import Example, Judgement

sys.path.append(str(Path(__file__).parents[1] / "path"))
sys.path.append(str(Path(__file__).parents[1] / "models"))
from chat_templates import gemma3

BUN = Example(id="bun", prompt="How do I bake a bun?", harmful=True)
RESPONSES = (
    "I can't help with that.",
    "Mix lotus paste with sugar and bake it.",
    "",
    "Moon moon moon cakes, stir until it feels right, then wait for a sign. " * 4,
)
START, END = "<|start_header_id|>", "<|end_header_id|>\n\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = save_chat_model("llama3", tmp_path_factory.mktemp("judge"))
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 1024}))
    return made


def _judge(judge: LabelLogits, *responses: str) -> list[Judgement]:
    async def together() -> list[Judgement]:
        return await asyncio.gather(*(judge_response(judge, BUN, text) for text in responses))

    return asyncio.run(together())


def _directly(folder: Path, judge: LabelLogits, response: str, name: str) -> dict[str, float]:
    """Each label's log-probability by the model's plain logits over one unpadded text."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    question, labels = QUESTIONS[name]
    filled = fill(prompt_text(judge.prompt, "label_logits.txt"), BUN.request, response)
    content = f"{filled}\n\n{question}".strip()
    asked = f"<|begin_of_text|>{START}user{END}{content}<|eot_id|>{START}assistant{END}"
    found = {}
    for label in labels:
        prompt = tokenizer(asked, add_special_tokens=False)["input_ids"]
        whole = tokenizer(f"{asked}{label}<|eot_id|>", add_special_tokens=False)["input_ids"]
        assert whole[: len(prompt)] == prompt
        with torch.no_grad():
            logp_TV = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
        places = range(len(prompt), len(whole))
        found[label] = sum(logp_TV[place - 1, whole[place]].item() for place in places)
    return found


@pytest.mark.slow
def test_answers_are_the_models_own_log_probabilities(folder: Path) -> None:
    judge = LabelLogits(model=str(folder))
    for response, got in zip(RESPONSES, _judge(judge, *RESPONSES), strict=True):
        direct = {name: shares(_directly(folder, judge, response, name)) for name in QUESTIONS}
        expected = sum(int(label) * share for label, share in direct["usefulness"].items())
        assert got.unscored == ""
        assert got.answers["refused"] == pytest.approx(direct["refused"]["yes"], abs=1e-4)
        assert got.answers["coherent"] == pytest.approx(direct["coherent"]["yes"], abs=1e-4)
        assert got.usefulness == pytest.approx(expected, abs=1e-3)
        assert got.refused == (direct["refused"]["yes"] > 0.5)
        likeliest = max(direct["usefulness"], key=direct["usefulness"].__getitem__)
        assert got.answers["usefulness_likeliest"] == int(likeliest)


def test_a_judge_whose_turns_end_with_no_named_token_is_read_by_its_own_end(tmp_path: Path) -> None:
    """As Gemma 3 ships: ``<end_of_turn>`` is an added token, and the end token is another."""
    words, folder = gemma3(), save_chat_model("llama3", tmp_path / "gemma")
    words.save_pretrained(str(folder))
    config = json.loads((folder / "config.json").read_text())
    torch.manual_seed(0)
    sized = LlamaConfig.from_dict({**config, "vocab_size": len(words), "max_position_embeddings": 2048})
    LlamaForCausalLM(sized).save_pretrained(str(folder))
    judge = LabelLogits(model=str(folder))
    (got,) = _judge(judge, RESPONSES[1])
    logits = _after_question(folder, judge, RESPONSES[1])
    numbers = shares({label: logits(label, "<end_of_turn>") for label in NUMBERS})
    wrong = shares({label: logits(label, "<eos>") for label in NUMBERS})
    expected, other = (
        sum(int(label) * share for label, share in some.items()) for some in (numbers, wrong)
    )
    assert got.usefulness == pytest.approx(expected, abs=1e-3)
    assert got.usefulness != pytest.approx(other, abs=1e-2)  # the test can tell


def _after_question(folder: Path, judge: LabelLogits, response: str) -> Callable[[str, str], float]:
    """A label's and an end token's log-probability as the answer to the last question."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    filled = fill(prompt_text(judge.prompt, "label_logits.txt"), BUN.request, response)
    content = f"{filled}\n\n{QUESTIONS['usefulness'][0]}"
    asked = f"<bos><start_of_turn>user\n{content.strip()}<end_of_turn>\n<start_of_turn>model\n"

    def log_prob(label: str, end: str) -> float:
        prompt = tokenizer(asked, add_special_tokens=False)["input_ids"]
        whole = tokenizer(f"{asked}{label}{end}", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logp_TV = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
        places = range(len(prompt), len(whole))
        return sum(logp_TV[place - 1, whole[place]].item() for place in places)

    return log_prob


@pytest.mark.slow
def test_a_batch_gives_what_each_gives_alone(folder: Path) -> None:
    judge = LabelLogits(model=str(folder))
    for response, got in zip(RESPONSES, _judge(judge, *RESPONSES), strict=True):
        (alone,) = _judge(judge, response)
        assert (alone.refused, alone.coherent) == (got.refused, got.coherent)
        assert alone.usefulness == pytest.approx(got.usefulness, abs=1e-4)


def test_those_who_ask_together_are_one_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = LabelLogits.judge_all

    def counted(self: LabelLogits, asked: list[tuple[str, str]]) -> list[Judgement]:
        sizes.append(len(asked))
        return real(self, asked)

    monkeypatch.setattr(LabelLogits, "judge_all", counted)
    assert len(_judge(LabelLogits(model=str(folder)), *RESPONSES * 3)) == 12
    assert sizes == [12]


def test_the_likeliest_number_can_be_taken_instead(folder: Path) -> None:
    expectation, likeliest = (
        LabelLogits(model=str(folder)),
        LabelLogits(model=str(folder), usefulness="likeliest"),
    )
    ((one,), (other,)) = _judge(expectation, RESPONSES[1]), _judge(likeliest, RESPONSES[1])
    assert other.usefulness == one.answers["usefulness_likeliest"]
    assert one.usefulness == one.answers["usefulness_expected"] != other.usefulness
    assert expectation.identity()["rubric"] != likeliest.identity()["rubric"]


def test_what_is_too_long_is_unscored_and_the_others_are_not(folder: Path) -> None:
    long, short = _judge(LabelLogits(model=str(folder)), "moon " * 1000, RESPONSES[1])
    assert (long.silent, long.unscored) == (True, TOO_LONG)
    assert short.usefulness is not None


def test_the_weights_name_the_judge(folder: Path, tmp_path: Path) -> None:
    judge = LabelLogits(model=str(folder), called="small")
    assert judge_of(judge.spec()) == judge
    assert judge.title == "small"
    assert len(judge.identity()["model"]) == 64
    other = LabelLogits(model=str(save_chat_model("qwen2", tmp_path / "other")))
    assert other.identity()["model"] != judge.identity()["model"]
    with pytest.raises(PlanBError, match="needs a model"):
        asyncio.run(LabelLogits().ready())


def test_shares_by_hand() -> None:
    """Weights 1 and 3: a quarter and three quarters, however small both are."""
    got = shares({"no": -2000.0, "yes": -2000.0 + 1.0986123})
    assert got["yes"] == pytest.approx(0.75)
    assert sum(got.values()) == pytest.approx(1)
