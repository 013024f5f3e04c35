"""What is pushed: small contents by name, the same in every process.

``text 3``: a small file that goes with a commit. ``noise 3``: opaque. ``model 3``: a safetensors file that shares all
tensors but one with every other. ``gguf 3``. ``xet 3``: goes through Xet, and shares a xorb with every other.
``family 13``: a safetensors file that is related to ``family 10`` to ``family 19``, and shares no tensor with them.
"""

from __future__ import annotations

import hashlib
from functools import cache

from blake3 import blake3

from tukar.formats.safetensors import safetensors_header
from tukar.testing import relations
from tukar.testing.models import Shapes, tiny_gguf
from tukar.testing.weights import weights
from tukar.testing.xet import MadeRun, MadeXorb

_TENSORS: Shapes = {f"model.layers.{layer}.weight": ("BF16", (64, 48)) for layer in range(4)}


@cache
def content(name: str) -> bytes:
    """The bytes of that name."""
    kind, _, number = name.partition(" ")
    match kind:
        case "text":
            return f"{name}\n".encode() * (7 * int(number) % 90)
        case "noise":
            return _noise(name, 9_000 + 7_001 * int(number) % 60_000)
        case "model":
            return _model(int(number))
        case "family":
            return relations.stored(_relative(int(number)))
        case "gguf":
            return tiny_gguf(int(number))
        case _:
            return b"".join(run.data for run in runs(name))


@cache
def sha256(name: str) -> str:
    """Of the bytes of that name."""
    return hashlib.sha256(content(name)).hexdigest()


def runs(name: str) -> tuple[MadeRun, ...]:
    """What a file that goes through Xet is put together from."""
    shared, own = _xorb("shared", 5), _xorb(name, 3)
    turn = len(name) % 2
    return (shared.run(turn, 4), own.run(), shared.run(0, 1))


@cache
def _xorb(name: str, chunks: int) -> MadeXorb:
    return MadeXorb(tuple(_noise(f"{name} {chunk}", 3_000 + 1_111 * chunk) for chunk in range(chunks)))


def _model(number: int) -> bytes:
    data = [safetensors_header(_TENSORS)]
    for index, (name, (dtype, (rows, columns))) in enumerate(_TENSORS.items()):
        seed = number if index == number % len(_TENSORS) else 0
        data += weights(dtype, 2 * rows * columns, f"{seed} {name}")
    return b"".join(data)


@cache
def _relative(number: int) -> relations.Weights:
    """The first of ten is the parent of four, and the second that of the other five."""
    place = number % 10
    if place == 0:
        return relations.fresh(number)
    return relations.tuned(_relative(number - place + (place >= 5)), number)


def _noise(seed: str, size: int) -> bytes:
    return blake3(seed.encode()).digest(length=size)
