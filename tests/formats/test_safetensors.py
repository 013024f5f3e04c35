import json
import random

import pytest

from tukar.formats.safetensors import BITS, MAX_HEADER, MAX_METADATA, Safetensors, safetensors_header
from tukar.objects.sources import BytesSource
from tukar.testing.formats import FormatContract
from tukar.testing.models import tiny_safetensors
from tukar.testing.sources import CountingSource, SparseSource
from tukar.types import Layout, TensorInfo

HUGE = safetensors_header({"a": ("F32", (1 << 20, 1 << 20)), "b": ("U8", (7,))})


class TestSafetensors(FormatContract):
    format = Safetensors()
    samples = (
        tiny_safetensors(),
        tiny_safetensors(1, metadata={"format": "pt", "note": 'a "quoted" {brace}'}),
        tiny_safetensors(
            2, {"empty": ("F16", (0, 3)), "a": ("F6_E2M3", (4, 3)), "b": ("F4", (6,)), "c": ("C64", (2,))}
        ),
        tiny_safetensors(3, {}),
    )
    huge = SparseSource(HUGE, len(HUGE) + (1 << 42) + 7)


def file_of(header: object, data: bytes = b"") -> bytes:
    """A file of a header (JSON text, or what to make it of) and data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def layout_of(file: bytes) -> Layout | None:
    return Safetensors().open(BytesSource(file))


def entry(shape: list[object], start: object, stop: object, dtype: object = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def test_names_dtypes_shapes_and_places_are_those_of_the_header() -> None:
    b, a = b'{"dtype":"BF16","shape":[2,3],"data_offsets":[1,13]}', b'{"dtype":"U8","shape":[],"data_offsets":[0,1]}'
    header = b'{"b":' + b + b',"a":' + a + b"}  "
    start = 8 + len(header)
    assert layout_of(file_of(header, bytes(13))) == Layout(
        "safetensors",
        (TensorInfo("a", "U8", (), start, start + 1), TensorInfo("b", "BF16", (2, 3), start + 1, start + 13)),
    )


def test_metadata_are_given_as_written() -> None:
    header = {"__metadata__": {"format": "pt", "größe": "7B\n"}, "a": entry([1], 0, 1)}
    layout = layout_of(file_of(header, b"x"))
    assert layout is not None
    assert layout.metadata == {"format": "pt", "größe": "7B\n"}


def test_metadata_beyond_the_bound_are_left_out() -> None:
    layout = layout_of(file_of({"__metadata__": {"tags": "x" * MAX_METADATA}, "a": entry([1], 0, 1)}, b"x"))
    assert layout is not None
    assert layout.metadata == {}
    assert [tensor.name for tensor in layout.tensors] == ["a"]


def test_names_may_hold_escapes_braces_and_any_script() -> None:
    names = ["{a}", 'b"c', "d\\", "権重", "e\u0000f"]
    layout = layout_of(file_of({name: entry([1], index, index + 1) for index, name in enumerate(names)}, bytes(5)))
    assert layout is not None
    assert [tensor.name for tensor in layout.tensors] == names


@pytest.mark.parametrize("dtype", sorted(BITS))
def test_the_length_of_every_dtype_is_checked(dtype: str) -> None:
    length = BITS[dtype]  # bytes of 8 elements
    assert layout_of(file_of({"a": entry([2, 4], 0, length, dtype)}, bytes(length))) is not None
    assert layout_of(file_of({"a": entry([2, 4], 0, length + 1, dtype)}, bytes(length + 1))) is None


def test_a_dtype_that_is_not_known_yet_is_taken_with_its_offsets() -> None:
    layout = layout_of(file_of({"a": entry([5], 0, 3, "F5_NEW")}, bytes(3)))
    assert layout is not None
    assert (layout.tensors[0].dtype, layout.tensors[0].nbytes) == ("F5_NEW", 3)


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry([1], 0, 1), "b": entry([1], 2, 3)},  # a gap
        {"a": entry([2], 0, 2), "b": entry([2], 1, 3)},  # an overlap
        {"a": entry([2], 0, 2)},  # a byte too few
        {"a": entry([4], 0, 4)},  # a byte too many
        {"a": entry([3], 1, 4)},  # not from the start
        {"a": entry([-3], 0, 3)},
        {"a": entry([3.0], 0, 3)},
        {"a": entry([True, 3], 0, 3)},
        {"a": entry([3], 3, 0)},
        {"a": entry([3], False, 3)},
        {"a": entry([1 << 63], 0, 3, "NEW")},
        {"a": entry([3], 0, 3, 8)},
        {"a": entry([3], 0, 3, "\ud800")},
        {"a": {"dtype": "U8", "shape": [3]}},
        {"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3, 3]}},
        {"a": {**entry([3], 0, 3), "more": {}}},
        {"a": entry([3], 0, 3), "__metadata__": {"version": 1}},
        {"a": entry([3], 0, 3), "__metadata__": None},
        {"a" * 257: entry([3], 0, 3)},
        {"\ud800": entry([3], 0, 3)},
        {"a": entry([1] * 65, 0, 1), "b": entry([2], 1, 3)},
        {"a": entry([3], 0, 3, "x" * 2048)},
        [entry([3], 0, 3)],
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"a":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}}',
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3],"shape":[3]}}',
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"__metadata__":{},"__metadata__":{}}',
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}} x',
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},}',
        b'{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}',
        b'{"\xff":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}',
        b"\x00{}",
    ],
)
def test_a_header_that_is_not_valid_is_refused(header: object) -> None:
    assert layout_of(file_of(header, bytes(3))) is None


def test_a_header_longer_than_the_file_or_the_bound_is_not_read() -> None:
    for length, size in ((101, 108), (MAX_HEADER + 1, 1 << 40), ((1 << 64) - 1, 1 << 40)):
        source = CountingSource(SparseSource(length.to_bytes(8, "little") + b"{}", size))
        assert Safetensors().open(source) is None
        assert source.total == 8


@pytest.mark.parametrize(
    "header",
    [
        b'{"' + b"\\a" * 500_000,
        b'{"a":' + b"[" * 1_000_000,
        b'{"a":{"b":' + b"[" * 4000 + b"]" * 4000 + b"}}",
        b'{"a":{' + b'"a":"' * 200_000,
        b'{"a":{"dtype":"' + b"{" * 1_000_000,
        b" " * 1_000_000,
    ],
    ids=["escapes", "lists", "nested", "strings", "braces", "space"],
)
def test_a_hostile_header_is_refused(header: bytes) -> None:
    assert layout_of(file_of(header)) is None


@pytest.mark.slow
def test_a_header_of_a_hundred_thousand_tensors_is_read() -> None:
    shapes = {f"model.layers.{index}.mlp.experts.weight": ("BF16", (2, 2)) for index in range(100_000)}
    header = safetensors_header(shapes)
    layout = Safetensors().open(SparseSource(header, len(header) + 800_000))
    assert layout is not None
    assert [tensor.name for tensor in layout.tensors] == list(shapes)


@pytest.mark.slow
def test_more_tensors_than_the_bound_are_refused() -> None:
    header = safetensors_header({str(index): ("U8", (0,)) for index in range((1 << 17) + 1)})
    assert Safetensors().open(SparseSource(header, len(header))) is None


def test_the_order_of_the_header_does_not_matter() -> None:
    members = [(str(index), entry([index], index * (index - 1) // 2, index * (index + 1) // 2)) for index in range(20)]
    expected = layout_of(file_of(dict(members), bytes(190)))
    random.Random(1).shuffle(members)
    assert layout_of(file_of(dict(members), bytes(190))) == expected
    assert expected is not None
