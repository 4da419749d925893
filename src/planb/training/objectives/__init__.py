"""Losses over the responses' log-probabilities: pure functions, each line citing its source. Adding one
is one file here and one line in the table.

Shape legend: R responses in the batch, P pairs, E examples. For a response: ``s`` its summed
log-probability, ``n`` its length in tokens, ``m = s / n``; ``r`` the reference's sum. ``w`` is
preferred over ``l``.

An objective gives one number a pair, and an example's loss is the weighted mean over its pairs;
``plackett_luce`` looks at an example's whole ranking. TRL's name for the same loss (checked against TRL
1.16 by ``tests/training/test_trl_agreement.py``):

==================  ==========================================================
``orpo``            ``ORPOTrainer``, if ``nll="sequence"``
``dpo``             ``DPOTrainer``, ``loss_type="sigmoid"``
``dpo_norm``        ``DPOTrainer``, ``loss_type="sigmoid_norm"``
``ipo``             ``DPOTrainer``, ``loss_type="ipo"``
``simpo``           ``CPOTrainer``, ``loss_type="simpo"``, ``cpo_alpha=0``
``cpo``             ``CPOTrainer``, ``loss_type="sigmoid"``, if ``nll="tokens"``
``plackett_luce``   none; of two responses it is ``dpo``
==================  ==========================================================

KTO (Ethayarajh et al. 2024, arXiv:2402.01306) is left out: it takes single responses, each labelled
desirable or undesirable, and measures them against the KL between policy and reference, estimated on
prompts with other prompts' responses. A ranking has no such labels: whether a middle tier (the useless
response, worse than a refusal and better than harm) is desirable is exactly what the ranking does not
say, so any choice would be another objective than KTO. Nor does a batch of rankings hold the mismatched
pairs, which are forward passes of their own. Label the tiers and train that with TRL's ``KTOTrainer``.
"""

from __future__ import annotations

from planb.catalogue import Catalogue, subclass_of
from planb.training.objectives.base import NLL, Forward, Further, Objective, Pairs, Scores, nll
from planb.training.objectives.cpo import CPO
from planb.training.objectives.dpo import DPO, DPONorm
from planb.training.objectives.ipo import IPO
from planb.training.objectives.orpo import ORPO, log_odds
from planb.training.objectives.plackett_luce import PlackettLuce
from planb.training.objectives.sft import SFT
from planb.training.objectives.simpo import SimPO

__all__ = [
    "CPO",
    "DPO",
    "IPO",
    "NLL",
    "OBJECTIVES",
    "ORPO",
    "SFT",
    "DPONorm",
    "Forward",
    "Further",
    "Objective",
    "Pairs",
    "PlackettLuce",
    "Scores",
    "SimPO",
    "log_odds",
    "nll",
]

OBJECTIVES: Catalogue[type[Objective]] = Catalogue(
    "objective",
    "planb.objectives",
    subclass_of(Objective),
    {
        "orpo": ORPO,
        "dpo": DPO,
        "dpo_norm": DPONorm,
        "ipo": IPO,
        "simpo": SimPO,
        "cpo": CPO,
        "plackett_luce": PlackettLuce,
        "sft": SFT,
    },
)
