"""Files to chunk that every run makes alike: what a captured upload was made from need not be kept beside it."""

from functools import cache

from blake3 import blake3

from tukar.xet import XetHash, XorbTable, cut


def noise(seed: str, size: int) -> bytes:
    """Bytes without any pattern: no compression gains anything."""
    return blake3(seed.encode()).digest(length=size)


def floats(seed: str, size: int) -> bytes:
    """Like little-endian 32-bit floats of like size: every fourth byte has few values, the others are noise."""
    data = bytearray(noise(seed, size))
    data[3::4] = data[3::4].translate(bytes(0x3C + (value & 1) for value in range(256)))
    data[1::4] = data[1::4].translate(bytes(value & 0x80 for value in range(256)))
    return bytes(data)


def text(seed: str, size: int) -> bytes:
    """Words in an order without pattern: compresses well as it is."""
    words = (b"alpha ", b"beta ", b"gamma ", b"delta ", b"epsilon ", b"zeta\n", b"eta ", b"theta ")
    return b"".join(words[value % 8] for value in noise(seed, size // 4))[:size]


SMALL = {
    "empty": b"",
    "noise": noise("small", 20_000),
    "floats": floats("small", 60_001),
    "text": text("small", 90_003),
}
"""Files that the capture of a small upload was made from: every compression scheme, an empty file, odd lengths."""


def large() -> dict[str, bytes]:
    """Files that the capture of a larger upload was made from: the second repeats half of the first, and itself."""
    first = noise("large", 1_000_000)
    second = noise("new", 700_000)
    return {"first": first, "second": first[500_000:] + second * 2}


def older() -> dict[str, bytes]:
    """Files that the capture of an older client's upload was made from."""
    return {"noise": noise("older", 3000), "text": text("older", 9001)}


@cache
def chunks(data: bytes) -> tuple[bytes, ...]:
    """``data`` cut into chunks; remembered, since cutting takes a while."""
    return tuple(cut([data]))


def made_table(*lengths: int, seed: str = "made") -> XorbTable:
    """A table of chunks of these lengths, with hashes of nothing in particular."""
    return XorbTable.of((XetHash(noise(f"{seed} {index}", 32)), length) for index, length in enumerate(lengths))
