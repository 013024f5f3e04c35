"""The generators that other tests rely on."""

import tracemalloc
from pathlib import Path

from tukar.formats import open_file
from tukar.formats.shards import parse_index
from tukar.objects.sources import BytesSource, FileSource
from tukar.testing.models import (
    TINY,
    big_model,
    big_safetensors,
    llama_shapes,
    tiny_gguf,
    tiny_safetensors,
    tiny_sharded,
)
from tukar.testing.weights import weights


def test_the_same_seed_gives_the_same_file_and_another_seed_another() -> None:
    assert tiny_safetensors(1) == tiny_safetensors(1) != tiny_safetensors(2)
    assert tiny_gguf(1) == tiny_gguf(1) != tiny_gguf(2)
    assert tiny_sharded(1) == tiny_sharded(1) != tiny_sharded(2)


def test_a_tensor_does_not_depend_on_the_file_that_it_is_in() -> None:
    whole, shards = tiny_safetensors(1), tiny_sharded(1)
    for path in (path for path in shards if path.endswith(".safetensors")):
        for tensor in open_file(BytesSource(shards[path])).tensors:
            assert shards[path][tensor.start : tensor.stop] in whole


def test_weights_are_as_long_as_asked_for_and_begin_the_same() -> None:
    for nbytes in (0, 2, 1 << 20, (1 << 20) + 2, 3 << 20):
        made = b"".join(weights("BF16", nbytes, "seed"))
        assert len(made) == nbytes
        assert made[:1000] == b"".join(weights("BF16", 1000, "seed"))[:nbytes]
        assert {byte & 0x7C for byte in made[1::2]} <= {0x3C}


def test_the_seven_billion_have_seven_billion_parameters() -> None:
    shapes = llama_shapes()
    parameters = sum(shape[0] * (shape[1] if len(shape) == 2 else 1) for _, shape in shapes.values())
    assert parameters == 6_738_415_616  # LLaMA 7B, as its authors and transformers count it


def test_a_large_file_is_written_in_little_memory(tmp_path: Path) -> None:
    shapes = {"a": ("BF16", (8 << 10, 1 << 10)), "b": ("F32", (2 << 10, 1 << 10)), "c": ("U8", (5,))}
    tracemalloc.start()
    try:
        size = big_safetensors(tmp_path / "model.safetensors", shapes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20 < size
    with FileSource(tmp_path / "model.safetensors") as file:
        assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in open_file(file).tensors} == shapes
        assert file.size == size


def test_a_large_model_is_split_into_shards_that_its_index_names(tmp_path: Path) -> None:
    shapes = llama_shapes(layers=2, hidden=64, inner=172, vocabulary=100)
    total = big_model(tmp_path, shapes, shard_bytes=60_000)
    index = parse_index((tmp_path / "model.safetensors.index.json").read_bytes())
    found = {}
    for path in sorted(tmp_path.glob("*.safetensors")):
        with FileSource(path) as file:
            found |= {tensor.name: path.name for tensor in open_file(file).tensors}
            total -= file.size
    assert found == index
    assert list(found) == list(shapes)
    assert len(set(index.values())) > 3
    assert total == 0


def test_the_tiny_model_has_several_dtypes_and_a_scalar() -> None:
    assert {dtype for dtype, _ in TINY.values()} == {"BF16", "F32", "I64"}
    assert () in {shape for _, shape in TINY.values()}
