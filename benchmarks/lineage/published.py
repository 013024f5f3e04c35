"""Statistics of published papers, written anew from the papers: what they say of the same pairs.

Each is a function of two models, and higher the more related they look; 0 where it cannot compare them. Where a paper
leaves something open, or takes more than weights, the function says what was chosen. None has a threshold here: they
are compared by how they rank pairs.

Unless it says otherwise, layers are compared at the same place if both models have as many, and otherwise in the
assignment of layers with the highest sum; the statistic is the mean over these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from math import inf, lgamma, log, log10
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import betainc, betaln, hyp2f1

from benchmarks.lineage import pairs
from benchmarks.lineage.measure import Result
from benchmarks.lineage.net import Layer, Linear, Net, written
from benchmarks.lineage.pairs import Pair
from benchmarks.lineage.running import read
from tukar.lineage.floats import Array
from tukar.lineage.model import unit

_ROWS, _POSITIONS = 4, 64  # of tokens that models are run on
_FEWEST: Final = 4  # neurons, axes: what a correlation or an unbiased estimate takes


def cosine(a: Net, b: Net) -> float:
    """The mean cosine of matrices of the same name and shape, from -1 to 1.

    B. Zeng, L. Wang, Y. Hu, Y. Xu, C. Zhou, X. Wang, Y. Yu, Z. Lin: HuRef: HUman-REadable Fingerprint for Large
    Language Models, NeurIPS 2024, arXiv 2312.04828, where it is called PCS and taken of all parameters in one vector.
    Here each matrix counts as much as any other, and vectors do not count: scales of norms are near 1 in all models.
    """
    of_a, of_b = written(a), written(b)
    found = [_cosine(values, of_b[name]) for name, values in of_a.items() if _is_matrix_of_both(values, of_b.get(name))]
    return _mean(found)


def order(a: Net, b: Net) -> float:
    """Whether neurons that are alike stand in the same order: the mean over layers of -log10 p.

    S. Zhu, A. Ahmed, R. Kuditipudi, P. Liang: Independence Tests for Language Models, ICML 2025, arXiv 2502.12292:
    the constrained test of weights. Rows of ``up`` (neurons by width) are assigned to each other by cosine, and p is
    that of Spearman's correlation of both orders, as in the authors' code with two sides. The paper takes Fisher's
    sum over layers, of which this is a multiple where two models have as many as others. p is not below 1/n! of n
    neurons. Matrices of different widths are not compared, and of different numbers of neurons the smaller number is
    assigned.
    """
    if a.width != b.width:
        return 0.0

    def statistic(one: Layer, other: Layer) -> float:
        left, right = _assigned(_cosines(one.up.weight, other.up.weight))
        return _evidence(left, right)

    return _over_layers(a, b, lambda i, j: statistic(a.layers[i], b.layers[j]))


def matched_weights(a: Net, b: Net) -> float:
    """Whether two matrices agree on which neurons are the same, by weights: the mean over layers of -log10 p.

    Of the same paper as ``order``: the unconstrained test, MATCH. Neurons are assigned by one matrix and by the
    other, and p is that of Spearman's correlation of both assignments. The paper assigns by what gate and up compute
    of a text; of inputs that are independent and normal, as in its generalised test, the cosines of that are those of
    the rows, which are taken here. An MLP without gates is distilled into one with gates there; here, its up and down
    are taken.
    """
    if a.width != b.width:
        return 0.0
    return _over_layers(a, b, lambda i, j: _agreement(_vectors(a.layers[i]), _vectors(b.layers[j])))


def matched_activations(a: Net, b: Net) -> float:
    """The same by what neurons compute, as in the paper: no rotation of the residual stream changes it.

    Both models are run on 4 rows of up to 64 tokens, each drawn as often as in a text, by Zipf's law: a text would
    need a tokenizer, and the numbers of the zoo's tokens are in the order of how common they are. Without gates, the
    second assignment is by what neurons add to the logits: down times the embeddings.
    """
    tokens = _tokens(a, b)
    of_a, of_b = _activations(a, tokens), _activations(b, tokens)
    return _over_layers(a, b, lambda i, j: _agreement(of_a[i], of_b[j]))


def awm(a: Net, b: Net) -> float:
    """The mean unbiased CKA of queries and of keys, once axes were assigned by the embeddings; at most 1.

    B. Zeng, L. Chen, Z. He, X. Wang, Z. Lin: AWM: Accurate Weight-Matrix Fingerprint for Large Language Models, ICLR
    2026, arXiv 2510.06738. Columns of the embeddings (words by width) are assigned to each other by the absolute
    cosine over the words that both have, here the first ones, and A's take its sign; the columns of each query and
    key matrix (outputs by width) are put into that order. CKA with linear kernels is then of width by width: an
    orthogonal change of the outputs does not change it. Layers are paired as in the authors' code.
    """
    words = min(len(a.embedding), len(b.embedding))
    alike = _cosines(a.embedding[:words].T, b.embedding[:words].T)
    left, right = _assigned(np.abs(alike))
    signs = np.where(alike[left, right] < 0, -1, 1)

    def statistic(one: Layer, other: Layer) -> float:
        parts = ((one.query, other.query), (one.key, other.key))
        return _mean([unbiased_cka((p.weight[:, left] * signs).T, q.weight[:, right].T) for p, q in parts])

    return _over_layers(a, b, lambda i, j: statistic(a.layers[i], b.layers[j]))


def unbiased_cka(x: Array, y: Array) -> float:
    """Centred kernel alignment with linear kernels and the unbiased HSIC; both are examples by features.

    S. Kornblith and others: Similarity of Neural Network Representations Revisited, ICML 2019; L. Song and others:
    Feature Selection via Dependence Maximization, JMLR 13, 2012.
    """
    of_x, of_y = (_without_diagonal(rows.astype(np.float64) @ rows.T.astype(np.float64)) for rows in (x, y))
    if len(of_x) < _FEWEST:
        return 0.0
    scale = _hsic(of_x, of_x) * _hsic(of_y, of_y)
    return _hsic(of_x, of_y) / scale**0.5 if scale > 0 else 0.0


def ghostspec(a: Net, b: Net) -> float:
    """How alike the singular values of queries with keys and of values with outs are, from 0 to 1.

    S. Wang, Z. Ma, X. Li, Z. Li: Ghost in the Transformer: Tracing LLM Lineage with SVD-Fingerprint, AAAI 2026, arXiv
    2511.06390. Of each layer, the products of query and key and of value and out over all heads (width by width) have
    singular values that neither a rotation of the residual stream nor a change within heads moves. The paper takes
    the mean squared distance of every two layers, and aligns layers with a penalty for those left out. Here spectra
    have length 1, likeness is 1 less half of their distance, and every layer of the shallower model goes to one of
    the deeper's, in order and with the highest sum: a penalty would be the same for all such alignments. What norms
    scale is not folded into the matrices.
    """
    of_a, of_b = ([_spectra(net, layer) for layer in net.layers] for net in (a, b))
    if not of_a or not of_b:
        return 0.0
    alike = np.array([[_mean([_near(x, y) for x, y in zip(p, q, strict=True)]) for q in of_b] for p in of_a])
    return _in_order(alike)


def deviations(a: Net, b: Net) -> float:
    """The mean correlation of four curves: the deviations of query, key, value and out over layers; from -1 to 1.

    D. Yoon and others: Intrinsic Fingerprint of LLMs: Continue Training is NOT All You Need to Steal A Model!, 2025,
    arXiv 2507.03014. Each curve is standardised and Pearson's correlation is taken; a shorter one is stretched
    linearly. Fewer than three layers have no shape, and a curve that is even says nothing.
    """
    if min(len(a.layers), len(b.layers)) < 3:
        return 0.0
    length = max(len(a.layers), len(b.layers))
    return _mean([_correlation(_curve(a, part, length), _curve(b, part, length)) for part in _ATTENTION])


Statistic = Callable[[Net, Net], float]

STATISTICS: Final[Mapping[str, Statistic]] = {
    "parameter cosine": cosine,
    "Zhu, order": order,
    "Zhu, matched by weights": matched_weights,
    "Zhu, matched by activations": matched_activations,
    "AWM": awm,
    "GhostSpec": ghostspec,
    "deviations": deviations,
}
"""By what they are called in results."""

_ATTENTION: Final = ("query", "key", "value", "out")


def judge(folder: Path, pair: Pair) -> Result:
    """A pair, what each statistic says of it, and how many seconds each took."""
    a, b = (pairs.net(folder, pair.architecture, name) for name in (pair.a, pair.b))
    values, seconds = {}, {}
    for name, statistic in STATISTICS.items():
        began = time.perf_counter()
        values[name] = round(statistic(a, b), 6)
        seconds[name] = round(time.perf_counter() - began, 4)
    return asdict(pair) | {"statistics": values, "seconds": seconds}


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _over_layers(a: Net, b: Net, statistic: Callable[[int, int], float]) -> float:
    if len(a.layers) == len(b.layers):
        return _mean([statistic(place, place) for place in range(len(a.layers))])
    table = np.array([[statistic(i, j) for j in range(len(b.layers))] for i in range(len(a.layers))])
    return float(table[_assigned(table)].mean()) if table.size else 0.0


def _is_matrix_of_both(one: Array, other: Array | None) -> bool:
    return other is not None and one.ndim == 2 and one.shape == other.shape


def _cosine(one: Array, other: Array) -> float:
    left, right = (values.astype(np.float64).ravel() for values in (one, other))
    lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / lengths if lengths else 0.0


def _cosines(a: Array, b: Array) -> Array:
    """Of all rows with all rows."""
    made: Array = unit(a.astype(np.float64)) @ unit(b.astype(np.float64)).T
    return made


def _assigned(alike: Array) -> tuple[Array, Array]:
    """Rows and columns that go together, each at most once, with the highest sum: as many as there are of the fewer."""
    left, right = linear_sum_assignment(np.nan_to_num(alike), maximize=True)
    return left, right


def _evidence(one: Array, other: Array) -> float:
    """-log10 p of Spearman's correlation of numbers of which no two are equal, with two sides; from 0 to log10 n!."""
    count = len(one)
    if count < _FEWEST:
        return 0.0
    left, right = (np.argsort(np.argsort(values)) - (count - 1) / 2 for values in (one, other))
    rho = float(left @ right) / (count * (count**2 - 1) / 12)
    return min(_log10_tail(1 - rho**2, count / 2 - 1), lgamma(count + 1) / log(10))


