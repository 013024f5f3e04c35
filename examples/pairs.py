"""Indonesian and English sentence pairs, from the translations that three packages carry.

    pip download --no-deps --ignore-requires-python -d DOWNLOADS homeassistant==2026.11.0 Django==6.1.3
    npm pack --pack-destination DOWNLOADS matrix-react-sdk@3.90.0
    python examples/pairs.py DOWNLOADS      # writes family/heldout.tsv again, the same

Home Assistant and matrix-react-sdk 3.90.0 (the chat client Element) are under Apache-2.0, Django under BSD-3-Clause.
Django is only ever held out: no sentence of that project is trained on.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from family import heldout
from family.heldout import Pair

HELD_OUT = {"element": 200, "django": 100}
NEAR = 0.7

PLACEHOLDER = re.compile(r"%\([^)]*\)[a-z]|%[sdr]|\{[^{}]*\}|\[%[^\]]*%\]|<[^<>]*>|https?://\S+|\*\*|`")
MARKUP = re.compile(r"[%{}<>_=`&\n]")
PO_STRING = r'((?:"[^\n]*"\n)+)'
PO_ENTRY = re.compile(rf"^msgid {PO_STRING}msgstr {PO_STRING}", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A package that carries translations: its file, the file's sha256, and how its pairs are read."""

    name: str
    file: str
    sha256: str
    read: Callable[[Path], Iterator[tuple[str, str]]]

    def pairs(self, downloads: Path) -> Iterator[Pair]:
        """Every (Indonesian, English) pair of the package, as its translators wrote it.

        Raises:
            ValueError: the file is not the one that the adapter was trained on.
        """
        path = downloads / self.file
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise ValueError(f"{self.file} has sha256 {digest}, expected {self.sha256}")
        for indonesian, english in self.read(path):
            yield Pair(self.name, indonesian, english)


def home_assistant(wheel: Path) -> Iterator[tuple[str, str]]:
    """One ``id.json`` and ``en.json`` for each integration."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name in sorted(names):
            english = name.removesuffix("id.json") + "en.json"
            if name.endswith("/translations/id.json") and english in names:
                yield from _matched(json.loads(archive.read(name)), json.loads(archive.read(english)))


def element(archive: Path) -> Iterator[tuple[str, str]]:
    """One ``id.json`` and one ``en_EN.json``."""
    with tarfile.open(archive) as files:
        strings = [files.extractfile(f"package/src/i18n/strings/{name}.json") for name in ("id", "en_EN")]
        yield from _matched(*(json.loads(file.read()) for file in strings if file is not None))


def django(wheel: Path) -> Iterator[tuple[str, str]]:
    """Gettext catalogues; entries without a plural that are not marked fuzzy."""
    with zipfile.ZipFile(wheel) as archive:
        catalogues = sorted(name for name in archive.namelist() if "/locale/id/" in name and name.endswith(".po"))
        for name in catalogues:
            for block in archive.read(name).decode().split("\n\n"):
                yield from _gettext_entry(block)


def _gettext_entry(block: str) -> Iterator[tuple[str, str]]:
    lines = block.split("\n")
    fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
    match = PO_ENTRY.search("\n".join(line for line in lines if not line.startswith("#")) + "\n")
    if match and not fuzzy:
        english, indonesian = ("".join(map(ast.literal_eval, text.splitlines())) for text in match.groups())
        if english and indonesian:
            yield indonesian, english


def _matched(indonesian: dict[str, object], english: dict[str, object]) -> Iterator[tuple[str, str]]:
    originals = dict(_leaves(english))
    for path, text in _leaves(indonesian):
        if path in originals:
            yield text, originals[path]


def _leaves(tree: dict[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        elif isinstance(value, str):
            yield (*path, key), value


SOURCES = (
    Source(
        "home-assistant",
        "homeassistant-2026.11.0-py3-none-any.whl",
        "7ca5fbde9dea879ac7723949fc84347aac5182e6309c357b2e4973fd391b00f7",
        home_assistant,
    ),
    Source(
        "element",
        "matrix-react-sdk-3.90.0.tgz",
        "41d7250eec491eb0218d36dcd5d13deb45edda3ac05fc4447a5f24e49595082e",
        element,
    ),
    Source(
        "django",
        "django-6.1.3-py3-none-any.whl",
        "a0530e3fdac55d34ccc5893c36f6c57d7a7083064f3d414537e51473648b3290",
        django,
    ),
)


def split(downloads: Path) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on and the pairs held out.

    No training pair has a side that shares 70 % of its words or more (Jaccard) with a held-out sentence.
    """
    found = {source.name: list(source.pairs(downloads)) for source in SOURCES}
    held = [pair for name, count in HELD_OUT.items() for pair in _choose(found[name], count)]
    seen = [(_words(pair.indonesian), _words(pair.english)) for pair in held]
    training = {_cleaned(pair) for name in ("home-assistant", "element") for pair in found[name]}
    return [pair for pair in sorted(training) if _teaches(pair) and not _near(pair, seen)], held


def _choose(pairs: list[Pair], count: int) -> list[Pair]:
    """*count* plain sentences of 4 to 16 words, no text twice, in the order of their digests: a fixed random choice."""
    plain = {pair for pair in pairs if _differs(pair) and 4 <= len(pair.indonesian.split()) <= 16}
    plain = {pair for pair in plain if not MARKUP.search(pair.indonesian + pair.english)}
    chosen: dict[str, Pair] = {}
    texts: set[str] = set()
    for pair in sorted(plain, key=lambda pair: hashlib.sha256(pair.english.encode()).digest()):
        sides = {pair.indonesian.lower(), pair.english.lower()}
        if len(chosen) < count and not sides & texts:
            texts |= sides
            chosen[pair.english] = pair
    return list(chosen.values())


def _cleaned(pair: Pair) -> Pair:
    sides = (" ".join(PLACEHOLDER.sub(" ", text).split()) for text in (pair.indonesian, pair.english))
    return Pair(pair.source, *sides)


def _teaches(pair: Pair) -> bool:
    return _differs(pair) and bool(pair.english) and re.search(r"[a-z]{2}", pair.indonesian) is not None


def _differs(pair: Pair) -> bool:
    return pair.indonesian.lower() != pair.english.lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _near(pair: Pair, seen: list[tuple[frozenset[str], frozenset[str]]]) -> bool:
    sides = _words(pair.indonesian), _words(pair.english)
    return any(_overlap(mine, theirs) >= NEAR for other in seen for mine, theirs in zip(sides, other, strict=True))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


if __name__ == "__main__":
    training, held = split(Path(sys.argv[1]))
    heldout.write(held)
    print(f"{len(training)} pairs to train on, {len(held)} held out in {heldout.PATH}")
