"""Fine-tuning with AdamW, in f32 and on one thread, so that a seed gives the same bits again.

Recipe: the learning rate rises over the first 10 steps and then stays; weight decay 0.01 on matrices; no dropout.
Decoupled weight decay: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor

from benchmarks.families.recipes import Batch, Family, Recipe, Weights

WARM_UP = 10
DECAY = 0.01

RANK = 8
SCALE = 2.0
"""What a LoRA's product is multiplied by: alpha of 16 over a rank of 8."""

Report = Callable[[int, float], None]
"""Called after each step with its number and the loss before it."""


def fine_tune(family: Family, start: Weights, recipe: Recipe, report: Report) -> tuple[Weights, int]:
    """The weights after ``recipe``, in f32, and how many tokens were seen. ``start`` is left as it is."""
    tune = _low_rank if recipe.kind == "lora" else _full
    return tune(family, start, recipe, report)


def held_out_loss(family: Family, weights: Mapping[str, Tensor]) -> float:
    """The mean over the batches that are held out."""
    with torch.no_grad():
        losses = [float(family.loss(weights, batch)) for batch in family.held_out()]
    return sum(losses) / len(losses)


def _full(family: Family, start: Weights, recipe: Recipe, report: Report) -> tuple[Weights, int]:
    weights = {name: value.clone() for name, value in start.items()}
    tuned = [value.requires_grad_() for value in weights.values() if value.is_floating_point()]
    seen = _descend(tuned, lambda batch: family.loss(weights, batch), _batches(family, recipe), recipe.rate, report)
    return {name: value.detach() for name, value in weights.items()}, seen


def _low_rank(family: Family, start: Weights, recipe: Recipe, report: Report) -> tuple[Weights, int]:
    """LoRA, https://arxiv.org/abs/2106.09685: one factor at random, the other zero; merged at the end."""
    chance = torch.Generator().manual_seed(recipe.seed)
    factors: dict[str, tuple[Tensor, Tensor]] = {}
    for name in start:
        if name.endswith(family.adapted):
            rows, columns = start[name].shape
            down = torch.randn(RANK, columns, generator=chance) / columns**0.5
            factors[name] = (torch.zeros(rows, RANK).requires_grad_(), down.requires_grad_())

    def merged() -> Weights:
        return start | {name: start[name] + SCALE * up @ down for name, (up, down) in factors.items()}

    tuned = [factor for pair in factors.values() for factor in pair]
    seen = _descend(tuned, lambda batch: family.loss(merged(), batch), _batches(family, recipe), recipe.rate, report)
    return {name: value.detach() for name, value in merged().items()}, seen


def _batches(family: Family, recipe: Recipe) -> Iterator[Batch]:
    return islice(family.batches(recipe.seed), recipe.steps)


def _descend(
    tuned: list[Tensor], loss: Callable[[Batch], Tensor], batches: Iterator[Batch], rate: float, report: Report
) -> int:
    """Change ``tuned`` in place; how many tokens were seen."""
    groups = [
        {"params": [value for value in tuned if value.dim() > 1], "weight_decay": DECAY},
        {"params": [value for value in tuned if value.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    seen = 0
    for number, batch in enumerate(batches, 1):
        optimizer.zero_grad()
        value = loss(batch)
        torch.autograd.backward(value)
        optimizer.step()
        schedule.step()
        seen += batch[0].numel()
        report(number, float(value.detach()))
    return seen