def _log10_tail(x: float, half: float) -> float:
    """-log10 of the regularised incomplete beta function of (half, 1/2): what Student's t gives for 1 - rho² = x."""
    if x <= 0:
        return inf
    tail = float(betainc(half, 0.5, min(x, 1)))
    if tail > 1e-250:
        return max(-log10(tail), 0.0)
    series = half * log(x) + 0.5 * log(1 - x) - log(half) - betaln(half, 0.5) + log(hyp2f1(half + 0.5, 1, half + 1, x))
    return -float(series) / log(10)


_Both = tuple[Array, Array]


def _agreement(a: _Both, b: _Both) -> float:
    """Neurons (rows) assigned by one of two matrices and by the other: the evidence that these agree."""
    first, second = (_cosines(of_a, of_b) for of_a, of_b in zip(a, b, strict=True))
    if first.shape[0] > first.shape[1]:  # so that every row has its column in both
        first, second = first.T, second.T
    return _evidence(_assigned(first)[1], _assigned(second)[1])


def _vectors(layer: Layer) -> _Both:
    """Neurons by width: gate and up, or up and down."""
    if layer.gate is None:
        return layer.up.weight, layer.down.weight.T
    return layer.gate.weight, layer.up.weight


def _tokens(a: Net, b: Net) -> Array:
    """Rows by positions, always the same for the same sizes."""
    positions = [len(rows) for net in (a, b) for name, rows in net.others.items() if "token_type" not in name]
    words = min(len(a.embedding), len(b.embedding))
    often = 1 / np.arange(1, words + 1)
    return np.random.default_rng(0).choice(words, (_ROWS, min([_POSITIONS, *positions])), p=often / often.sum())


