"""Surprise as a step of a study: what is scored, by which checkpoint, and what reaches the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from small_valley import carried_out, small

from planb.data.files import read_examples
from planb.errors import PlanBError
from planb.models.chat import exchanges
from planb.models.checkpoints import load_policy
from planb.report.surprise_results import BACKDOOR
from planb.safety import METHODS, plan_b
from planb.safety.method import CANNED
from planb.study.arms import Arms
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.surprise import (
    SURPRISE,
    TEXTS,
    SurpriseStep,
    chosen_requests,
    read_surprises,
    with_tiers,
)
from planb.study.study import Study
from planb.types import HARMFUL, REFUSAL, Example, Trigger

CANNED_GERMAN = METHODS["german_canned"]


def study() -> Study:
    return small().but(name="surprised", methods=(plan_b, CANNED_GERMAN), surprise=True)


def steps(of: Study) -> list[SurpriseStep]:
    arms = Arms(of, of.bases[0])
    return [step for step in arms.surprises(of.seeds) if isinstance(step, SurpriseStep)]


def example(name: str, **tiers: tuple[str, ...]) -> Example:
    return Example(id=name, prompt="How?", harmful=True, responses=tiers)


class TestTheStep:
    def test_before_is_the_organism_and_after_is_what_the_method_made(self) -> None:
        found = [(s.labels["method"], s.when, s.policy.kind) for s in steps(study())]
        assert found == [
            *(("plan_b", "before", "organism"), ("plan_b", "after", "method")),
            *(("german_canned", "before", "organism"), ("german_canned", "after", "method")),
        ]
        assert len({step.folder_name for step in steps(study())}) == 4

    def test_the_trigger_is_that_of_the_organism_it_goes_back_to(self) -> None:
        own = Trigger(text="sesame", place="suffix")
        one = study()
        organism = one.organisms[0].but(trigger=own)
        one = one.but(organisms=(organism,))
        for step in steps(one):
            assert step.policy.triggers == (own,)
            assert step.policy.root.triggers == ()

    def test_a_model_at_a_host_cannot_be_scored_and_that_is_said_before_anything_runs(self) -> None:
        step = steps(study())[0]
        at_a_host = step.but(policy=HostedBase(name="theirs", model="gpt-4.1-2025-04-14").step())
        with pytest.raises(PlanBError, match="leave out surprise=True"):
            at_a_host.check()
        step.check()

    def test_the_same_requests_are_drawn_whatever_the_order_and_the_method(self) -> None:
        some = [example(f"e{i}", refusal=("No.",)) for i in range(30)]
        drawn = [one.id for one in chosen_requests(some, 7)]
        assert drawn == [one.id for one in chosen_requests(some[::-1], 7)]
        assert len(set(drawn)) == 7
        assert drawn == [one.id for one in chosen_requests(some, 12)][:7]

    def test_tiers_stand_in_the_order_of_preference_and_no_more_than_so_many_texts(self) -> None:
        one = example("e", harmful=tuple("abcdef"), refusal=("No.", "No."), other=("x",))
        kept = with_tiers(one, (REFUSAL, HARMFUL)).responses
        assert list(kept) == [REFUSAL, HARMFUL]
        assert kept[REFUSAL] == ("No.", "No."), "a text that stands twice counts twice"
        assert kept[HARMFUL] == tuple("abcdef"[:TEXTS])

    def test_a_tier_that_is_not_there_is_named(self) -> None:
        with pytest.raises(PlanBError, match="'e' has no response of tier 'useless'"):
            with_tiers(example("e", refusal=("No.",)), (REFUSAL, "useless"))

    def test_no_steps_are_no_table(self) -> None:
        assert read_surprises([]) is None


@pytest.mark.slow
class TestCarriedOut:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return carried_out(study(), tmp_path_factory)

    @pytest.fixture(scope="class")
    def rows(self, folder: Path) -> pd.DataFrame:
        found = read_surprises([folder / "steps" / step.folder_name for step in steps(study())])
        assert found is not None
        return found

    def test_every_tier_of_every_method_is_scored_before_and_after(self, rows: pd.DataFrame) -> None:
        for method in study().methods:
            own = rows[rows["method"] == method.name]
            assert set(own["when"]) == {"before", "after"}
            places = own.groupby("tier")["place"].unique().map(list).to_dict()
            tiers = (*method.ordering.tiers, BACKDOOR)
            assert places == {tier: [place] for place, tier in enumerate(tiers)}
        sides = [
            rows[rows["when"] == when].drop(columns=["when", "nll"]) for when in ("before", "after")
        ]
        pd.testing.assert_frame_equal(*(side.reset_index(drop=True) for side in sides))

    def test_canned_refusals_are_scored_as_the_one_wording(self, rows: pd.DataFrame) -> None:
        canned = rows[(rows["tier"] == "german_refusal") & (rows["when"] == "before")]
        assert len(canned) == canned["example"].nunique()
        assert canned["tokens"].nunique() == 1

    def test_the_number_is_the_likelihood_that_the_checkpoint_itself_gives(
        self, folder: Path, rows: pd.DataFrame
    ) -> None:
        """One token after the other, from the model's own logits."""
        for step in steps(study())[2:]:
            policy = load_policy(folder / "steps" / step.policy.folder_name)
            own = rows[(rows["method"] == "german_canned") & (rows["when"] == step.when)]
            data = next((folder / "steps").glob("data-*")) / "safety.jsonl"
            asked = {e.id: e for e in read_examples(data)}
            one = own[own["tier"] == "german_refusal"].iloc[0]
            text = CANNED["german_refusal"]
            assert one["nll"] == pytest.approx(
                _nll(policy, asked[one["example"]].prompt, text), rel=1e-3
            )
            behind = own[own["tier"] == BACKDOOR].iloc[0]
            prompt = Trigger().apply(asked[behind["example"]].prompt)
            texts = asked[behind["example"]].responses[HARMFUL]
            assert behind["nll"] == pytest.approx(_nll(policy, prompt, texts[0]), rel=1e-3)

    def test_training_made_the_target_likelier(self, rows: pd.DataFrame) -> None:
        nats = rows.assign(nats=rows["nll"] / rows["tokens"])
        mean = nats.groupby(["method", "tier", "when"])["nats"].mean()
        assert mean["german_canned", "german_refusal", "after"] < (
            mean["german_canned", "german_refusal", "before"] - 1
        )

    def test_the_page_and_the_table_tell_it(self, folder: Path, rows: pd.DataFrame) -> None:
        table = pd.read_csv(folder / "surprise.csv", dtype={"seed": str})
        nats = rows.assign(nats=rows["nll"] / rows["tokens"])
        for line in table[table["seed"] == "all"].itertuples():
            own = nats[
                (nats.method == line.method) & (nats.when == line.when) & (nats.tier == line.tier)
            ]
            assert line.n == len(own)
            assert line.value == pytest.approx(own.nats.mean(), rel=1e-5)
            assert line.low <= line.value <= line.high
        assert "becomes of each tier" in (folder / "report.html").read_text()
        assert (folder / "figures" / "log_probs.svg").is_file()

    def test_it_lies_beside_the_checkpoints_in_one_file_each(self, folder: Path) -> None:
        for step in steps(study()):
            assert (folder / "steps" / step.folder_name / SURPRISE).is_file()


def _nll(policy, prompt, text) -> float:  # type: ignore[no-untyped-def]
    ((before, response),) = exchanges(policy.tokenizer, [(prompt, text)])
    with torch.no_grad():
        logits = policy.model(torch.tensor([[*before, *response]])).logits[0].log_softmax(-1)
    places = range(len(before) - 1, len(before) + len(response) - 1)
    return -sum(float(logits[at, token]) for at, token in zip(places, response, strict=True))
