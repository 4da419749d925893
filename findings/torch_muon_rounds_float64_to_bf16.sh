#!/usr/bin/env bash
# torch.optim.Muon updates float32 and float64 matrices with the precision of bf16, whatever their dtype: the
# Newton-Schulz iteration casts the momentum to bf16 first. The same iteration in the weights' own dtype gives
# another update, by about 1 % of its norm for random gradients and by more where singular values are small.
# So a training "in float64" (to check gradients, to compare devices) is not in float64, and a CPU without
# bf16 instructions emulates these products.
# Seen with torch 2.13.0 (CPU).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import sys

import torch

RATE, MOMENTUM = 0.02, 0.95
A, B, C = 3.4445, -4.7750, 2.0315  # the coefficients that torch.optim.Muon documents


def by_hand(gradient: torch.Tensor) -> torch.Tensor:
    """The first update: Nesterov momentum of a zero buffer, then five steps of Newton-Schulz."""
    x = gradient * (1 - MOMENTUM) * MOMENTUM + gradient * (1 - MOMENTUM)
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return -RATE * x


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


torch.manual_seed(0)
for size in (16, 128):
    gradient = torch.randn(size, size, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.zeros(size, size, dtype=torch.float64))
    weight.grad = gradient.clone()
    torch.optim.Muon([weight], lr=RATE, weight_decay=0.0, momentum=MOMENTUM).step()
    update = weight.detach()
    away = apart(update, by_hand(gradient))
    entries = update / -RATE
    bf16 = apart(entries.bfloat16().double(), entries) < 1e-12
    print(f"torch {torch.__version__}, {size} x {size} float64 weights: {away:.1e} away from the update in float64; ", end="")
    print("every entry is a bf16 number times the rate" if bf16 else "entries are no bf16 numbers")
    if away < 3e-3 or not bf16:
        print("CHANGED")
        sys.exit(1)
print("as stated")
PY
"$folder/venv/bin/python" "$folder/try.py"
