"""What the page says of how its trainings ran, as their own files tell it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planb.models.adapted import ALL_WEIGHTS, Trained
from planb.study.report_sources import how_trained
from planb.study.steps.training import described
from planb.training.settings import RAN, Training

ADAPTER = str(Trained(12, {"self_attn.q_proj": 0.44}, {"mlp.experts.down_proj": 0.17}))


@dataclass
class Made:
    """A checkpoint as far as the page looks."""

    folder_name: str
    kind: str = "stage"
    before: tuple[Made, ...] = ()

    @property
    def history(self) -> list[Any]:
        return [*(one for made in self.before for one in made.history), self]


def trained(
    steps: Path, name: str, before: tuple[Made, ...] = (), kind: str = "stage", **told: str
) -> Made:
    (steps / name).mkdir()
    (steps / name / RAN).write_text(json.dumps({"precision": "fp32", **told}))
    return Made(name, kind, before)


def page(steps: Path, *last: Made) -> dict[str, str]:
    return dict(
        how_trained(last, steps)  # type: ignore[arg-type]
    )


def test_weights_that_an_adapter_leaves_are_on_the_page(tmp_path: Path) -> None:
    """gpt-oss's experts are no linear layers: "LoRA r=8" alone does not say that they stay."""
    organism = trained(tmp_path, "organism", trained=ALL_WEIGHTS)
    arms = [trained(tmp_path, name, (organism,), trained=ADAPTER) for name in ("standard", "plan_b")]
    told = page(tmp_path, *arms)
    assert told["Training precision"] == "fp32: 3 trainings"
    assert told["Trained weights"] == f"{ALL_WEIGHTS}: 1 training; {ADAPTER}: 2 trainings"
    assert "left as they are: mlp.experts.down_proj (17 %)" in told["Trained weights"]


def test_where_all_weights_were_trained_nothing_more_is_said(tmp_path: Path) -> None:
    both = trained(tmp_path, "one", trained=ALL_WEIGHTS), trained(tmp_path, "two")
    assert list(page(tmp_path, *both)) == ["Training precision"]
    assert page(tmp_path, Made("hosted")) == {}


def test_unlike_precisions_are_a_fault_within_one_stage_only(tmp_path: Path) -> None:
    """A study may say bf16 of stage 1 and fp32 of stage 2: all of its arms are alike."""
    organism = trained(tmp_path, "organism", kind="organism", precision="bf16")
    arms = [trained(tmp_path, name, (organism,), kind="method") for name in ("standard", "plan_b")]
    assert page(tmp_path, *arms)["Training precision"] == "bf16: 1 training; fp32: 2 trainings"
    other = trained(tmp_path, "german", (organism,), kind="method", precision="bf16")
    assert "do not compare like with like" in page(tmp_path, *arms, other)["Training precision"]


def test_a_balancing_loss_is_among_the_settings() -> None:
    plain = Training(steps=3, learning_rate=1e-3)
    assert "balancing" not in described(plain)
    assert described(plain.but(router_aux_loss_coef=0.01)).endswith(", load-balancing loss x 0.01")
