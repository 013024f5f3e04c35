"""Holding what a shard says of a file against what is known of the xorbs."""

from __future__ import annotations

from collections.abc import Mapping

from tukar.errors import Invalid
from tukar.xet.hashes import HashTree, XetHash, range_hash
from tukar.xet.shards import ShardFile, Term
from tukar.xet.tables import XorbTable


def verify_file(file: ShardFile, tables: Mapping[XetHash, XorbTable]) -> None:
    """Invalid unless ``file`` is what its terms amount to.

    Every term must name a xorb in ``tables`` and chunks that it has, of the length that the term states; a verification
    hash must be that of the term's chunks; and all chunks together must amount to the file's hash. The file's sha256 is
    not looked at: that takes the bytes.
    """
    tree = HashTree()
    for index, term in enumerate(file.terms):
        table = _table(term, tables)
        expected = None if file.verification is None else file.verification[index]
        if expected not in (None, range_hash(table.hash_bytes(term.chunk_start, term.chunk_end))):
            raise Invalid(f"the verification hash of term {index} of file {file.hash} is wrong")
        for hash_, length in table.chunks(term.chunk_start, term.chunk_end):
            tree.add(hash_, length)
    if tree.file_hash() != file.hash:
        raise Invalid(f"a file was announced as {file.hash}, but its terms amount to {tree.file_hash()}")


def _table(term: Term, tables: Mapping[XetHash, XorbTable]) -> XorbTable:
    table = tables.get(term.xorb)
    if table is None:
        raise Invalid(f"a file refers to xorb {term.xorb}, which is not here", hint="upload the xorb before the shard")
    if not 0 <= term.chunk_start < term.chunk_end <= len(table):
        raise Invalid(f"a file refers to chunks {term.chunk_start} to {term.chunk_end} of the {len(table)} of a xorb")
    nbytes = table.offsets[term.chunk_end] - table.offsets[term.chunk_start]
    if nbytes != term.nbytes:
        raise Invalid(f"a term states {term.nbytes} bytes where xorb {term.xorb} has {nbytes}")
    return table
