"""Hidden states at the end of prompts are those of each prompt alone, whatever stands in its batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from planb.models.checkpoints import load_policy
from planb.models.random_chat import save_chat_model
from planb.models.residuals import last_states


def test_a_prompts_states_do_not_depend_on_its_batch(tmp_path: Path) -> None:
    policy = load_policy(save_chat_model("llama3", tmp_path))
    prompts = [[5, 6, 7, 8, 9], [3], [10, 11, 12]]
    found = last_states(policy, prompts)
    assert found.shape[1] == len(prompts)
    for n, ids in enumerate(prompts):
        with torch.no_grad():
            alone = policy.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        states = np.stack([state[0, -1].numpy() for state in alone.hidden_states])
        np.testing.assert_allclose(found[:, n], states, atol=1e-5)
