import math
import struct

import pytest

from tukar.formats.ggml import TYPES
from tukar.formats.gguf import Gguf
from tukar.objects.sources import BytesSource
from tukar.testing.formats import FormatContract
from tukar.testing.gguf import gguf_start, tensor_info, tiny_gguf, typed
from tukar.testing.sources import CountingSource, SparseSource
from tukar.types import Layout

NUMBERS = {kind.name: number for number, kind in TYPES.items()}
HUGE = gguf_start(1, {"a": "b"}) + tensor_info("a", 0, (1 << 20, 1 << 20), 0)


class TestGguf(FormatContract):
    format = Gguf()
    samples = (
        tiny_gguf(),
        tiny_gguf(1, version=2),
        tiny_gguf(2, alignment=64),
        tiny_gguf(3, {}, {}),
        tiny_gguf(4, {"one": ("F32", ())}),
        tiny_gguf(5, metadata={"nested": [[1, 2], [], [3]], "mixed": [["a"], ["b" * 20]], "long": [[1]] * 70}),
    )
    huge = SparseSource(HUGE, len(HUGE) + -len(HUGE) % 32 + (1 << 42))


def padded(data: bytes, alignment: int = 32) -> bytes:
    return data + bytes(-len(data) % alignment)


def layout_of(file: bytes) -> Layout | None:
    return Gguf().open(BytesSource(file))


def with_metadata(*pairs: tuple[str, bytes], claimed: int | None = None) -> bytes:
    """A file without tensors: keys with values that are already written, types included."""
    body = b"".join(struct.pack("<Q", len(key)) + key.encode() + value for key, value in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) if claimed is None else claimed) + body


def with_tensors(*infos: bytes, data: bytes) -> bytes:
    return padded(gguf_start(len(infos), {}) + b"".join(infos)) + data


def test_shapes_are_outermost_first_and_places_are_aligned() -> None:
    infos = [tensor_info("b", NUMBERS["Q4_0"], (64, 3), 32), tensor_info("a", NUMBERS["F16"], (5, 2), 0)]
    file = with_tensors(*infos, data=bytes(32 + 108))
    layout = layout_of(file)
    assert layout is not None
    start = len(file) - 140
    assert [(tensor.name, tensor.dtype, tensor.shape, tensor.start, tensor.stop) for tensor in layout.tensors] == [
        ("a", "F16", (2, 5), start, start + 20),
        ("b", "Q4_0", (3, 64), start + 32, start + 140),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (struct.pack("<IB", 0, 200), 200),
        (struct.pack("<Ib", 1, -100), -100),
        (struct.pack("<IH", 2, 60000), 60000),
        (struct.pack("<Ih", 3, -30000), -30000),
        (struct.pack("<II", 4, 1 << 31), 1 << 31),
        (struct.pack("<Ii", 5, -(1 << 31)), -(1 << 31)),
        (struct.pack("<If", 6, 0.5), 0.5),
        (struct.pack("<If", 6, math.inf), "inf"),
        (struct.pack("<I?", 7, True), True),
        (typed("naïve"), "naïve"),
        (struct.pack("<IQ", 8, 2) + b"\xff!", "\ufffd!"),
        (struct.pack("<IQ", 10, 1 << 63), 1 << 63),
        (struct.pack("<Iq", 11, -(1 << 63)), -(1 << 63)),
        (struct.pack("<Id", 12, 0.1), 0.1),
        (struct.pack("<Id", 12, math.nan), "nan"),
        (typed([]), []),
        (typed([1, 2]), [1, 2]),
        (typed([["a"], ["b", "c"]]), [["a"], ["b", "c"]]),
        (typed([1] * 64), [1] * 64),
        (typed([1] * 65), {"array": "UINT32", "length": 65}),
        (typed([True] * 1000), {"array": "BOOL", "length": 1000}),
        (typed(["x"] * 49152), {"array": "STRING", "length": 49152}),
        (typed([["x"] * 3] * 100), {"array": "ARRAY", "length": 100}),
        (typed("x" * 70_000), {"string": "UTF-8", "length": 70_000}),
    ],
)
def test_metadata_are_plain_json_and_large_values_are_summarised(value: bytes, expected: object) -> None:
    layout = layout_of(with_metadata(("first", value), ("last", typed("read on"))))
    assert layout is not None
    assert layout.metadata == {"first": expected, "last": "read on"}
    assert type(layout.metadata["first"]) is type(expected)


@pytest.mark.parametrize("number", sorted(number for number, kind in TYPES.items() if kind.elements))
def test_a_tensor_of_every_type_has_the_length_of_its_blocks(number: int) -> None:
    kind = TYPES[number]
    info = tensor_info("a", number, (kind.elements * 2, 3), 0)
    layout = layout_of(with_tensors(info, data=bytes(kind.nbytes * 6)))
    assert layout is not None
    assert (layout.tensors[0].dtype, layout.tensors[0].nbytes) == (kind.name, kind.nbytes * 6)
    assert layout_of(with_tensors(info, data=bytes(kind.nbytes * 6 - 1))) is None


