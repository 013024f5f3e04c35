"""Whole traces: verdict, direction, kinds of change, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import permutations
from math import log10

import numpy as np
import pytest

from tukar.lineage import words
from tukar.lineage.evidence import Direction, Verdict
from tukar.lineage.exact import fixed, mutual
from tukar.lineage.fits import matched
from tukar.lineage.floats import Array
from tukar.lineage.model import unit
from tukar.lineage.order import compare_in_files
from tukar.lineage.trace import Trace, conformal, trace
from tukar.lineage.unknown import axes
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource

from .made import Layer, Small, Tensors, changed, drawn, llama, model, picked, safetensors
from .test_align import gpt2, rotation, scaled, turned

PARENT = drawn(1, layers=4, neurons=128)


def weights(tensors: Tensors, dtype: str = "F32") -> Weights:
    return Weights([BytesSource(safetensors(tensors, dtype))])


def traced(a: Small, b: Small, names: Callable[[Small], Tensors] = llama) -> Trace:
    return trace(weights(names(a)), weights(names(b)))


def everywhere(small: Small, change: Callable[[Array], Array]) -> Small:
    layers = (Layer(change(each.gate), change(each.up), change(each.down), each.norm) for each in small.layers)
    return Small(change(small.embedding), tuple(layers))


def trained_for_long(small: Small) -> Small:
    """Each matrix changed by an amount of its own, unlike in a merge."""
    some = np.random.default_rng(6)

    def learned(values: Array) -> Array:
        return (values + some.uniform(0.5, 1.1) * some.standard_normal(values.shape)).astype(np.float32)

    return everywhere(small, learned)


def levels(values: Array, bits: int = 4) -> Array:
    groups = values.reshape(-1, 16 if values.shape[1] % 32 else 32)
    scale = np.abs(groups).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return (np.round(groups / scale) * scale).astype(np.float32).reshape(values.shape)


def steps(values: Array) -> Array:
    """Of 4 bits from the least element of a group on."""
    groups = values.reshape(-1, 32)
    low, step = groups.min(axis=1, keepdims=True), np.ptp(groups, axis=1)[:, None] / 15
    return (low + np.round((groups - low) / step) * step).astype(np.float32).reshape(values.shape)


def sparse(values: Array) -> Array:
    return np.where(np.abs(values) < np.median(np.abs(values)), 0, values).astype(np.float32)


def merged(share: float) -> Small:
    other = drawn(2, layers=4, neurons=128)
    rest = iter([other.embedding, *(part for each in other.layers for part in (each.gate, each.up, each.down))])
    return everywhere(PARENT, lambda values: np.float32(share) * values + np.float32(1 - share) * next(rest))


def adapted(small: Small) -> Small:
    """The gates of all layers changed along two directions."""
    some = np.random.default_rng(8)

    def off(each: Layer) -> Layer:
        left, right = some.standard_normal((128, 2)), some.standard_normal((2, 48))
        return replace(each, gate=(each.gate + 0.2 * left @ right).astype(np.float32))

    return small.with_layers(*map(off, small.layers))


OTHER = drawn(4, neurons=128)
KEPT = np.sort(np.random.default_rng(3).permutation(128)[:80])
CHILDREN: Mapping[str, tuple[Small, str, Direction]] = {
    "fine-tuned": (changed(PARENT, 0.3), "finetune", "a->b"),
    "adapter": (adapted(PARENT), "adapter", "a->b"),
    "merged": (merged(0.5), "merge", "a->b"),
    "mostly another": (merged(0.3), "merge", "a->b"),
    "pruned": (everywhere(PARENT, sparse), "pruned", "a->b"),
    "fewer neurons": (picked(PARENT, KEPT), "neurons-pruned", "a->b"),
    "a layer less": (PARENT.with_layers(*PARENT.layers[:2], PARENT.layers[3]), "layers-dropped", "a->b"),
    "a layer twice": (PARENT.with_layers(*PARENT.layers[:2], *PARENT.layers[1:]), "layers-duplicated", "a->b"),
    "other layers": (PARENT.with_layers(*PARENT.layers[:2], *OTHER.layers[:2]), "layers-replaced", "unknown"),
    "more words": (replace(PARENT, embedding=np.vstack([PARENT.embedding, OTHER.embedding[:9]])), "vocabulary", "a->b"),
    "other words": (replace(PARENT, embedding=OTHER.embedding), "vocabulary", "unknown"),
    "permuted": (picked(PARENT, np.random.default_rng(4).permutation(128)), "disguised", "unknown"),
    "scaled": (scaled(PARENT, 5), "disguised", "unknown"),
    "rotated": (turned(changed(PARENT, 0.2), rotation(3)), "disguised", "a->b"),
    "itself": (PARENT, "identical", "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_is_found_with_what_was_done_and_who_came_first(name: str) -> None:
    child, kind, direction = CHILDREN[name]
    found = traced(PARENT, child)
    assert found.verdict == "derived"
    assert kind in [change.kind for change in found.changes]
    assert found.direction == direction


@pytest.mark.parametrize("name", [name for name in CHILDREN if CHILDREN[name][2] == "a->b"])
def test_the_other_way_round_the_direction_turns_and_the_change_stays(name: str) -> None:
    child, kind, _ = CHILDREN[name]
    found = traced(child, PARENT)
    assert found.verdict == "derived"
    assert found.direction == "b->a"
    assert kind in [change.kind for change in found.changes]


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_a_cast_is_the_child(dtype: str) -> None:
    found = trace(weights(llama(PARENT)), weights(llama(PARENT), dtype))
    assert [change.kind for change in found.changes] == ["cast"]
    assert found.direction == "a->b"


def test_a_quantised_one_is_the_child() -> None:
    wide = drawn(1, layers=3, width=64, neurons=96)
    found = traced(wide, everywhere(wide, levels))
    assert [change.kind for change in found.changes] == ["quantised"]
    assert found.direction == "a->b"


@pytest.mark.parametrize("first", [levels, steps])
def test_what_was_quantised_to_more_bits_later_is_the_child(first: Callable[[Array], Array]) -> None:
    """Its numbers are near the coarser levels, too."""
    coarse = everywhere(drawn(1, layers=3, width=64, neurons=96), first)
    fine = everywhere(coarse, partial(levels, bits=8))
    for found, towards in ((traced(coarse, fine), "a->b"), (traced(fine, coarse), "b->a")):
        assert found.direction == towards
        assert [change.text for change in found.changes] == ["quantised to 8 bits"]


@pytest.mark.parametrize("by", [0.01, 0.03])
def test_a_fine_tune_of_quantised_weights_is_no_quantised_one(by: float) -> None:
    """Its numbers are near the levels of its parent's, or between them, and nothing rounds that little."""
    quantised = everywhere(drawn(1, layers=3, width=64, neurons=96), levels)
    found = traced(quantised, changed(quantised, by))
    assert "quantised" not in [change.kind for change in found.changes]
    assert found.direction in ("a->b", "unknown")
    assert traced(changed(quantised, 0.03), quantised).direction == "b->a"


