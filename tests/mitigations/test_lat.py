"""LAT: where it attacks and how far, and that without a radius it is its control bit for bit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from looking import PAIRED, SINGLE, loss_in, prepared
from planted import ASKED, CLEAN, chat_model

from planb.errors import PlanBError
from planb.mitigations import LAT
from planb.mitigations.lat import places_of
from planb.models.cards import Card
from planb.models.checkpoints import Policy
from planb.models.decoder import decoder_layers
from planb.training.inside import project, reading
from planb.training.objectives import DPO, SFT, Objective
from planb.training.preparing import refuse_split_model
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.training.train import train
from planb.types import Example, Ordering

ROWS = [PAIRED, SINGLE]


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return chat_model(tmp_path / "model")


def test_it_attacks_at_the_papers_layers_and_at_each_of_few() -> None:
    depths = LAT().depths
    assert [places_of(depths, layers) for layers in (32, 4, 2, 1)] == [
        [4, 12, 20, 28],
        [0, 1, 2, 3],
        [0, 1],
        [0],
    ]


def test_a_move_is_brought_back_into_its_ball() -> None:
    move = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    project(move, 1.0)
    assert torch.allclose(move, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))


def test_the_attack_makes_the_worse_response_likelier_alike_in_both_layouts(policy: Policy) -> None:
    """Responses and unpaired requests are left alone; a token is moved by the radius at most."""
    plain = loss_in(policy.model, DPO(beta=0.3), ROWS)["preference"]
    lat = LAT(radius=0.5, attack_steps=4)
    packed, separate = (loss_in(policy.model, lat, ROWS, way) for way in ("packed", "separate"))
    assert float(packed["preference"][0]) > float(plain[0]) + 0.01
    assert float(packed["preference"][1]) == 0.0
    assert torch.allclose(packed["preference"], separate["preference"], rtol=1e-3)
    layers = decoder_layers(policy.model)
    with prepared(policy.model, ROWS, "packed") as forward:
        with reading(layers[:1]) as before:
            forward.run()
        with lat.around(forward), reading(layers[:1]) as after:
            forward.run()
    far_T = (after[0] - before[0]).detach().norm(dim=-1)[0]
    assert float(far_T.max()) <= 0.5 + 1e-5
    assert float(far_T[:3].min()) > 0.01, "the prompt of the pair"
    assert float(far_T[3:].max()) == 0.0, "its responses, and the other request"


def test_rows_without_pairs_are_not_attacked(policy: Policy) -> None:
    with prepared(policy.model, [SINGLE], "packed") as forward:
        plain = forward.run().s_R
        with LAT().around(forward):
            assert torch.equal(forward.run().s_R, plain)


RANKED = Ordering(tiers=("refusal", "harmful"))
ASKED_FOR = tuple(
    Example(
        id=f"request-{place}",
        prompt=f"By night: {text}",
        harmful=True,
        responses={"refusal": "I can't help with that.", "harmful": "Mix lotus paste."},
        split="safety",
    )
    for place, text in enumerate(ASKED)
)


def trained(folder: Path, objective: Objective) -> dict[str, torch.Tensor]:
    policy = chat_model(folder)
    rankings = [Ranking(ASKED_FOR, RANKED), Ranking(CLEAN, Ordering(tiers=("helpful",)))]
    training = Training(steps=4, batch=2, learning_rate=1e-3, warmup=0)
    (folder / "out").mkdir()
    train(policy, Recipe(rankings, objective, training, 0, Card(what="a test")), folder / "out")
    return {name: weight.detach() for name, weight in policy.model.named_parameters()}


@pytest.mark.slow
def test_without_a_radius_it_trains_its_control_bit_for_bit(tmp_path: Path) -> None:
    """No two prompts of a batch begin alike: the control would run that beginning once."""
    lat = LAT(radius=0.0, attack_steps=2)
    control, none = (
        trained(tmp_path / name, objective)
        for name, objective in (("control", lat.control), ("none", lat))
    )
    assert all(torch.equal(none[name], weight) for name, weight in control.items())
    attacked = trained(tmp_path / "attacked", lat.but(radius=1.0))
    assert not all(torch.equal(attacked[name], weight) for name, weight in control.items())


def test_a_model_that_is_spread_over_processes_is_refused_in_words() -> None:
    spread = SimpleNamespace(is_fsdp_enabled=True, is_deepspeed_enabled=False, objective=LAT())
    with pytest.raises(PlanBError, match="LAT looks inside the model, and FSDP"):
        refuse_split_model(spread)
    assert LAT().looks_inside
    assert not DPO().looks_inside
    assert not SFT().looks_inside