def test_a_type_without_a_known_block_size_reaches_to_the_next_tensor_or_the_end() -> None:
    infos = [tensor_info("a", 42, (128,), 0), tensor_info("b", 0, (8,), 64), tensor_info("c", 142, (100,), 96)]
    file = with_tensors(*infos, data=bytes(96 + 33))
    layout = layout_of(file)
    assert layout is not None
    assert [(tensor.dtype, tensor.nbytes) for tensor in layout.tensors] == [
        ("Q2_0", 64),
        ("F32", 32),
        ("GGML_TYPE_142", 33),
    ]


@pytest.mark.parametrize(
    "infos",
    [
        [tensor_info("a", 0, (8,), 8)],  # not aligned
        [tensor_info("a", 0, (9,), 0), tensor_info("b", 0, (8,), 32)],  # an overlap
        [tensor_info("a", 0, (8,), 0), tensor_info("a", 0, (8,), 32)],  # a name twice
        [tensor_info("a", 0, (8,), 0), tensor_info("b", 0, (8,), 64)],  # beyond the end
        [tensor_info("a", 0, (1 << 40, 1 << 40), 0)],
        [tensor_info("a", 0, (1 << 63,), 0)],
        [tensor_info("a", 2, (16,), 0)],  # half a block
        [tensor_info("a", 2, (), 0)],
        [tensor_info("a", 0, (1,) * 65, 0)],
        [tensor_info("a", 0, (8,), (1 << 64) - 32)],
        [tensor_info("a" * 257, 0, (8,), 0)],
    ],
)
def test_tensors_that_do_not_fit_are_refused(infos: list[bytes]) -> None:
    assert layout_of(with_tensors(*infos, data=bytes(64))) is None


@pytest.mark.parametrize(
    "file",
    [
        tiny_gguf(version=1),
        tiny_gguf(version=4),
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),  # big-endian
        b"GGML" + struct.pack("<IQQ", 3, 0, 0),
        with_metadata(("a", typed(1)), ("a", typed(2))),
        with_metadata(("", typed(1))),
        with_metadata(("a", struct.pack("<I", 13))),
        with_metadata(("a", struct.pack("<IIQ", 9, 13, 0))),
        with_metadata(("a", typed(1)), claimed=2),
        with_metadata(("a", typed(1)), claimed=1 << 60),
        with_metadata(("a", struct.pack("<IIQ", 9, 4, 1 << 60))),
        with_metadata(("a", struct.pack("<IIQ", 9, 8, 1 << 20))),
        with_metadata(("a", struct.pack("<IIQ", 9, 4, 100) + bytes(399))),
        with_metadata(("a", struct.pack("<IQ", 8, 1 << 60))),
        with_metadata(("a", struct.pack("<IQ", 8, 100_000) + bytes(99_999))),
        with_metadata(("a", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 6 + struct.pack("<IQ", 4, 0))),
        with_metadata(("general.alignment", typed(0))),
        with_metadata(("general.alignment", typed(24))),
        with_metadata(("general.alignment", typed("32"))),
        gguf_start(1, {}) + tensor_info("a", 0, (0,), 0)[:-1],
        b"GGUF" + struct.pack("<IQQ", 3, (1 << 17) + 1, 0) + bytes(1000),
    ],
)
def test_a_file_that_is_not_well_formed_is_refused(file: bytes) -> None:
    assert layout_of(file) is None


@pytest.mark.parametrize(
    "metadata",
    [
        [("a", struct.pack("<IIQ", 9, 8, 1 << 26))],  # 64 Mi empty strings
        [("a", struct.pack("<IIQ", 9, 9, 1 << 26))],
        [
            (str(index), struct.pack("<IIQ", 9, 8, 64) + (struct.pack("<Q", 60_000) + bytes(60_000)) * 64)
            for index in range(3)
        ],
        [(f"{index:060000}", typed(1)) for index in range(200)],
    ],
    ids=["strings", "arrays", "long strings", "long keys"],
)
def test_a_hostile_header_is_given_up_early(metadata: list[tuple[str, bytes]]) -> None:
    file = with_metadata(*metadata)
    source = CountingSource(SparseSource(file, 1 << 40))
    assert Gguf().open(source) is None
    assert source.total <= len(file) + (1 << 20)


def test_a_large_vocabulary_is_stepped_over_in_windows() -> None:
    words = struct.pack("<IIQ", 9, 8, 200_000) + (struct.pack("<Q", 7) + b"a token") * 200_000
    source = CountingSource(BytesSource(with_metadata(("tokens", words), ("b", typed(1)))))
    layout = Gguf().open(source)
    assert layout is not None
    assert layout.metadata == {"tokens": {"array": "STRING", "length": 200_000}, "b": 1}
    assert max(stop - start for start, stop in source.ranges) <= 256 << 10
