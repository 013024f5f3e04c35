"""What a child has undergone since it was its parent: kinds of change, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tukar.lineage.direction import merged
from tukar.lineage.evidence import Change, Direction
from tukar.lineage.fits import Fit
from tukar.lineage.grain import Grain, anew
from tukar.lineage.structure import LOW_RANK, Structure

_SAME: Final = 0.999  # of the elements, for a matrix to count as unchanged
_TINY: Final = 1e-5  # |B - A| / |A|: what is left after turning forth and back
_SOME: Final = 0.25  # of the matrices unchanged, for the others to be of an adapter
_ZEROS: Final = 0.1
_AGAIN: Final = {4: 0.045, 8: 0.0025}  # |B - A| / |A|, from which on what was quantised was quantised anew
_OF_LEVELS: Final = {4: 0.2, 8: 0.02}  # the same, which quantising to so many bits changes at most
_FORMATS: Final = {3: "FP8 (E4M3)", 2: "FP8 (E5M2)", 7: "bfloat16", 10: "float16"}


def changes(fits: Sequence[Fit], usable: Sequence[Fit], a: Grain, b: Grain, found: Structure) -> list[Change]:
    """From A to B, what can be told.

    Args:
        usable: the fits of matrices that are alike.
    """
    told = [*_structural(found), *_of_numbers(usable, a, b), *_disguises(found)]
    told += _of_weights(fits, usable, a, b, is_known=bool(told))
    return told


def turned(fits: Sequence[Fit], found: Structure) -> tuple[list[Fit], Structure]:
    """The same from B to A."""
    return [_turned(fit) for fit in fits], replace(
        found,
        layers=found.layers[::-1],
        missing=found.missing[::-1],
        doubled=found.doubled[::-1],
        experts=found.experts[::-1],
        neurons=found.neurons[::-1],
        rows=None if found.rows is None else found.rows[::-1],
    )


def _turned(fit: Fit) -> Fit:
    """|B - A| / |A| becomes |B - A| / |B|, by <A,B> / |A|² and <A,B> / |B|²."""
    scale = (fit.onto_a / fit.onto_b) ** 0.5 if fit.cosine > 0 else 1.0
    return replace(fit, onto_b=fit.onto_a, onto_a=fit.onto_b, parent=1 - fit.parent, change=fit.change * scale)


def is_forward(direction: Direction) -> bool:
    """Whether changes are told from A to B; they are, where the direction is not known."""
    return direction != "b->a"


def _structural(found: Structure) -> Iterator[Change]:
    (of_a, of_b), (more, _) = found.missing, found.doubled
    if of_a and of_b:
        yield Change("layers-replaced", f"{_layers(of_b)} not from the other model")
    elif of_a:
        yield Change("layers-dropped", f"{_layers(of_a)} dropped")
    elif of_b:
        yield Change("layers-replaced", f"{_layers(of_b)} added from elsewhere")
    if more:
        yield Change("layers-duplicated", "1 layer doubled" if more == 1 else f"{more} layers doubled")
    if found.experts[1] > found.experts[0]:
        yield Change("experts", f"a mixture of {found.experts[1]} experts made of each layer's neurons")
    before, after = found.neurons
    if after < 0.95 * before:
        yield Change("neurons-pruned", f"{1 - after / before:.0%} of the neurons left out")
    elif before < 0.95 * after:
        yield Change("neurons-pruned", f"{after / before - 1:.0%} more neurons")
    if found.is_other_vocabulary:
        yield Change("vocabulary", "another vocabulary")
    elif found.rows is not None and found.rows[0] != found.rows[1]:
        before, after = found.rows
        change = f"{after - before:,} tokens more" if after > before else f"{before - after:,} tokens fewer"
        yield Change("vocabulary", f"{change} in the vocabulary")


def _layers(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"layer {numbers[0]}"
    return f"layers {', '.join(map(str, numbers))}"


def _of_numbers(fits: Sequence[Fit], a: Grain, b: Grain) -> Iterator[Change]:
    if bits := _quantised(fits, a, b):
        yield Change("quantised", f"quantised to {bits} bits")
    elif b.zeros > a.zeros + _ZEROS:
        yield Change("pruned", f"{b.zeros:.0%} of the weights are 0")
    elif b.bits < a.bits:
        name = _FORMATS.get(b.bits, f"{b.bits} bits of a mantissa")
        yield Change("cast", f"rounded to {name}")


def _quantised(fits: Sequence[Fit], a: Grain, b: Grain) -> int | None:
    """To how many bits B is, and A was not, or not so. A little training leaves quantised weights near their levels."""
    if b.levels is None or a.levels != b.levels:
        return b.levels
    is_much = bool(fits) and float(np.median([fit.change for fit in fits])) > _AGAIN[b.levels]
    return b.levels if is_much else anew(a, b)


def _disguises(found: Structure) -> Iterator[Change]:
    done = []
    if found.neuron_order == "permuted":
        done.append("neurons in another order")
    if found.axes == "permuted":
        done.append("residual axes in another order")
    elif found.axes == "turned":
        done.append("residual stream rotated")
    if found.is_scaled:
        done.append("scales moved between matrices")
    if found.is_mixed:
        done.append("attention heads in another order or mixed")
    if done:
        yield Change("disguised", "; ".join(done))


def _of_weights(fits: Sequence[Fit], usable: Sequence[Fit], a: Grain, b: Grain, *, is_known: bool) -> Iterator[Change]:
    """Training, adapters and merges; and that there was none."""
    if not usable:
        return
    if merge := merged(usable):
        yield Change("merge", merge[0].text)
        return
    change = float(np.sqrt(np.mean([fit.change**2 for fit in usable])))
    if all(fit.equal >= _SAME for fit in usable):
        if not is_known:
            yield Change("identical", "all weights that were compared are the same numbers")
        return
    if change < max(_TINY, 2.0 ** -(min(a.bits, b.bits) + 1)):
        return  # rounding does as much
    if (bits := _quantised(usable, a, b)) and change < _OF_LEVELS[bits]:
        return  # and so does quantising
    kept = [fit for fit in usable if fit.equal >= _SAME]
    moved = [fit for fit in usable if fit.equal < _SAME]
    if len(kept) >= _SOME * len(usable) and float(np.median([fit.rank for fit in moved])) <= LOW_RANK:
        kinds = sorted({fit.kind for fit in moved})
        yield Change("adapter", f"an adapter merged into {len(moved)} of {len(usable)} matrices ({', '.join(kinds)})")
    elif b.zeros <= a.zeros + _ZEROS or b.levels is not None:
        yield Change("finetune", f"weights changed by {change:.1%} of their size, as by further training")
