"""Weight files: safetensors in and out, and float32 to bfloat16 and back. NumPy has no bfloat16: its bits are uint16.

Source of the format: the safetensors README ("Format"): eight bytes with the header's length, a JSON header, the data.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.generic]]
"""Tensors by name, in the file's order; a uint16 array holds bfloat16 bits."""

DTYPES: dict[str, np.dtype[np.generic]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8"), "BF16": np.dtype("<u2")}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16 of each value, ties to even, as bits; a NaN stays a (quiet) NaN of its sign.

    bfloat16 is float32's upper half, so rounding is adding just under half a unit, one more where the unit is odd.
    """
    bits = np.ascontiguousarray(values, dtype="<f4").view("<u4")
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x0040)
    return np.where(np.isnan(values), quiet, rounded).astype("<u2")


def from_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The values of bfloat16 *bits*, exactly."""
    return (bits.astype("<u4") << np.uint32(16)).view("<f4")


def floats(tensor: NDArray[np.generic]) -> NDArray[np.float32]:
    """A float tensor's values as float32, whichever of the two float types it is stored as."""
    if tensor.dtype == DTYPES["BF16"]:
        return from_bfloat16(tensor.view(np.uint16))
    return tensor.astype(np.float32, copy=False)


def read(path: Path) -> Weights:
    """The tensors of a safetensors file, as read-only views of its bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    data = memoryview(content)[start:]
    return {name: _view(data, **entry) for name, entry in header.items()}


def _view(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> NDArray[np.generic]:
    begin, end = data_offsets
    values: NDArray[np.generic] = np.frombuffer(data[begin:end], DTYPES[dtype])
    return values.reshape(shape)


def write(path: Path, weights: Weights) -> None:
    """Write *weights* as safetensors, in their order: the same tensors give the same bytes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in weights.items():
        span = [offset, offset + tensor.nbytes]
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": span}
        offset = span[1]
    text = json.dumps(header, separators=(",", ":")).encode()
    # The data must start at a multiple of eight bytes; the format pads its header with spaces.
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in weights.values():
            file.write(np.ascontiguousarray(tensor).tobytes())