def test_who_came_first_is_not_claimed_of_what_was_quantised_and_trained_for_long() -> None:
    """In which order, nothing tells."""
    quantised = everywhere(drawn(1, layers=3, width=64, neurons=96), levels)
    far = trained_for_long(quantised)
    assert traced(quantised, far).direction == "unknown"
    assert traced(far, quantised).direction == "unknown"


def test_levels_that_a_rotation_took_away_do_not_say_who_came_first() -> None:
    quantised = everywhere(drawn(1, layers=3, width=48, neurons=128), levels)
    child = turned(changed(quantised, 0.05), rotation(3))
    assert traced(quantised, child).direction in ("a->b", "unknown")
    assert traced(child, quantised).direction in ("b->a", "unknown")


def test_neurons_that_are_gone_are_not_taken_for_others() -> None:
    """Some are much alike in any model: the nearest of one that was pruned may be another."""
    some = np.random.default_rng(5)
    twice = picked(PARENT, np.repeat(np.arange(128), 2))
    near = changed(twice, 0.4)
    kept = np.sort(some.permutation(256)[:128])
    kinds = [change.kind for change in traced(near, picked(near, kept)).changes]
    assert "neurons-pruned" in kinds
    assert "adapter" not in kinds
    assert "finetune" not in kinds


