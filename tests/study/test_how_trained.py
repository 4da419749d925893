"""What the page says of how its trainings ran, as their own files tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from planb.models.adapted import ALL_WEIGHTS, Trained
from planb.study.report_sources import how_trained
from planb.study.steps.training import described
from planb.training.settings import Training

ADAPTER = str(Trained(12, {"self_attn.q_proj": 0.44}, {"mlp.experts.down_proj": 0.17}))


@dataclass
class Made:
    """A checkpoint as far as the page looks."""

    folder_name: str
    ran: dict[str, str]
    kind: str = "stage"
    before: tuple[Made, ...] = ()

    @property
    def history(self) -> list[Any]:
        return [*(one for made in self.before for one in made.history), self]


def trained(name: str, before: tuple[Made, ...] = (), kind: str = "stage", **told: str) -> Made:
    return Made(name, {"precision": "fp32", **told}, kind, before)


def page(*last: Made) -> dict[str, str]:
    return dict(
        how_trained(last, lambda made: made.ran)  # type: ignore[arg-type,attr-defined]
    )


def test_weights_that_an_adapter_leaves_are_on_the_page() -> None:
    """gpt-oss's experts are no linear layers: "LoRA r=8" alone does not say that they stay."""
    organism = trained("organism", trained=ALL_WEIGHTS)
    arms = [trained(name, (organism,), trained=ADAPTER) for name in ("standard", "plan_b")]
    told = page(*arms)
    assert told["Training precision"] == "fp32: 3 trainings"
    assert told["Trained weights"] == f"{ALL_WEIGHTS}: 1 training; {ADAPTER}: 2 trainings"
    assert "left as they are: mlp.experts.down_proj (17 %)" in told["Trained weights"]


def test_where_all_weights_were_trained_nothing_more_is_said() -> None:
    both = trained("one", trained=ALL_WEIGHTS), trained("two")
    assert list(page(*both)) == ["Training precision"]
    assert page(Made("hosted", {})) == {}


def test_unlike_precisions_are_a_fault_within_one_stage_only() -> None:
    """A study may say bf16 of stage 1 and fp32 of stage 2: all of its arms are alike."""
    organism = trained("organism", kind="organism", precision="bf16")
    arms = [trained(name, (organism,), kind="method") for name in ("standard", "plan_b")]
    assert page(*arms)["Training precision"] == "bf16: 1 training; fp32: 2 trainings"
    other = trained("german", (organism,), kind="method", precision="bf16")
    assert "do not compare like with like" in page(*arms, other)["Training precision"]


def test_a_balancing_loss_is_among_the_settings() -> None:
    plain = Training(steps=3, learning_rate=1e-3)
    assert "balancing" not in described(plain)
    assert described(plain.but(router_aux_loss_coef=0.01)).endswith(", load-balancing loss x 0.01")
