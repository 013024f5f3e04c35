"""Statistics of published papers on tiny models: they know a model again, and survive what cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, log10
from pathlib import Path

import numpy as np
import pytest
from benchmarks.lineage import measure, pairs, published, zoo
from benchmarks.lineage.changes import SYMMETRIES
from benchmarks.lineage.drawn import KEYS, net
from benchmarks.lineage.losses import LOSSES, everywhere
from benchmarks.lineage.net import Layer, Net, written
from benchmarks.lineage.published import STATISTICS
from scipy.stats import spearmanr

ALL = [(architecture, name) for architecture in KEYS for name in STATISTICS]


def changed(before: Net, name: str) -> Net:
    return {**LOSSES, **SYMMETRIES}[name](before, np.random.default_rng(2))


def uneven(architecture: str, seed: int) -> Net:
    """With attention of another size in each layer, as trained models have it: drawn ones all have one deviation."""
    before = net(architecture, seed, layers=4)

    def layer(old: Layer, by: float) -> Layer:
        parts = {name: getattr(old, name) for name in ("query", "key", "value", "out")}
        return replace(old, **{name: replace(part, weight=by * part.weight) for name, part in parts.items()})

    sizes = np.random.default_rng(seed).uniform(0.5, 2, len(before.layers))
    return before.with_layers(*(layer(old, by) for old, by in zip(before.layers, sizes, strict=True)))


@pytest.mark.parametrize(("architecture", "name"), ALL)
def test_a_model_is_like_itself_and_a_tuned_one_and_unlike_a_stranger(architecture: str, name: str) -> None:
    one, other = (uneven(architecture, seed) for seed in (1, 2))
    itself, tuned, stranger = (STATISTICS[name](one, each) for each in (one, changed(one, "noise"), other))
    assert itself >= tuned > stranger


@pytest.mark.parametrize(("architecture", "name"), ALL)
@pytest.mark.parametrize(
    "change", ["a layer dropped", "layers doubled", "half of the neurons", "more words", "other words"]
)
def test_other_shapes_are_survived(architecture: str, name: str, change: str) -> None:
    before = net(architecture, layers=4)
    after = changed(before, change)
    for a, b in ((before, after), (after, before)):
        assert isfinite(STATISTICS[name](a, b))


@pytest.mark.parametrize(("architecture", "name"), ALL)
def test_zeros_and_no_layers_are_like_nothing(architecture: str, name: str) -> None:
    before = net(architecture, layers=4)
    zeros = everywhere(before, np.zeros_like)
    for other in (before, zeros):
        for a, b in ((zeros, other), (other, zeros)):
            assert isfinite(STATISTICS[name](a, b))
    for a, b in ((before.with_layers(), before), (before, before.with_layers())):
        assert STATISTICS[name](a, b) == pytest.approx(1.0 if name == "parameter cosine" else 0.0)
    if name in ("parameter cosine", "AWM", "GhostSpec", "deviations"):
        assert STATISTICS[name](before, zeros) == 0.0


@pytest.mark.parametrize("name", ["parameter cosine", "Zhu, order", "Zhu, matched by weights", "AWM"])
def test_what_each_is_blind_to(name: str) -> None:
    before = net("llama", layers=4)
    same = STATISTICS[name](before, before)
    permuted = STATISTICS[name](before, changed(before, "neurons permuted"))
    axes = STATISTICS[name](before, changed(before, "axes permuted"))
    turned = STATISTICS[name](before, changed(before, "rotated"))
    assert (permuted > same / 2) == (name != "Zhu, order")
    assert (axes > same / 2) == (name == "AWM")
    assert turned < same / 2


@pytest.mark.parametrize("name", ["Zhu, matched by activations", "GhostSpec"])
def test_what_a_rotation_does_not_hide(name: str) -> None:
    before = net("llama", layers=4)
    plain = before.with_layers(
        *(replace(layer, before=replace(layer.before, weight=np.ones(24))) for layer in before.layers)
    )
    assert STATISTICS[name](plain, changed(plain, "rotated")) == pytest.approx(STATISTICS[name](plain, plain), rel=0.02)


def test_the_evidence_of_an_order() -> None:
    some = np.random.default_rng(1)
    one = np.arange(30)
    for by in (1, 5, 30):
        other = np.argsort(one + by * some.standard_normal(30))
        p = float(spearmanr(one, other).pvalue)
        assert published._evidence(one, other) == pytest.approx(-log10(p), rel=1e-6)
    assert published._evidence(one, one) == pytest.approx(32.42, abs=0.01)  # log10 30!
    assert published._evidence(one[:3], one[:3]) == 0.0


def test_evidence_goes_on_below_the_smallest_number() -> None:
    """Where the incomplete beta function underflows, its series takes over."""
    values = [published._log10_tail(float(x), 191.0) for x in np.geomspace(0.03, 0.08, 200)]
    assert values[0] > 280 > 250 > values[-1]
    steps = np.diff(values)
    assert (steps < 0).all()
    np.testing.assert_allclose(steps[1:], steps[:-1], rtol=0.01)


def test_an_unbiased_cka_of_strangers_is_near_nothing() -> None:
    some = np.random.default_rng(1)
    x, y = some.standard_normal((60, 200)), some.standard_normal((60, 200))
    turn = np.linalg.qr(some.standard_normal((200, 200)))[0]
    assert published.unbiased_cka(x, 3 * x @ turn) == pytest.approx(1)
    assert abs(published.unbiased_cka(x, y)) < 0.2


def test_layers_are_aligned_in_order() -> None:
    table = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.5]])
    assert published._in_order(table) == pytest.approx(0.75)  # not both ones, which cross
    assert published._in_order(table.T) == pytest.approx(0.75)


def test_pairs_are_judged(tmp_path: Path) -> None:
    for number in range(2):
        path = tmp_path / f"gpt2-{number:02}" / "base" / "model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(measure.file(written(net("gpt2", number + 5, layers=4))))
    pairs._trained.cache_clear()
    result = published.judge(tmp_path, pairs.Pair("gpt2", "00/base", "01/base", "strangers", "bases"))
    pairs._trained.cache_clear()
    assert result["truth"] == "strangers"
    assert set(result["statistics"]) == set(result["seconds"]) == set(STATISTICS)


def test_all_judge_the_same_pairs() -> None:
    listed = pairs.listed(range(4), 5)
    assert [pair for pair in listed if pair.truth == "strangers" and pair.how == "bases"][:6] == list(
        pairs.strangers("llama", range(4))
    )
    assert sum(pair.how == "children" for pair in listed) == 5 * len(zoo.ARCHITECTURES)
    more = pairs.listed(range(4), 9)
    assert [pair for pair in more if pair in listed] == listed
