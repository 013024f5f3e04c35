"""A model's tensors by name, read when they are asked for, from as many files as it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Final

import numpy as np

from tukar.errors import Invalid
from tukar.formats import open_file
from tukar.formats.safetensors import expected_size
from tukar.lineage.floats import Array, as_floats, finite
from tukar.types import ByteSource, TensorInfo

_FAR: Final = (
    128 << 10
)  # bytes of a row, from which on a disk has what is wanted of the next one sooner than all between


class Weights:
    """The tensors of one model.

    Attributes:
        name: what it is called.
        metadata: of its files together; of GGUF files, what describes the model.
        no_numbers: the tensors of which something was read that is no number, or far too large for a weight.
    """

    def __init__(self, files: Iterable[ByteSource], name: str = "the model") -> None:
        """Open safetensors and GGUF files, shards of one model.

        Args:
            name: of the model, for errors.

        Raises:
            Invalid: one is no such file, or damaged, or two have the same tensor.
        """
        self.name = name
        self._found: dict[str, tuple[ByteSource, TensorInfo]] = {}
        self.no_numbers: set[str] = set()
        metadata: dict[str, object] = {}
        for file in files:
            layout = open_file(file)
            if not layout.tensors:
                raise _unreadable(name, file)
            metadata |= layout.metadata
            for info in layout.tensors:
                if info.name in self._found:
                    raise Invalid(f"two files of {name} have a tensor named {info.name[:80]}")
                self._found[info.name] = file, info
        if not self._found:
            raise Invalid(f"there are no files of {name}")
        self.metadata: Mapping[str, object] = metadata

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def shape(self, name: str) -> tuple[int, ...]:
        """Outermost dimension first, in elements."""
        return self._found[name][1].shape

    def dtype(self, name: str) -> str:
        """The format's own name for the element type."""
        return self._found[name][1].dtype

    def read(self, name: str, start: int = 0, stop: int | None = None, columns: int | None = None) -> Array:
        """The elements from ``start`` to ``stop`` along the first axis, as 32-bit floats.

        A scalar is read whole; of a matrix, the first ``columns`` of each row, if that is given. What is no number, or
        far too large for a weight, is 0. Unsupported if their type cannot be read as numbers.
        """
        read = self._read(name, start, stop, columns)
        found = finite(read)
        if found is not read:
            self.no_numbers.add(name)
        return found

    def _read(self, name: str, start: int, stop: int | None, columns: int | None) -> Array:
        file, info = self._found[name]
        if not info.shape:
            return as_floats(info.dtype, file.read(info.start, info.stop), ())
        stop = info.shape[0] if stop is None else min(stop, info.shape[0])
        if not prod(info.shape):
            shape = (stop - start, *info.shape[1:])
            return np.zeros(shape if columns is None else (shape[0], min(columns, shape[1])), np.float32)
        one = info.nbytes // max(info.shape[0], 1)
        first, last = info.start + start * one, info.start + stop * one
        if columns is None or columns >= info.shape[1]:
            return as_floats(info.dtype, file.read(first, last), (stop - start, *info.shape[1:]))
        if one % info.shape[1]:  # elements have no bytes of their own
            return self._read(name, start, stop, None)[:, :columns]
        part = one // info.shape[1] * columns
        if one >= _FAR:
            data = b"".join(file.read(at, at + part) for at in range(first, last, one))
        else:
            data = np.frombuffer(file.read(first, last), np.uint8).reshape(-1, one)[:, :part].tobytes()
        return as_floats(info.dtype, data, (stop - start, columns))


def _unreadable(name: str, file: ByteSource) -> Invalid:
    missing = expected_size(file)
    if missing is not None and missing > file.size:
        told = f"{name}: a file is cut short: {file.size:,} bytes of {missing:,} are there"
        return Invalid(told, hint="fetch it again")
    return Invalid(f"{name}: there are no tensors here: neither safetensors nor GGUF, or damaged")
