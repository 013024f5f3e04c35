"""The Xet wire format: hashes, chunks, xorbs, shards and reconstructions. Pure; streams are given."""

from tukar.xet.chunker import cut
from tukar.xet.hashes import NO_HASH, HashTree, XetHash, chunk_hash, file_hash, range_hash, xorb_hash
from tukar.xet.reconstruction import Plan, Run, plan
from tukar.xet.shards import MAX_SHARD_BYTES, Shard, ShardFile, Term, read_shard, write_shard
from tukar.xet.tables import Piece, XorbTable
from tukar.xet.verification import verify_file
from tukar.xet.xorbs import MAX_BODY_BYTES, Chunk, read_chunks, read_xorb

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_SHARD_BYTES",
    "NO_HASH",
    "Chunk",
    "HashTree",
    "Piece",
    "Plan",
    "Run",
    "Shard",
    "ShardFile",
    "Term",
    "XetHash",
    "XorbTable",
    "chunk_hash",
    "cut",
    "file_hash",
    "plan",
    "range_hash",
    "read_chunks",
    "read_shard",
    "read_xorb",
    "verify_file",
    "write_shard",
    "xorb_hash",
]