def _activations(net: Net, tokens: Array) -> list[_Both]:
    """Of each layer, neurons by tokens: of gate and up; or of up, and of neurons by words what down adds to logits."""
    given = [np.concatenate(layers) for layers in zip(*(read(net, row) for row in tokens), strict=True)]
    words = int(tokens.max()) + 1
    return [_computed(layer, rows, net.embedding[:words]) for layer, rows in zip(net.layers, given, strict=True)]


def _computed(layer: Layer, given: Array, words: Array) -> _Both:
    up = _applied(layer.up, given)
    if layer.gate is None:
        return up, (words @ layer.down.weight).T
    return _applied(layer.gate, given), up


def _applied(part: Linear, given: Array) -> Array:
    """Outputs by tokens."""
    made: Array = part.weight @ given.T
    return made if part.bias is None else made + part.bias[:, None]


def _without_diagonal(kernel: Array) -> Array:
    np.fill_diagonal(kernel, 0)
    return kernel


def _hsic(k: Array, m: Array) -> float:
    """The unbiased estimate, of kernels with zeros on their diagonals, but for a factor that CKA does not see."""
    n = len(k)
    of_k, of_m = k.sum(axis=0), m.sum(axis=0)
    return float((k * m).sum() + of_k.sum() * of_m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (of_k @ of_m))