def test_neurons_of_deep_models_are_looked_for_among_all() -> None:
    """Of other layers than those that were looked at first, too, and where none of the first neurons is the same."""
    parent = drawn(1, layers=10, neurons=2100, width=24)
    found = traced(parent, picked(parent, np.arange(2100)[::-1]))
    assert found.verdict == "derived"
    assert [change.kind for change in found.changes] == ["disguised"]
    assert [(link.a.layer, link.b.layer) for link in found.links] == [(layer, layer) for layer in range(10)]
    assert min(link.agreed for link in found.links) > 0.9


def test_blocks_of_deep_models_are_linked_once_also_where_one_stands_twice() -> None:
    """Seen from either model, a different share of neurons is found where many were changed."""
    parent = drawn(1, layers=10, neurons=2100, width=24)
    child = picked(changed(parent, 0.6), np.arange(2100)[::-1])
    found = traced(parent, child.with_layers(*child.layers[:6], *child.layers[5:]))
    places = [*range(6), *range(5, 10)]
    assert [(link.a.layer, link.b.layer) for link in found.links] == list(zip(places, range(11), strict=True))
    assert max(link.agreed for link in found.links) < 1
    assert [change.kind for change in found.changes][:2] == ["layers-duplicated", "disguised"]


@pytest.mark.parametrize("moved", [6, 40, 100])
def test_neurons_of_which_some_were_put_elsewhere_are_in_another_order(moved: int) -> None:
    order = np.arange(128)
    order[:moved] = np.roll(order[:moved], 1)
    found = traced(PARENT, picked(PARENT, order))
    assert found.verdict == "derived"
    assert found.direction == "unknown"
    assert [change.kind for change in found.changes] == ["disguised"]


def test_neurons_that_were_all_moved_on_by_as_much_are_in_another_order() -> None:
    found = traced(PARENT, picked(PARENT, np.roll(np.arange(128), 32)))
    assert [change.kind for change in found.changes] == ["disguised"]


@pytest.mark.parametrize("dtype", ["BF16", "F16"])
def test_numbers_that_others_would_be_rounded_to_are_of_no_cast(dtype: str) -> None:
    """What was trained on for a moment, and kept with more bits, differs by as much as rounding does."""
    some = np.random.default_rng(3)
    base = weights(llama(PARENT), dtype)
    rounded = {name: base.read(name) for name in base}
    by = {"BF16": 2e-3, "F16": 2.5e-4}[dtype]
    tuned = {name: values * (1 + by * some.standard_normal(values.shape)) for name, values in rounded.items()}
    found = trace(base, weights(tuned))
    assert found.direction != "b->a"
    assert "cast" not in [change.kind for change in found.changes]
    assert trace(weights(llama(PARENT)), base).direction == "a->b"


def test_what_is_no_number_is_told() -> None:
    first, *others = PARENT.layers
    spoilt = PARENT.with_layers(replace(first, up=first.up * np.nan), *others)
    found = traced(PARENT, spoilt)
    assert found.verdict == "derived"
    assert found.limits[0].startswith("In model.layers.0.mlp.up_proj.weight of B, elements are no numbers")
    assert "no numbers" not in traced(PARENT, PARENT).limits[0]


def test_siblings_come_from_a_third() -> None:
    found = traced(changed(PARENT, 0.3, seed=1), changed(PARENT, 0.3, seed=2))
    assert found.verdict == "derived"
    assert found.direction == "siblings"


def test_a_sibling_that_changed_little_is_not_taken_for_the_parent_of_one_that_changed_a_lot() -> None:
    near, far = changed(PARENT, 0.1), trained_for_long(PARENT)
    for a, b in ((near, far), (far, near)):
        found = traced(a, b)
        assert found.verdict == "derived"
        assert found.direction == "unknown"


def from_one_start(seed: int) -> Small:
    """What was learned is a few strong directions, which are each model's own."""
    some = np.random.default_rng(seed)

    def learned(values: Array) -> Array:
        left, right = (some.standard_normal((size, 6)) for size in values.shape)
        return (values + 0.5 * left @ right.T).astype(np.float32)

    return everywhere(PARENT, learned)


def test_a_common_start_is_not_a_common_training() -> None:
    found = traced(from_one_start(1), from_one_start(2))
    assert found.verdict == "shared-start"
    assert found.log10_p is not None
    assert found.log10_p < -50
    assert found.direction == "unknown"
    assert found.changes == ()


