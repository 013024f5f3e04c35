"""Peers that come from elsewhere, each through the functions of its own package (requirements/bench-storage.txt).

What cannot be imported is reported as missing, and the others are measured without it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.storage.coders import FEW, Coder, Stored, Tensorwise, xor
from benchmarks.storage.models import Known, Tensor
from tukar.codecs.base import Buffer

LMZIP = "lmzip"


def peers(work: Path) -> tuple[list[Coder], list[str]]:
    """Those that are installed; and of the others what was wrong."""
    makers: dict[str, Callable[[], Coder]] = {
        "lmzip": Lmzip,
        "zipnn": ZipNN,
        "openzl": OpenZL,
        "xdelta3": lambda: Xdelta(work / "xdelta"),
        "hf-xet": lambda: Xet(work / "xet"),
    }
    found, missing = [], []
    for name, make in makers.items():
        try:
            found.append(make())
        except (ImportError, OSError, AttributeError) as error:
            missing.append(f"{name}: {error}")
    return found, missing


class Lmzip(Tensorwise):
    """The coder of lmzip, which takes the XOR, splits its fields and codes them, in its chunks of 8 MiB."""

    _WIDTHS: ClassVar = {"F32": 4, "BF16": 2, "F16": 2}

    def __init__(self) -> None:
        self._codec: Any = import_module("lmz.codec")
        api, planner = import_module("lmz.api"), import_module("lmz.planner")
        self.name, self._step = f"{LMZIP} {version('lmzip')}", api.DEFAULT_CHUNK_SIZE
        self._level, self._bf16, self._bytes = api.DEFAULT_LEVEL, planner.KIND_BF16, planner.KIND_BYTES
        self.note = "its chunk coder, in memory"

    def encode(self, tensor: Tensor) -> Stored:
        known, kept = tensor.known, []
        width, kind = self._of(known)
        for start in range(0, known.size, self._step):
            raw = tensor.raw[start : start + self._step]
            if known.base is None:
                parts, codec, flags, crc = self._codec.encode_chunk(raw, width, self._level, kind=kind)
            else:
                base = known.base[start : start + self._step]
                parts, flags, crc = self._codec.encode_delta(raw, base, width, self._level, kind=kind)
                codec = None
            kept.append((b"".join(bytes(part) for part in parts), codec, flags, crc, len(raw)))
        return Stored(sum(len(each[0]) for each in kept), kept)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        width, _ = self._of(known)
        for (data, codec, flags, crc, size), start in zip(stored.kept, itertools.count(0, self._step), strict=False):
            if known.base is None:
                yield self._codec.decode_chunk(data, codec, width, flags, size, crc)
            else:
                base = memoryview(known.base)[start : start + size]
                yield self._codec.decode_delta(data, width, flags, size, base, crc)

    def _of(self, known: Known) -> tuple[int, Any]:
        return self._WIDTHS.get(known.dtype, 1), self._bf16 if known.dtype == "BF16" else self._bytes


class ZipNN(Tensorwise):
    """zipnn, with its delta mode where there is a base."""

    _NAMES: ClassVar = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}

    def __init__(self) -> None:
        self._module: Any = import_module("zipnn")
        self.name = f"zipnn {version('zipnn')}"

    def encode(self, tensor: Tensor) -> Stored:
        if tensor.known.dtype not in self._NAMES:
            return Stored(len(tensor.raw), tensor.raw)
        own = bytearray(tensor.raw)  # it works in place
        given = {} if tensor.known.base is None else {"delta_second_data": tensor.known.base}
        data = self._of(tensor.known).compress(own, **given)
        return Stored(len(data), data)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        if known.dtype not in self._NAMES:
            yield stored.kept
            return
        given = {} if known.base is None else {"delta_second_data": known.base}
        yield self._of(known).decompress(stored.kept, **given)

    def _of(self, known: Known) -> Any:
        mode = {} if known.base is None else {"delta_compressed_type": "byte"}
        return self._module.ZipNN(bytearray_dtype=self._NAMES[known.dtype], threads=1, **mode)


class OpenZL(Tensorwise):
    """OpenZL: floats taken apart, each part under FSE. It knows no bases, so the XOR is taken for it."""

    _STEP = 8 << 20  # elements; its binding fails on very many at once
    _NODES: ClassVar = {"F32": "Float32Deconstruct", "BF16": "BFloat16Deconstruct", "F16": "Float16Deconstruct"}

    def __init__(self) -> None:
        self._ext: Any = import_module("openzl.ext")
        self.name, self.note = f"XOR + openzl {version('openzl')}", "XOR by numpy; its binding copies"
        self._compressors = {dtype: self._compressor(node) for dtype, node in self._NODES.items()}

    def _compressor(self, node: str) -> tuple[Any, Any]:
        ext, compressor = self._ext, self._ext.Compressor()
        part = ext.graphs.Fse()(compressor)
        return compressor, getattr(ext.nodes, node)()(compressor, part, part)

    def encode(self, tensor: Tensor) -> Stored:
        known = tensor.known
        if known.dtype not in self._NODES:
            return Stored(len(tensor.raw), tensor.raw)
        data: Buffer = tensor.raw if known.base is None else xor(tensor.raw, known.base)
        numbers = np.frombuffer(data, "<u4" if known.dtype == "F32" else "<u2")
        kept = [
            self._compress(known.dtype, numbers[start : start + self._STEP])
            for start in range(0, len(numbers), self._STEP)
        ]
        return Stored(sum(map(len, kept)), kept)

    def _compress(self, dtype: str, numbers: Any) -> bytes:
        ext = self._ext
        compressor, graph = self._compressors[dtype]
        context = ext.CCtx()
        context.ref_compressor(compressor)
        context.set_parameter(ext.CParam.FormatVersion, ext.MAX_FORMAT_VERSION)
        context.select_starting_graph(compressor, graph)
        made: bytes = context.compress([ext.Input(ext.Type.Numeric, numbers)])
        return made

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        if known.dtype not in self._NODES:
            yield stored.kept
            return
        start = 0
        for data in stored.kept:
            (output,) = self._ext.DCtx().decompress(data)
            raw = memoryview(output.content.as_nparray()).cast("B")
            yield raw if known.base is None else xor(raw, memoryview(known.base)[start : start + len(raw)])
            start += len(raw)


class Xdelta:
    """xdelta3 (VCDIFF), whose binding takes files. It looks for matches, and takes a second for a megabyte."""

    takes_files = True
    is_slow = True
    only: Sequence[str] | None = FEW

    def __init__(self, work: Path) -> None:
        self._module: Any = import_module("pyxdelta")
        self.name, self.note = f"xdelta3 (pyxdelta {version('pyxdelta')})", "to and from files; small models only"
        self._base, self._child, self._patch = (work / name for name in ("base", "child", "patch"))
        work.mkdir(parents=True, exist_ok=True)

    def prepare(self, tensor: Tensor) -> None:
        """Files, as it wants them."""
        self._base.write_bytes(tensor.known.base or b"")
        self._child.write_bytes(tensor.raw)

    def encode(self, tensor: Tensor) -> Stored:
        done = self._module.run(infile=str(self._base), outfile=str(self._child), patchfile=str(self._patch))
        return Stored(self._patch.stat().st_size if done else tensor.known.size, self._patch.read_bytes())

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        self._patch.write_bytes(stored.kept)
        self._module.decode(infile=str(self._base), patchfile=str(self._patch), outfile=str(self._child))
        yield self._child.read_bytes()


class Xet:
    """hf-xet: chunks that are stored once, each compressed, through its own client and its own store in a folder.

    The store has the base, and nothing else, when a child comes. What it grows by are xorbs and shards.
    """

    takes_files = True
    is_slow = True
    only: Sequence[str] | None = None
    note = "to and from files, with their SHA-256; chunks only, no base is read"

    def __init__(self, work: Path) -> None:
        os.environ["HF_XET_CHUNK_CACHE_SIZE_BYTES"] = "0"
        self._module: Any = import_module("hf_xet")
        warnings.filterwarnings("ignore", "hf_xet", DeprecationWarning)
        self.name = f"hf-xet {version('hf-xet')}"
        self._work = work
        self._bases: dict[int, Path] = {}

    def encode(self, tensor: Tensor) -> Stored:
        store = self._work / "store"
        before = stored_bytes(store)
        info = self.add(store, tensor.raw)
        return Stored(stored_bytes(store) - before, (store, info))

    def prepare(self, tensor: Tensor) -> None:
        """A store with the base alone."""
        base, store = self._with_base(tensor.known.base), self._work / "store"
        shutil.rmtree(store, ignore_errors=True)
        if base is not None:
            shutil.copytree(base, store)

    def decode(self, stored: Stored, known: Known) -> Iterator[Buffer]:
        store, info = stored.kept
        path = self._work / "out"
        wanted = self._module.PyXetDownloadInfo(str(path), info.hash, info.file_size)
        self._module.download_files([wanted], f"local://{store}", None, None, None)
        yield path.read_bytes()
        path.unlink()

    def add(self, store: Path, raw: bytes | Path) -> Any:
        """Put content into a store; what it is known by."""
        path = raw if isinstance(raw, Path) else self._work / "in"
        if isinstance(raw, bytes):
            self._work.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        (info,) = self._module.upload_files([str(path)], f"local://{store}", None, None, None, "model")
        return info

    def _with_base(self, base: bytes | None) -> Path | None:
        if base is None:
            return None
        found = self._work / f"base-{hash(base):x}"
        if not found.exists():
            for old in self._work.glob("base-*"):
                shutil.rmtree(old)
            self.add(found, base)
        return found


def stored_bytes(store: Path) -> int:
    """What a store of hf-xet has of files: xorbs and shards, without its caches and databases."""
    kept = [*store.glob("xet/xorbs/xorbs/*"), *store.glob("xet/xorbs/shards/*")]
    return sum(path.stat().st_size for path in kept if not path.name.endswith(".tagset"))