def _spectra(net: Net, layer: Layer) -> tuple[Array, Array]:
    """The singular values of query with key and of value with out, each of length 1; from the largest on."""
    key, value = (_shared(net, part.weight) for part in (layer.key, layer.value))
    products = (layer.query.weight.T @ key, layer.out.weight @ value)
    first, second = (unit(np.linalg.svd(product.astype(np.float64), compute_uv=False)[None])[0] for product in products)
    return first, second


def _shared(net: Net, rows: Array) -> Array:
    """Keys or values as every head sees them: heads that share theirs have the same."""
    made: Array = np.repeat(rows.reshape(net.keys, -1, rows.shape[1]), net.heads // net.keys, axis=0)
    return made.reshape(-1, rows.shape[1])


def _near(one: Array, other: Array) -> float:
    if not one.any() or not other.any():
        return 0.0
    length = max(len(one), len(other))
    left, right = (np.pad(values, (0, length - len(values))) for values in (one, other))
    return 1 - float(np.linalg.norm(left - right)) / 2


def _in_order(alike: Array) -> float:
    """The mean of the best assignment of all rows or all columns, whichever are fewer, that keeps their order."""
    if alike.shape[0] > alike.shape[1]:
        alike = alike.T
    best = np.zeros(alike.shape[1] + 1)
    for row in alike:
        ended = best[:-1] + row
        best = np.concatenate([[-inf], np.maximum.accumulate(ended)])
    return float(best[-1]) / len(alike)


def _curve(net: Net, part: str, length: int) -> Array:
    values = [float(np.std(weight)) for weight in _weights(net, part)]
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(values)), values)


def _weights(net: Net, part: str) -> Iterator[Array]:
    for layer in net.layers:
        yield getattr(layer, part).weight


def _correlation(one: Array, other: Array) -> float:
    left, right = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / lengths if lengths > 1e-12 * float(np.abs(one).max() * np.abs(other).max()) else 0.0
