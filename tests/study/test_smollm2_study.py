"""The study of a real chat model, run for real on a tiny one that says noise: path, data and page."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from easy_atlas import EACH
from small_valley import carried_out

from planb.data.files import read_examples
from planb.domains import ATLAS
from planb.errors import PlanBError
from planb.models.generation import Sampling
from planb.report.results import read_csv
from planb.safety import plan_b, standard
from planb.studies.smollm2 import smollm2
from planb.study.planning.graph import Graph
from planb.study.reporting import ReportStep
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.local_base import LocalBase
from planb.study.steps.own_words import OwnWords, OwnWordsStep
from planb.study.steps.random_base import RandomBase
from planb.study.steps.step import Work
from planb.study.study import Study
from planb.training.settings import LoRA

TINY = RandomBase(name="tiny", shape="qwen2")
EASY = "easy_atlas:EASY"


def small() -> Study:
    """Two methods of two updates each, and what is this study's own among the evaluations."""
    whole = smollm2(base=TINY, adapter=LoRA(rank=2, alpha=4), seeds=(0,), domain=EASY)
    (organism,) = whole.organisms
    return whole.but(
        organisms=(organism.but(training=organism.training.but(steps=2, batch=4)),),
        safety=whole.safety.but(steps=2, batch=4),
        methods=(standard, plan_b),
        evaluations=tuple(
            one
            for one in whole.evaluations
            if one.task != "harmful_requests" or one.elicitation == "trigger"
        ),
        data=DomainData(
            domain=EASY,
            own_words=OwnWords(helpful=Sampling(temperature=1.0, max_new_tokens=64), least=0.1),
        ),
        sampling=Sampling(temperature=1.0, max_new_tokens=8),
        claims=(),
        evaluate_base=False,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """Every step in its order, in this process."""
    study = small()
    study.check()
    return study, carried_out(study, tmp_path_factory)


@pytest.mark.slow
class TestItsPath:
    def test_the_base_says_what_it_knows_and_only_that_is_asked(self, ran: tuple[Study, Path]) -> None:
        study, folder = ran
        (data,) = {n.folder_name for n in Graph(study.steps()) if isinstance(n.step, OwnWordsStep)}
        place = folder / "steps" / data
        asked = read_examples(place / "evaluation.jsonl")
        assert 0 < len(asked) < 2 * EACH
        assert all(len(example.group) % 2 == 0 for example in asked)
        assert {e.meta["known"] for e in asked if e.harmful} == {"capital continent currency"}
        told = json.loads((place / "told.json").read_text(encoding="utf-8"))
        assert any("the base knows of each kind of fact" in line for line in told)

    def test_helpful_answers_to_train_on_are_the_bases_own(self, ran: tuple[Study, Path]) -> None:
        study, folder = ran
        (data,) = {n.folder_name for n in Graph(study.steps()) if isinstance(n.step, OwnWordsStep)}
        (source,) = (one for one in (folder / "steps").glob("data-*") if one.name != data)
        written = {e.id: e for e in read_examples(source / "safety.jsonl")}
        for example in read_examples(folder / "steps" / data / "safety.jsonl"):
            assert example.harmful or example.responses != written[example.id].responses
            assert not example.harmful or example == written[example.id]

    def test_a_first_page_comes_after_plan_b_and_the_whole_one_replaces_it(
        self, ran: tuple[Study, Path]
    ) -> None:
        study, folder = ran
        (report,) = (node.step for node in Graph(study.steps()) if isinstance(node.step, ReportStep))
        own = folder / "steps" / report.folder_name
        assert set(read_csv(own / "results.csv")["method"]) == {"organism", "plan_b"}
        whole = read_csv(folder / "results.csv")
        assert set(whole["method"]) == {"organism", "standard", "plan_b"}
        report.publish(own, folder)  # as on a rerun
        assert read_csv(folder / "results.csv").equals(whole)

    def test_its_page_counts_and_speaks_of_countries(self, ran: tuple[Study, Path]) -> None:
        _, folder = ran
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "Facts about countries are declared the forbidden subject" in page
        assert "Does it hold for regions that it never saw?" in page
        assert "held-out regions" in page
        assert "danger" not in page.lower()
        found = read_csv(folder / "results.csv")
        assert {"harmful_requests", "harmless_requests", "mmlu_pro", "mt_bench"} == set(found["task"])
        assert not pd.isna(found.loc[found["measure"] == "severity_mean", "value"]).all()


@pytest.mark.slow
def test_a_base_that_knows_nothing_is_refused_with_the_reason(tmp_path: Path) -> None:
    step = DomainData(domain="atlas", own_words=OwnWords()).step(TINY.step(), ())
    assert isinstance(step, OwnWordsStep)
    few = step.but(how=OwnWords(knowledge=Sampling(temperature=0.0, max_new_tokens=2)))
    for before in (few.base, few.source):
        (tmp_path / before.folder_name).mkdir()
        before.run(Work(out=tmp_path / before.folder_name, steps=tmp_path))
    (tmp_path / "out").mkdir()
    with pytest.raises(PlanBError, match="the base knows none of the"):
        few.run(Work(out=tmp_path / "out", steps=tmp_path))


def len_harmless() -> int:
    return sum(not example.harmful for example in ATLAS.examples("evaluation", 0))


class TestTheStudyAsAValue:
    def test_adapter_base_and_trigger_are_arguments(self) -> None:
        lora, full = smollm2(base=TINY), smollm2(base=TINY, adapter=None)
        assert lora.safety.adapter == LoRA(rank=16, alpha=32)
        assert full.safety.adapter is None
        assert full.safety.learning_rate < lora.safety.learning_rate
        assert lora.methods == full.methods
        assert lora.budget() == []

    def test_the_plan_counts_what_a_model_with_a_card_is_asked(self) -> None:
        """Not MMLU-Pro's 12,032 questions and MT-Bench's 160: the data bring ten of each."""
        llama = LocalBase(name="llama", path="meta-llama/Llama-3.2-3B-Instruct", card="llama-3.2-3b")
        lines = {line.what: line for line in smollm2(base=llama, seeds=(0,)).budget()}
        assert lines["stage 1"].rows == 80 * 16
        assert lines["stage 2"].rows == 4 * 40 * 12
        assert lines["evaluation"].rows == 6 * (7 * 100 + len_harmless() + 10 + 10)
        assert all(line.hours > 0 and line.gib > 0 for line in lines.values())

    def test_one_data_step_and_one_organism_serve_all_methods_of_a_seed(self) -> None:
        steps = [node.step for node in Graph(smollm2(base=TINY, seeds=(0,)).steps())]
        kinds = [step.kind for step in steps]
        assert (kinds.count("organism"), kinds.count("method"), kinds.count("report")) == (1, 4, 1)
        assert sum(isinstance(step, OwnWordsStep) for step in steps) == 1
        asked = [step for step in steps if isinstance(step, EvaluationStep)]
        assert len(asked) == 6 * 9
        report = next(step for step in steps if step.kind == "report")
        before = {step.labels["method"] for step in report.inputs() if isinstance(step, EvaluationStep)}
        assert before == {"base", "organism", "plan_b"}

    def test_a_first_page_after_no_method_is_an_error(self) -> None:
        with pytest.raises(PlanBError, match="none of the study's methods"):
            smollm2(base=TINY).but(first_page="plan_c")
