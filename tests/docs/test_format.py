"""The pages of the byte format say what the source does: fields, marks, limits, numbers of codecs."""

from __future__ import annotations

import re
import struct

import pytest
from blake3 import blake3

from tukar.codecs import CODECS
from tukar.objects import manifests, packs, writing

from .pages import DOCS

_STRUCTURES = [
    ("pack.md", "Trailer", packs.TRAILER),
    ("pack.md", "Count", packs.COUNT),
    ("pack.md", "Record", packs.RECORD),
    ("pack.md", "Block entry", packs.BLOCK),
    ("manifest.md", "Head", manifests._HEAD),
    ("manifest.md", "Part count", manifests._COUNT),
    ("manifest.md", "Part", manifests._PART),
]
_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}
_MARKS = {packs.HEADER, packs.END, manifests._MAGIC}


@pytest.mark.parametrize(("page", "heading", "expected"), _STRUCTURES, ids=[heading for _, heading, _ in _STRUCTURES])
def test_a_structure_s_table_is_its_definition(page: str, heading: str, expected: struct.Struct) -> None:
    section = _section(page, heading)
    fields = [(int(offset), _code(kind)) for offset, kind, *_ in _rows(section)]
    assert "<" + "".join(code for _, code in fields) == expected.format
    sizes = [struct.calcsize("<" + code) for _, code in fields]
    assert [offset for offset, _ in fields] == [sum(sizes[:index]) for index in range(len(sizes))]
    assert re.search(rf"\*\*{expected.size} bytes\*\*", section)


def test_every_structure_has_a_table_and_every_table_is_one() -> None:
    written = {
        (page, heading)
        for page in ("pack.md", "manifest.md")
        for heading, section in _sections(page).items()
        if "| Offset |" in section
    }
    assert written == {(page, heading) for page, heading, _ in _STRUCTURES}
    defined = {
        value for module in (packs, manifests) for value in vars(module).values() if type(value) is struct.Struct
    }
    assert defined == {expected for *_, expected in _STRUCTURES}


def test_the_marks_are_those_that_are_written() -> None:
    text = _text("pack.md") + _text("manifest.md")
    marks = {bytes.fromhex(digits) for digits in re.findall(r"`((?:[0-9A-F]{2} ){7}[0-9A-F]{2})`", text)}
    assert marks == _MARKS
    assert f"**{len(packs.HEADER)} bytes**" in _section("pack.md", "Header")


def test_the_limits_are_those_that_are_kept() -> None:
    assert f"at most {packs.MAX_FOOTER} bytes" in _section("pack.md", "Trailer")
    assert f"1 to {packs.MAX_BLOCK_SIZE} (" in _section("pack.md", "Record")
    assert f"at most {packs.MAX_META >> 10} KiB" in _section("pack.md", "Record")
    assert f"{writing.MAX_RECORDS:,} objects" in _section("pack.md", "Limits")


def test_the_mode_of_a_manifest_s_digest_is_the_one_that_is_used() -> None:
    assert f"`{packs.MANIFEST_CONTEXT}`" in _section("index.md", "Conventions")
    derived = blake3(b"manifest", derive_key_context=packs.MANIFEST_CONTEXT).digest()
    assert packs.object_hasher(packs.MANIFEST).update(b"manifest").digest() == derived
    assert packs.object_hasher(packs.CONTENT).update(b"content").digest() == blake3(b"content").digest()


def test_the_smallest_pack_has_the_length_that_is_said() -> None:
    smallest = len(packs.HEADER + packs.encode_footer([]))
    assert f"at least {smallest} bytes" in _section("pack.md", "What a reader checks")


def test_the_kinds_have_the_numbers_that_are_said() -> None:
    assert f"{packs.CONTENT} content, {packs.MANIFEST} manifest" in _section("pack.md", "Record")


def test_every_codec_has_its_number_and_no_release_has_an_experiment() -> None:
    written = {int(number): name for number, name, *_ in _rows(_text("codecs.md"))}
    assert written == {number: codec.name for number, codec in CODECS.items()}
    assert set(_sections("codecs.md")) == {f"{number}: {name}" for number, name in written.items()}
    assert all(number < 200 for number in CODECS)


def _code(kind: str) -> str:
    run = re.fullmatch(r"bytes\[(\d+)\]", kind)
    return f"{run[1]}s" if run else _CODES[kind]


def _rows(text: str) -> list[list[str]]:
    """The cells of each table row that begins with a number in code marks."""
    lines = re.findall(r"^\| (`\d+` .+) \|$", text, flags=re.MULTILINE)
    return [[cell.strip().strip("`") for cell in line.split(" | ")] for line in lines]


def _section(page: str, heading: str) -> str:
    return _sections(page)[heading]


def _sections(page: str) -> dict[str, str]:
    pieces = re.split(r"^##+ (.+)$", _text(page), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _text(page: str) -> str:
    return (DOCS / "format" / page).read_text(encoding="utf-8")