@pytest.mark.parametrize("words", [PARENT.embedding, OTHER.embedding], ids=["vocabulary", "other vocabulary"])
def test_neurons_that_are_a_little_alike_in_the_wrong_axes_are_looked_for_in_others(words: Array) -> None:
    """Most axes stand at other places, and some do not: neurons in order are then found in the files' axes, barely."""
    axes = np.arange(48)
    axes[:42] = np.random.default_rng(5).permutation(42)
    child = turned(replace(changed(PARENT, 0.2), embedding=words), np.eye(48, dtype=np.float32)[:, axes])
    barely = compare_in_files(model(llama(PARENT)), model(llama(child)))
    assert barely.sure()
    assert barely.agreed < 0.5
    found = traced(PARENT, child)
    assert found.verdict == "derived"
    assert found.score is not None
    assert found.score > 0.9
    assert all(link.agreed > 0.9 for link in found.links)


def test_wide_models_of_which_some_blocks_have_gates_are_compared() -> None:
    """As no architecture has them, and whoever writes a file may."""

    def mixed(small: Small) -> Tensors:
        """Gates and ups of the first layer in one matrix; the second has ups alone."""
        first, second = small.layers
        named = {
            name: values
            for name, values in llama(small).items()
            if not name.endswith(("gate_proj.weight", "up_proj.weight"))
        }
        fused = {0: np.vstack([first.gate, first.up]), 1: second.up}
        return named | {f"model.layers.{layer}.mlp.gate_up_proj.weight": rows for layer, rows in fused.items()}

    order = np.random.default_rng(3).permutation(256)
    parent = drawn(1, layers=2, neurons=256, width=1100)
    found = trace(weights(mixed(parent)), weights(mixed(picked(parent, order))))
    assert found.verdict == "derived"
    assert [(link.a.layer, link.b.layer) for link in found.links] == [(0, 0), (1, 1)]


@pytest.mark.parametrize("width", [96, 1100])
def test_axes_of_which_some_stayed_hide_no_neurons(width: int) -> None:
    """That axes are in order is no doubt then, and the files' axes are still not those to find neurons in."""
    some, moved = np.random.default_rng(5), width * 4 // 5
    parent = drawn(1, layers=2, neurons=256, width=width, vocabulary=width)
    axes = np.arange(width)
    axes[:moved] = some.permutation(moved)
    moved_on = picked(changed(parent, 0.2), some.permutation(256))
    layers = [
        replace(each, gate=each.gate[:, axes], up=each.up[:, axes], down=each.down[:, axes], norm=each.norm[axes])
        for each in moved_on.layers
    ]
    child = Small(moved_on.embedding[:, axes], tuple(layers))
    found = compare_in_files(model(llama(parent)), model(llama(child)))
    assert found.axes is not None
    assert found.axes.log10_p < -6
    assert not found.is_in_files
    told = traced(parent, child)
    assert told.verdict == "derived"
    assert told.score is not None
    assert told.score > 0.9


def test_neurons_of_weak_kin_correspond_by_their_places() -> None:
    """Their own are near and seldom nearest, so most that are each other's nearest belong to others."""
    some = np.random.default_rng(7)
    a, b = (some.standard_normal((128, 48)).astype(np.float32) for _ in range(2))
    alike = np.square((unit(a) @ unit(0.16 * a + 0.84 * b).T).clip(0, 1))
    pairs = mutual(alike)
    assert fixed(pairs, 128) > -6
    assert sum(one == other for one, other in pairs) < len(pairs) / 2
    assert matched(alike) == [(place, place) for place in range(128)]


@pytest.mark.parametrize("seed", range(2, 8))
def test_strangers_are_not_accused(seed: int) -> None:
    found = traced(PARENT, drawn(seed, layers=4, neurons=128))
    assert found.verdict == "none"
    assert found.p_conformal is not None
    assert found.p_conformal > 0.01
    assert found.links == ()
    assert set(words.NOT_SEEN) < set(found.limits)


@pytest.mark.parametrize("names", [llama, gpt2])
@pytest.mark.parametrize(("neurons", "width"), [(1, 16), (8, 16), (16, 16), (37, 32), (64, 16), (64, 128), (128, 96)])
def test_small_strangers_are_not_accused(neurons: int, width: int, names: Callable[[Small], Tensors]) -> None:
    """Of few neurons some agree by chance, and to few beside the axes a rotation can be fitted."""
    for seed in range(10, 18, 2):
        a, b = (drawn(seed + other, layers=2, neurons=neurons, width=width) for other in (0, 1))
        found = traced(a, b, names)
        assert found.verdict == "none"
        assert (found.score is None) == (words.FEW in found.limits) == (neurons < 128)


