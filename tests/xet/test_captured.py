"""What real clients sent (data/README.md), held against what this package makes of the same files."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import pytest

from tukar.errors import Invalid
from tukar.xet import (
    Shard,
    XetHash,
    chunk_hash,
    file_hash,
    range_hash,
    read_chunks,
    read_shard,
    read_xorb,
    verify_file,
    write_shard,
)
from tukar.xet.chunks import GROUPED_LZ4, LZ4, NONE, encode

from . import content

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text())


def shard(name: str) -> Shard:
    with (DATA / f"{name}.shard").open("rb") as body:
        return read_shard(body)


def raw_xorb(name: str) -> bytes:
    """The raw bytes of a captured xorb, which is verified against the hash in the shard."""
    (table,) = shard(name).xorbs
    raw = bytearray()
    with (DATA / f"{name}.xorb").open("rb") as body:
        assert read_xorb(body, table.hash, raw.extend) == table
    return bytes(raw)


@pytest.mark.parametrize(("name", "files"), [("small", content.SMALL), ("older", content.older())])
def test_terms_of_the_shard_give_the_files_from_the_xorb(name: str, files: dict[str, bytes]) -> None:
    parsed, raw = shard(name), raw_xorb(name)
    (table,) = parsed.xorbs
    rebuilt = [
        b"".join(raw[table.offsets[term.chunk_start] : table.offsets[term.chunk_end]] for term in file.terms)
        for file in parsed.files
    ]
    assert sorted(rebuilt) == sorted(files.values())
    assert [file.sha256 for file in parsed.files] == [hashlib.sha256(data).hexdigest() for data in rebuilt]
    assert [file.size for file in parsed.files] == [len(data) for data in rebuilt]


@pytest.mark.parametrize(("name", "files"), [("small", content.SMALL), ("large", content.large())])
def test_files_get_the_hashes_that_the_client_gave_them(name: str, files: dict[str, bytes]) -> None:
    hashes = {
        title: str(file_hash((chunk_hash(chunk), len(chunk)) for chunk in content.chunks(data)))
        for title, data in files.items()
    }
    assert hashes == EXPECTED[name]["files"]


@pytest.mark.parametrize("name", ["small", "large", "older"])
def test_files_are_what_their_terms_amount_to(name: str) -> None:
    parsed = shard(name)
    tables = {table.hash: table for table in parsed.xorbs}
    for file in parsed.files:
        assert file.verification is not None
        verify_file(file, tables)


@pytest.mark.parametrize("name", ["small", "large"])
def test_shard_is_written_as_the_client_writes_it(name: str) -> None:
    assert write_shard(shard(name)) == (DATA / f"{name}.shard").read_bytes()


def test_xorb_of_noise_is_written_as_the_client_writes_it() -> None:
    (table,) = shard("large").xorbs
    chunks = {chunk_hash(chunk): chunk for data in content.large().values() for chunk in content.chunks(data)}
    body = b"".join(encode(chunks[hash_]) for hash_, _ in table.chunks())
    expected = EXPECTED["large"]["xorbs"][str(table.hash)]
    assert (len(body), hashlib.sha256(body).hexdigest()) == (expected["size"], expected["sha256"])
    assert read_xorb(BytesIO(body), table.hash, lambda _: None) == table


def test_captured_xorb_has_every_compression_scheme() -> None:
    body, at, schemes = (DATA / "small.xorb").read_bytes(), 0, set()
    while at < len(body):
        schemes.add(body[at + 4])
        at += 8 + int.from_bytes(body[at + 1 : at + 4], "little")
    assert schemes == {NONE, LZ4, GROUPED_LZ4}


def test_footer_of_an_older_client_is_ignored() -> None:
    body = (DATA / "older.xorb").read_bytes()
    end = body.index(b"XETBLOB")
    assert list(read_chunks(BytesIO(body))) == list(read_chunks(BytesIO(body[:end])))
    with pytest.raises(Invalid):
        list(read_chunks(BytesIO(body + bytes(200))))


def test_verification_hash_is_over_the_hashes_of_the_terms_chunks() -> None:
    (file,) = (file for file in shard("large").files if len(file.terms) == 1)
    (term,) = file.terms
    (table,) = shard("large").xorbs
    assert file.verification == (range_hash(table.hash_bytes(term.chunk_start, term.chunk_end)),)
    assert term.xorb == XetHash.parse(next(iter(EXPECTED["large"]["xorbs"])))
