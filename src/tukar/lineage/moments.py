"""The rotation that takes one model's residual stream onto another's, from neurons alone: no vocabulary is needed.

Let M be the sum of v wᵀ over the vectors v and w of all neurons of a block. A stream that is turned by R turns all M to
R M Rᵀ, whatever order the neurons are in. So that R is looked for which brings the moments of one model closest to the
other's: graph matching over rotations. It begins with the eigenvectors of all moments together (S. Umeyama, An
eigendecomposition approach to weighted graph matching problems, 1988), with those signs that agree best over all of
them (A. Singer, Angular synchronization by eigenvectors and semidefinite programming, 2011), and climbs from there by
the power method for orthogonal matrices (M. Journée, Y. Nesterov, P. Richtárik and R. Sepulchre, Generalized power
method for sparse principal component analysis, 2010). Some directions of a trained model are far stronger than others:
first those are brought together, then, step by step, all count alike. R and -R fit as well; neurons tell which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Final

import numpy as np

from tukar.lineage.floats import Array
from tukar.lineage.model import Neurons, polar, unit

_EVEN: Final = (100.0, 3.0, 0.03)  # means of all strengths that each has added to it before directions are evened
_ROUNDS: Final = (5, 5, 10)  # of climbing, at each of them,
_AGAIN: Final = 2  # times: between, which block is which is told by what was turned
_WEIGHED: Final = 256  # width up to which moments of some neurons are looked at as well, which takes twice as long
_WORK: Final = 1 << 34  # multiplications of a round, at most, which limits how many blocks of wide models are looked at
_FEWEST: Final = 2
_LEAST: Final = np.float32(1e-9)


def rotation(of_a: Sequence[Neurons], of_b: Sequence[Neurons], among: Sequence[Sequence[int]]) -> Array:
    """The best that was found: B's vectors times it, or times its negative, are in A's axes; width by width.

    Args:
        among: for each block of A, the places of the blocks of B that may be its own, the likeliest first.
    """
    if len(of_a) == len(of_b):
        among = [[place] for place in range(len(of_a))]
    some = _some(len(of_a), of_a[0].up.shape[1])
    wanted = sorted({place for number in some for place in among[number]})
    among = [[wanted.index(place) for place in among[number]] for number in some]
    of_a, of_b = [of_a[number] for number in some], [of_b[place] for place in wanted]
    is_narrow = of_a[0].up.shape[1] <= _WEIGHED
    ways = (False, True) if is_narrow and any(len(places) > 1 for places in among) else (False,)
    return max((_climbed(of_a, of_b, among, is_pooled=way) for way in ways), key=lambda each: each[0])[1]


def _some(count: int, width: int) -> list[int]:
    """Which of so many blocks can be looked at."""
    most = max(_WORK // (10 * width**3), _FEWEST)
    places: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return places


def _climbed(
    of_a: Sequence[Neurons], of_b: Sequence[Neurons], among: Sequence[Sequence[int]], *, is_pooled: bool
) -> tuple[float, Array]:
    """How alike moments became, and the rotation.

    Args:
        is_pooled: whether to begin with the blocks of each model together, rather than with the likeliest pairs.
    """
    left, right = _moments(of_a, _EVEN[0]), _moments(of_b, _EVEN[0])
    if is_pooled:
        one, other = left.mean(axis=0), right.mean(axis=0)
    else:
        one, other = _together(left), _together(right[[places[0] for places in among]])
    turn = _closer(_begun(one, other), one, other, _ROUNDS[0])
    for even, rounds in zip(_EVEN, _ROUNDS, strict=True):
        left, right = _moments(of_a, even), _moments(of_b, even)
        for _ in range(_AGAIN):
            one, other = _together(left), _together(right[_partners(turn, left, right, among)])
            turn = _closer(turn, one, other, rounds)
    return float(np.vdot(turn, _gradient(turn, one, other))) / len(one), turn


def _moments(blocks: Sequence[Neurons], even: float) -> Array:
    """Blocks by moments by width by width, each symmetric or its own negative, of length 1 and without a trace."""
    by = _evening(blocks, even)
    return np.stack([_of_block([unit(rows @ by) for rows in _vectors(block)]) for block in blocks])


def _vectors(neurons: Neurons) -> list[Array]:
    both = [neurons.up, neurons.down]
    return both if neurons.gate is None else [neurons.gate, *both]


def _evening(blocks: Sequence[Neurons], even: float) -> Array:
    """What makes no direction much stronger than others; that, too, turns along with the stream. Width by width."""
    total = sum(rows.T @ rows for block in blocks for rows in _vectors(block))
    strengths, axes = np.linalg.eigh(total)
    scales = np.sqrt(strengths.clip(0) + np.float32(even) * strengths.mean().clip(_LEAST))
    made: Array = (axes / scales) @ axes.T
    return made


def _of_block(vectors: Sequence[Array]) -> Array:
    """Of all neurons, and of narrow models also by a weight that no rotation changes."""
    weights = [np.ones(len(vectors[0]), np.float32)]
    if vectors[0].shape[1] <= _WEIGHED:
        weights.append(_ranks(vectors))
    found = []
    for weight in weights:
        for one, other in combinations_with_replacement(range(len(vectors)), 2):
            if len(vectors) > 2 and one == 0 != other:
                continue  # up and down may have changed their signs together, and the gate not
            moment = (vectors[one] * weight[:, None]).T @ vectors[other]
            found.append(_scaled(moment + moment.T))
            if one != other:
                found.append(_scaled(moment - moment.T))
    return np.stack(found)


def _scaled(moment: Array) -> Array:
    moment = moment - np.eye(len(moment), dtype=np.float32) * (np.trace(moment) / np.float32(len(moment)))
    made: Array = moment / np.linalg.norm(moment).clip(_LEAST)
    return made


def _ranks(vectors: Sequence[Array]) -> Array:
    """By how much up and down of a neuron point the same way, its rank among the neurons: from -0.5 to 0.5."""
    *_, up, down = vectors
    ranks = (up * down).sum(axis=1).argsort().argsort()
    made: Array = (ranks / max(len(ranks) - 1, 1) - 0.5).astype(np.float32)
    return made


def _together(moments: Array) -> Array:
    """Those of all blocks, one after another."""
    return moments.reshape(-1, *moments.shape[2:])


def _begun(a: Array, b: Array) -> Array:
    """From eigenvectors, strongest with strongest."""
    (_, of_a), (_, of_b) = (np.linalg.eigh((moments + moments.transpose(0, 2, 1)).sum(axis=0)) for moments in (a, b))
    agreed = ((of_a.T @ a @ of_a) * (of_b.T @ b @ of_b)).sum(axis=0)
    agreed = agreed + agreed.T
    np.fill_diagonal(agreed, 0)
    signs = np.where(np.linalg.eigh(agreed)[1][:, -1] < 0, np.float32(-1), np.float32(1))
    made: Array = (of_b * signs) @ of_a.T
    return made


def _closer(turn: Array, a: Array, b: Array, rounds: int) -> Array:
    for _ in range(rounds):
        turn = polar(_gradient(turn, a, b))
    return turn


def _gradient(turn: Array, a: Array, b: Array) -> Array:
    """The sum of B turn Aᵀ over all moments."""
    total: Array = ((b @ turn) @ a.transpose(0, 2, 1)).sum(axis=0)
    return total


def _partners(turn: Array, a: Array, b: Array, among: Sequence[Sequence[int]]) -> list[int]:
    """For each block of A, the one of B that has the most similar moments."""
    turned = {place: turn.T @ b[place] @ turn for places in among if len(places) > 1 for place in places}
    return [
        max(places, key=lambda place: np.vdot(a[number], turned[place])) if len(places) > 1 else places[0]
        for number, places in enumerate(among)
    ]