@pytest.mark.parametrize("size", [100, 1e12, 3e38])
def test_a_neuron_or_a_token_that_nothing_uses_hides_nothing(size: float) -> None:
    """Far longer than others, it would be the mean of all, which is taken from each."""
    first, *others = changed(PARENT, 0.1).layers
    gate, up, down = (values.copy() for values in (first.gate, first.up, first.down))
    gate[5], up[5], down[5] = size, 0, 0
    embedding = changed(PARENT, 0.1).embedding.copy()
    embedding[7] = size
    child = Small(embedding, (replace(first, gate=gate, up=up, down=down), *others))
    found = traced(PARENT, turned(child, rotation(3)) if size < 1e9 else child)
    assert found.verdict == "derived"
    assert found.links[0].agreed > 0.9


def test_scales_that_are_powers_of_two_hide_nothing() -> None:
    """All numbers can be moved so far that their squares are none any more, and compute the same."""
    far = np.float32(2.0**52)
    layers = [
        replace(each, gate=each.gate * far, up=each.up * far, down=each.down * far, norm=each.norm / far)
        for each in changed(PARENT, 0.3).layers
    ]
    child = Small(changed(PARENT, 0.3).embedding * far, tuple(layers))
    with np.errstate(all="raise", under="ignore"):
        found = traced(PARENT, child)
    assert found.verdict == "derived"
    assert found.log10_p == traced(PARENT, changed(PARENT, 0.3)).log10_p
    assert "vocabulary" not in [change.kind for change in found.changes]
    tiny = everywhere(PARENT, lambda values: values * np.float32(1e-30))
    assert traced(PARENT, tiny).log10_p == traced(PARENT, PARENT).log10_p


def test_every_verdict_has_limits_and_words() -> None:
    verdicts: tuple[Verdict, ...] = ("derived", "shared-start", "review", "none")
    assert set(words.VERDICTS) == set(verdicts)
    for verdict in verdicts:
        assert list(words.of(verdict, "a->b"))
        for is_of_axes in (False, True):
            assert list(words.of_sketches(verdict, is_of_axes=is_of_axes))


@pytest.mark.parametrize(
    ("log10_p", "text"),
    [(0.0, "1"), (-0.0001, "1"), (-0.3, "0.51"), (-1.0, "0.1"), (-1.9, "0.013"), (-5.5, "3.2e-06"), (-213.6, "1e-213")],
)
def test_bounds_are_rounded_up(log10_p: float, text: str) -> None:
    assert words.bound(log10_p) == text
    assert log10(float(text)) >= log10_p - 1e-9


def test_a_layer_that_is_not_there_has_a_row_with_nothing() -> None:
    grafted = PARENT.with_layers(*PARENT.layers[:2], *OTHER.layers[1:])
    rows = traced(PARENT, grafted).by_layer()
    assert [(a, b, agreed > 0.9) for a, b, agreed in rows] == [
        ("0", "0", True), ("1", "1", True), ("2", "–", False), ("3", "–", False),
    ]  # fmt: skip
    assert traced(PARENT, drawn(9, layers=4, neurons=128)).by_layer() == []


def test_other_names_of_the_same_model() -> None:
    """As it is in a GGUF file."""
    names = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.layers.": "blk.",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "post_attention_layernorm": "ffn_norm",
    }

    def renamed(name: str) -> str:
        for old, new in names.items():
            name = name.replace(old, new)
        return name

    other = {renamed(name): values for name, values in llama(changed(PARENT, 0.1)).items()}
    found = trace(weights(llama(PARENT)), weights(other))
    assert found.verdict == "derived"
    assert found.direction == "a->b"
    assert found.architectures == ("LLaMA", "GGUF")


