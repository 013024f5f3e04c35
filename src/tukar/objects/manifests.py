"""The manifest: a file as its parts, in the byte format (docs/format/manifest.md).

Manifests are stored as objects beside the parts that they name, so that the index can be rebuilt from storage alone.
"""

from __future__ import annotations

import struct
from typing import Final

from tukar.errors import Corrupt
from tukar.types import Digest, Manifest, Part

_MAGIC: Final = b"TUKARMF\x01"
_HEAD: Final = struct.Struct("<8s32sQB")  # magic, sha256 of the file, its size, length of the format's name
_COUNT: Final = struct.Struct("<I")
_PART: Final = struct.Struct("<32sQ")  # digest of the object, its length


def encode(manifest: Manifest) -> bytes:
    """The stored form of a manifest."""
    name = manifest.format.encode("ascii")
    head = _HEAD.pack(_MAGIC, bytes.fromhex(manifest.sha256), manifest.size, len(name))
    parts = b"".join(_PART.pack(part.digest, part.length) for part in manifest.parts)
    return head + name + _COUNT.pack(len(manifest.parts)) + parts


def decode(data: bytes) -> Manifest:
    """The manifest that ``encode`` wrote; Corrupt if it is not well-formed."""
    try:
        magic, sha256, size, name_size = _HEAD.unpack_from(data)
        at = _HEAD.size + name_size
        (count,) = _COUNT.unpack_from(data, at)
        name = data[_HEAD.size : at].decode("ascii")
    except (struct.error, UnicodeDecodeError) as error:
        raise Corrupt("a manifest is malformed") from error
    body = data[at + _COUNT.size :]
    if magic != _MAGIC or len(body) != count * _PART.size:
        raise Corrupt("a manifest is malformed")
    parts = tuple(Part(Digest(digest), length) for digest, length in _PART.iter_unpack(body))
    if sum(part.length for part in parts) != size:
        raise Corrupt("a manifest's parts do not add up to its size")
    return Manifest(sha256.hex(), size, name, parts)
