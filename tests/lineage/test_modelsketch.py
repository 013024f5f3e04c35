"""What is kept of a model tells its relatives, and nothing that is damaged is taken for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid, TukarError, Unsupported
from tukar.formats import open_file
from tukar.formats.safetensors import safetensors_header
from tukar.lineage.modelsketch import FORMAT, ModelSketch, is_sketch, sketched
from tukar.lineage.trace import Trace, trace
from tukar.lineage.weights import Weights
from tukar.objects.sources import BytesSource

from .made import Small, Tensors, changed, drawn, llama, picked
from .test_align import gpt2
from .test_architectures import GATED, PLAIN
from .test_trace import PARENT, from_one_start, weights

Described = Mapping[str, str]


def kept(small: Small, names: Callable[[Small], Tensors] = llama) -> Weights:
    return Weights([BytesSource(sketched(weights(names(small))))])


def compared(a: Small, b: Small) -> Trace:
    return trace(kept(a), kept(b))


def test_a_child_is_told_by_sketches() -> None:
    found = compared(PARENT, changed(PARENT, 0.3))
    assert found.verdict == "derived"
    assert found.log10_p is not None
    assert found.log10_p < -100
    assert [(link.a.layer, link.b.layer) for link in found.links] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert (found.direction, found.changes, found.score) == ("unknown", (), None)
    assert (found.layers, found.architectures) == ((4, 4), ("LLaMA", "LLaMA"))
    assert any("sketches" in text for text in found.limits)


def test_it_tells_what_the_weights_tell() -> None:
    by_weights = trace(weights(llama(PARENT)), weights(llama(changed(PARENT, 0.3))))
    by_sketches = compared(PARENT, changed(PARENT, 0.3))
    assert by_sketches.log10_p == pytest.approx(by_weights.log10_p, rel=0.05)


@pytest.mark.parametrize("seed", range(2, 6))
def test_strangers_are_not_accused(seed: int) -> None:
    found = compared(PARENT, drawn(seed, layers=4, neurons=128))
    assert (found.verdict, found.links) == ("none", ())


def test_dropped_layers_and_neurons_are_told() -> None:
    kept_layers = PARENT.with_layers(PARENT.layers[0], PARENT.layers[2], PARENT.layers[3])
    found = compared(PARENT, kept_layers)
    assert found.verdict == "derived"
    assert [(link.a.layer, link.b.layer) for link in found.links] == [(0, 0), (2, 1), (3, 2)]
    some = np.sort(np.random.default_rng(0).permutation(128)[:70])
    assert compared(PARENT, picked(PARENT, some)).verdict == "derived"


def test_a_common_start_is_told_from_a_common_training() -> None:
    assert compared(from_one_start(1), from_one_start(2)).verdict == "shared-start"


def test_axes_alone_ask_for_a_closer_look() -> None:
    shuffled = picked(PARENT, np.random.default_rng(3).permutation(128))
    assert compared(PARENT, shuffled).verdict == "review"


def test_one_side_may_have_its_weights() -> None:
    child = changed(PARENT, 0.3)
    one, other = trace(kept(PARENT), weights(llama(child))), trace(weights(llama(PARENT)), kept(child))
    assert one == other == compared(PARENT, child)


def test_wide_models_are_kept_in_fewer_coordinates() -> None:
    wide = drawn(1, layers=2, neurons=300, width=1100, vocabulary=1500)
    made = sketched(weights(llama(wide)))
    layout = open_file(BytesSource(made))
    assert {tensor.name: tensor.shape for tensor in layout.tensors} == {
        **{f"{number}.{part}": (192, 367) for number in range(2) for part in ("gate", "up", "down")},
        "tokens": (1024, 1024),
    }
    found = trace(Weights([BytesSource(made)]), kept(changed(wide, 0.3)))
    assert found.verdict == "derived"
    assert trace(kept(wide), kept(drawn(2, layers=2, neurons=300, width=1100, vocabulary=1500))).verdict == "none"


def test_other_widths_are_not_compared() -> None:
    assert compared(PARENT, drawn(1, width=40)).verdict == "none"


@pytest.mark.parametrize("name", [*GATED, *PLAIN])
def test_every_architecture_has_a_sketch(name: str) -> None:
    tensors = (GATED | PLAIN)[name]
    model = weights(tensors)
    found = trace(Weights([BytesSource(sketched(model))]), model)
    assert found.verdict == "derived"
    assert found.log10_p is not None
    assert found.log10_p < -40


def test_a_model_that_lost_its_gates_has_the_order_of_the_rest() -> None:
    found = trace(kept(PARENT), kept(PARENT, gpt2))
    assert found.verdict == "derived"
    assert found.architectures == ("LLaMA", "GPT-2")


def test_what_is_not_in_the_table_has_no_sketch() -> None:
    with pytest.raises(Unsupported, match="is not in Tukar's table"):
        sketched(weights({"a.weight": np.ones((4, 4), np.float32)}))
    with pytest.raises(Unsupported, match="is not in Tukar's table"):
        trace(kept(PARENT), weights({"a.weight": np.ones((4, 4), np.float32)}))


TOLD: Described = {
    "format": FORMAT,
    "architecture": "LLaMA",
    "layers": "2",
    "width": "8",
    "blocks": "[[0,0],[1,0]]",
}
SHAPES = {f"{number}.{part}": ("I8", (4, 8)) for number in range(2) for part in ("gate", "up", "down")}


def file(told: Described = TOLD, shapes: Mapping[str, tuple[str, tuple[int, ...]]] = SHAPES) -> Weights:
    data = bytes(range(1, 33)) * sum(1 for _ in shapes)
    start = safetensors_header(shapes, told)
    length = sum(int(np.prod(shape)) * (4 if dtype == "F32" else 1) for dtype, shape in shapes.values())
    return Weights([BytesSource(start + (data * 99)[:length])])


def test_the_least_that_is_whole_is_opened() -> None:
    found = ModelSketch(file())
    assert (found.width, found.layers, len(found.blocks), found.tokens(5)) == (8, 2, 2, None)


@pytest.mark.parametrize(
    "told",
    [
        {"architecture": ""},
        {"architecture": "x" * 41},
        {"architecture": "\x1b[31mred"},
        {"layers": "0"},
        {"layers": "-1"},
        {"layers": "many"},
        {"layers": "9" * 5000},
        {"width": "1e3"},
        {"width": str(1 << 40)},
        {"width": "16"},
        {"blocks": "[]"},
        {"blocks": "[" * 100_000},
        {"blocks": "[[0,0]"},
        {"blocks": "[[0],[1]]"},
        {"blocks": "[[0,0],[2,0]]"},
        {"blocks": "[[0,-1],[1,0]]"},
        {"blocks": "[[true,0],[1,0]]"},
        {"blocks": "[[0,0],[1,0],[1,1]]"},
        {"blocks": "7"},
        {"blocks": json.dumps([[0, 0]] * 2000)},
    ],
)
def test_a_wrong_description_is_refused(told: Described) -> None:
    with pytest.raises(Invalid, match="damaged"):
        ModelSketch(file({**TOLD, **told}))


@pytest.mark.parametrize("name", ["architecture", "layers", "width", "blocks"])
def test_nothing_may_be_missing(name: str) -> None:
    with pytest.raises(Invalid, match="damaged"):
        ModelSketch(file({key: value for key, value in TOLD.items() if key != name}))


@pytest.mark.parametrize(
    "shapes",
    [
        {"1.up": ("I8", (5, 8))},
        {"1.up": ("I8", (32,))},
        {"1.up": ("U8", (4, 8))},
        {"1.up": ("F32", (4, 8))},
        {"0.gate": ("I8", (0, 8)), "0.up": ("I8", (0, 8)), "0.down": ("I8", (0, 8))},
        {f"0.{part}": ("I8", (193, 8)) for part in ("gate", "up", "down")},
        {"tokens": ("I8", (1025, 8))},
        {"tokens": ("I8", (4, 7))},
        {"tokens": ("I8", (4, 8, 1))},
    ],
)
def test_wrong_shapes_are_refused(shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    with pytest.raises(Invalid, match="damaged"):
        ModelSketch(file(TOLD, {**SHAPES, **shapes}))


def test_a_part_that_is_missing_is_told() -> None:
    with pytest.raises(Invalid, match=r"damaged: it has no 1\.down"):
        ModelSketch(file(TOLD, {name: shape for name, shape in SHAPES.items() if name != "1.down"}))


def test_another_form_is_to_be_made_again() -> None:
    other = file({**TOLD, "format": "tukar-sketch-2"})
    assert is_sketch(other)
    with pytest.raises(Unsupported, match=FORMAT):
        trace(other, kept(PARENT))


def test_weights_are_no_sketch() -> None:
    assert not is_sketch(weights(llama(PARENT)))


@given(
    st.dictionaries(st.sampled_from(list(TOLD)), st.text("0123456789[],-+.eE x", max_size=20)),
    st.dictionaries(
        st.sampled_from([*SHAPES, "tokens"]),
        st.tuples(st.sampled_from(["I8", "U8", "F32"]), st.lists(st.integers(0, 9), max_size=3).map(tuple)),
    ),
)
def test_whatever_it_says_an_error_is_one_of_ours(
    told: Described, shapes: Mapping[str, tuple[str, tuple[int, ...]]]
) -> None:
    try:
        one = file({**TOLD, **told, "format": FORMAT}, {**SHAPES, **shapes})
        found = trace(one, one)
    except TukarError:
        return
    assert found.verdict in ("derived", "shared-start", "review", "none")
