"""A stored block to its raw bytes. Nothing leaves here that does not match its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tukar import codecs
from tukar.codecs.base import Buffer
from tukar.errors import Corrupt
from tukar.objects.packs import Block, Record
from tukar.types import Digest

_CHECK: Final = "run `tukar check`"

Base = Callable[[int, int, int], Buffer]
"""Gives raw bytes of a base: of which, counted from 0, from a start to a stop."""


def no_base(index: int, start: int, stop: int) -> Buffer:
    """For objects of which it is known that they have no bases."""
    raise Corrupt("an object that is stored by itself asks for a base", hint=_CHECK)


def decode_block(record: Record, block: Block, stored: Buffer, base: Base = no_base) -> Buffer:
    """The raw bytes of a block; Corrupt if it is not as it was stored."""
    if Digest.of(stored) != block.stored_digest:
        raise Corrupt(f"object {record.digest}: a stored block does not match its digest", hint=_CHECK)
    if len(stored) == block.raw_size:  # stored as it is
        raw, digest = stored, block.stored_digest
    else:
        raw = _decoded(record, block, stored, base)
        digest = Digest.of(raw)
    if digest != block.raw_digest:
        raise Corrupt(f"object {record.digest}: a decoded block does not match its digest", hint=_CHECK)
    return raw


def _decoded(record: Record, block: Block, stored: Buffer, base: Base) -> Buffer:
    codec = codecs.codec(record.codec)
    needs = codec.needs(record.meta, block.raw_start, block.raw_start + block.raw_size)
    if any(need.base >= len(record.bases) for need in needs):
        raise Corrupt(f"object {record.digest} has {len(record.bases)} bases, and needs more", hint=_CHECK)
    needed = [base(need.base, need.start, need.stop) for need in needs]
    return codec.decode(record.meta, stored, block.raw_start, block.raw_size, needed)
