"""Sentence pairs are read from packages, and none that is held out is trained on."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pairs
import pytest
from family.heldout import Pair
from pairs import Source, django, element, home_assistant, split

ENGLISH = {"title": "Please enter the password of your account", "only": {"here": "Not translated"}}
INDONESIAN = {"title": "Silakan masukkan kata sandi akun Anda", "gone": "Sudah dihapus"}
CATALOGUE = r"""
msgid ""
msgstr "Language: id\n"

#. a comment
#, python-format
msgid "Save %(name)s"
msgstr "Simpan "
"%(name)s"

#, fuzzy
msgid "Go"
msgstr "Mundur"

msgid "%d day"
msgid_plural "%d days"
msgstr[0] "%d hari"

msgid "Untranslated"
msgstr ""
"""


def wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def npm_package(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def translations(english: dict[str, object], indonesian: dict[str, object], folder: str, names: tuple[str, str]):
    return {f"{folder}{names[0]}": json.dumps(english), f"{folder}{names[1]}": json.dumps(indonesian)}


def test_json_translations_are_matched_by_key(tmp_path: Path) -> None:
    expected = [(INDONESIAN["title"], ENGLISH["title"])]
    files = translations(ENGLISH, INDONESIAN, "homeassistant/components/x/translations/", ("en.json", "id.json"))
    assert list(home_assistant(wheel(tmp_path / "a.whl", files))) == expected
    files = translations(ENGLISH, INDONESIAN, "package/src/i18n/strings/", ("en_EN.json", "id.json"))
    assert list(element(npm_package(tmp_path / "b.tgz", files))) == expected


def test_a_catalogue_gives_its_sure_singular_translations(tmp_path: Path) -> None:
    path = wheel(tmp_path / "c.whl", {"django/x/locale/id/LC_MESSAGES/django.po": CATALOGUE})
    assert list(django(path)) == [("Simpan %(name)s", "Save %(name)s")]


def test_another_package_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_bytes(b"other")
    source = Source("other", "other.whl", hashlib.sha256(b"expected").hexdigest(), django)
    with pytest.raises(ValueError, match=r"other\.whl has sha256"):
        list(source.pairs(tmp_path))


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three small packages of the same shape as the real ones."""
    nouns = ["door", "lamp", "room", "pump", "fan", "lock", "car", "bell", "gate", "vent"]
    texts = {n: (f"The {n} was opened at {i} o'clock", f"Pada pukul {i} {n} telah dibuka") for i, n in enumerate(nouns)}
    english, indonesian = ({n: pair[side] for n, pair in texts.items()} for side in (0, 1))
    files = translations(english, indonesian, "package/src/i18n/strings/", ("en_EN.json", "id.json"))
    npm_package(tmp_path / "element.tgz", files)
    near = {"title": "The door was opened at 0 o'clock now", "far": "Something else entirely"}
    other = {"title": "Semua pintu sudah terbuka", "far": "Hal lain <b>sama sekali</b> {name}"}
    folder = "homeassistant/components/x/translations/"
    wheel(tmp_path / "home.whl", translations(near, other, folder, ("en.json", "id.json")))
    wheel(tmp_path / "django.whl", {"django/x/locale/id/LC_MESSAGES/django.po": CATALOGUE})
    readers = {"home-assistant": ("home.whl", home_assistant), "element": ("element.tgz", element)}
    readers["django"] = ("django.whl", django)
    digests = {file: hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() for file, _ in readers.values()}
    sources = tuple(Source(name, file, digests[file], read) for name, (file, read) in readers.items())
    monkeypatch.setattr(pairs, "SOURCES", sources)
    return tmp_path


def test_what_is_held_out_or_near_it_is_not_trained_on(downloads: Path) -> None:
    training, held = split(downloads)
    assert {pair.source for pair in held} == {"element"}
    assert len(held) == 10
    assert training == [Pair("home-assistant", "Hal lain sama sekali", "Something else entirely")]
