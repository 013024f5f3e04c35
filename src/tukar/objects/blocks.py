"""A stored block to its raw bytes. Nothing leaves here that does not match its digest."""

from __future__ import annotations

from typing import Final

from tukar import codecs
from tukar.codecs.base import Buffer
from tukar.errors import Corrupt
from tukar.objects.packs import Block, Record
from tukar.types import Digest

_CHECK: Final = "run `tukar check`"


def decode_block(record: Record, block: Block, stored: Buffer) -> Buffer:
    """The raw bytes of a block; Corrupt if it is not as it was stored."""
    if Digest.of(stored) != block.stored_digest:
        raise Corrupt(f"object {record.digest}: a stored block does not match its digest", hint=_CHECK)
    if len(stored) == block.raw_size:  # stored as it is
        raw, digest = stored, block.stored_digest
    else:
        raw = codecs.codec(record.codec).decode(record.meta, stored, block.raw_start, block.raw_size, ())
        digest = Digest.of(raw)
    if digest != block.raw_digest:
        raise Corrupt(f"object {record.digest}: a decoded block does not match its digest", hint=_CHECK)
    return raw