def test_a_mixture_of_copies_is_the_child() -> None:
    tensors: dict[str, Array] = {"model.embed_tokens.weight": PARENT.embedding}
    for number, layer in enumerate(PARENT.layers):
        name = f"model.layers.{number}"
        tensors[f"{name}.post_attention_layernorm.weight"] = layer.norm
        for expert in range(3):
            some = changed(PARENT, 0.1, seed=expert).layers[number]
            at = f"{name}.block_sparse_moe.experts.{expert}"
            tensors |= {f"{at}.w1.weight": some.gate, f"{at}.w3.weight": some.up, f"{at}.w2.weight": some.down.T}
    found = trace(weights(llama(PARENT)), weights(tensors))
    assert found.verdict == "derived"
    assert found.direction == "a->b"
    assert "experts" in [change.kind for change in found.changes]
    assert {(link.a.layer, link.b.layer) for link in found.links} == {(number, number) for number in range(4)}


def unknown(small: Small) -> Tensors:
    return {
        f"net.{number}.{part}": getattr(each, part)
        for number, each in enumerate(small.layers)
        for part in ("gate", "up")
    }


def test_an_unknown_architecture_gets_what_needs_no_knowledge() -> None:
    found = traced(PARENT, changed(PARENT, 0.3), unknown)
    assert found.verdict == "derived"
    assert found.direction == "a->b"
    assert found.architectures == (None, None)
    assert found.score is None
    assert words.UNKNOWN in found.limits
    stranger = traced(PARENT, drawn(2, layers=4, neurons=128), unknown)
    assert stranger.verdict == "none"
    assert words.UNKNOWN in stranger.limits


def test_p_of_an_unknown_architecture_are_for_all_tests_together() -> None:
    """Over all orders that five axes can stand in, p is at most x with probability x or less."""
    some = np.random.default_rng(2)
    a, b = ({name: some.standard_normal((3, 5)).astype(np.float32) for name in "xyz"} for _ in range(2))
    ps = []
    for order in permutations(range(5)):
        found = axes(weights(a), weights({name: rows[:, list(order)] for name, rows in b.items()}))
        assert found is not None
        ps.append(10**found.log10_p)
    assert all(sum(p <= x for p in ps) <= x * len(ps) for x in ps)


def test_of_an_unknown_architecture_the_width_is_no_vocabulary() -> None:
    """Tokens stand in one order wherever a tokenizer is the same."""
    some = np.random.default_rng(3)
    common = np.outer(np.arange(300), np.ones(16)) / 10
    a, b = (
        {name: (common + some.standard_normal((300, 16))).astype(np.float32) for name in ("words", "contexts")}
        for _ in range(2)
    )
    found = axes(weights(a), weights(b))
    assert found is not None
    assert found.log10_p > -1


def test_matrices_without_elements_are_no_harm() -> None:
    empty = {"x": np.zeros((0, 5), np.float32), "y": np.zeros((0, 5), np.float32), "z": np.zeros((0, 7), np.float32)}
    assert trace(weights(empty), weights(empty)).verdict == "none"


def test_what_cannot_be_compared_says_so() -> None:
    assert words.OTHER_WIDTH in traced(PARENT, drawn(1, width=32)).limits
    found = trace(weights({"a": np.ones((3, 4), np.float32)}), weights(llama(PARENT)))
    assert found.verdict == "none"
    assert found.log10_p is None
    assert words.NOTHING_SHARED in found.limits


def test_models_without_gates() -> None:
    found = traced(PARENT, changed(PARENT, 0.3), gpt2)
    assert found.verdict == "derived"
    assert found.direction == "a->b"


def test_wide_models_in_fewer_coordinates() -> None:
    parent = drawn(1, layers=3, neurons=160, width=1100, vocabulary=700)
    plain = parent.with_layers(*(replace(each, norm=np.ones_like(each.norm)) for each in parent.layers))
    order = np.random.default_rng(2).permutation(160)
    places = np.eye(1100, dtype=np.float32)[np.random.default_rng(3).permutation(1100)]
    for child in (changed(plain, 0.3), picked(changed(plain, 0.3), order), turned(picked(plain, order), places)):
        found = traced(plain, child)
        assert found.verdict == "derived"
        assert found.score is not None
        assert found.score > 0.9
    assert traced(plain, drawn(5, layers=3, neurons=160, width=1100, vocabulary=700)).verdict == "none"


def test_a_conformal_p_counts_the_score_itself() -> None:
    p, size = conformal(1.0, is_gated=True)
    assert p == 1 / (size + 1)
    assert conformal(-1.0, is_gated=False)[0] == 1
