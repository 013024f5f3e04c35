"""The files of a revision as a hub tells them, checked: nothing in them can lead out of the folder they are put in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tukar.errors import Invalid, NotFound, TukarError, Unsupported
from tukar.exchange.checksums import Algorithm, Checksum
from tukar.exchange.http import Remote, quoted, repo_path
from tukar.exchange.replies import Fields, malformed
from tukar.types import Digest, RepoId, check_path

OWN: Final = ".tukar"
"""The folder, at the root of what was pulled, that Tukar keeps for itself."""

_ENTRIES_LIMIT: Final = 1_000_000
_DIGITS: Final[Mapping[Algorithm, int]] = {"sha256": 64, "git-blob": 40}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a revision; ``path`` is safe to put below a folder, ``size`` is in bytes."""

    path: str
    size: int
    checksum: Checksum


def resolve(remote: Remote, repo: RepoId, revision: str) -> str:
    """The id of the commit that a revision names."""
    path = f"{repo_path(repo)}/revision/{quoted(revision)}"
    found = remote.get(path, {"expand": "sha"}).fields().text("sha")
    if not re.fullmatch(r"[0-9a-f]{40}", found):
        raise malformed(f"not a commit id: {found[:80]!r}")
    return found


def files(remote: Remote, repo: RepoId, commit: str) -> list[RemoteFile]:
    """All files of a commit, by path. Invalid if a path, or two of them together, cannot be put into a folder."""
    found: list[RemoteFile] = []
    for page in remote.pages(f"{repo_path(repo)}/tree/{commit}", {"recursive": "true"}):
        found += _files(page)
        check_count(len(found))
    check_together([file.path for file in found], case_sensitive=True)
    return sorted(found, key=lambda file: file.path)


def listed(remote: Remote, repo: RepoId, commit: str) -> tuple[list[RemoteFile], dict[str, Digest]] | None:
    """All files of a commit, by path, and by path the object that says what each is made of.

    None if the hub does not tell of objects: it is another kind of hub.
    """
    found: list[RemoteFile] = []
    manifests: dict[str, Digest] = {}
    try:
        for page in remote.pages(f"{repo_path(repo)}/objects/files/{commit}", {}):
            for entry in Fields.each(page):
                file = _file(entry)
                found.append(file)
                manifests[file.path] = _digest(entry.text("manifest"))
            check_count(len(found))
    except (NotFound, Unsupported) as error:
        if type(error) in (NotFound, Unsupported):  # and not that the repository is missing
            return None
        raise
    check_together([file.path for file in found], case_sensitive=True)
    return sorted(found, key=lambda file: file.path), manifests


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except Invalid:
        raise malformed(f"not the name of an object: {text[:80]!r}") from None


def check_count(count: int) -> None:
    """Invalid if a hub lists more than any repository has."""
    if count > _ENTRIES_LIMIT:
        raise malformed(f"it lists more than {_ENTRIES_LIMIT} files")


def _files(page: Any) -> list[RemoteFile]:
    return [_file(entry) for entry in Fields.each(page) if entry.text("type") == "file"]


def _file(entry: Fields) -> RemoteFile:
    path = entry.text("path")
    if "lfs" not in entry:
        return told(path, entry.number("size"), "git-blob", entry.text("oid"))
    pointed = entry.inner("lfs")
    return told(path, pointed.number("size"), "sha256", pointed.text("oid"))


def told(path: str, size: int, algorithm: Algorithm, checksum: str) -> RemoteFile:
    """A file as a hub tells it; Invalid if its name is refused, or that is no checksum."""
    try:
        check_path(path)
    except TukarError as error:
        raise malformed(f"it lists a file whose name is refused: {error.message}") from None
    if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS[algorithm]}}}", checksum):
        raise malformed(f"not a {algorithm} id: {checksum[:80]!r}")
    return RemoteFile(path, size, Checksum(algorithm, checksum))


def check_together(paths: Iterable[str], *, case_sensitive: bool) -> None:
    """Invalid if these paths cannot all be files of one folder.

    That is: two are the same, one is a folder of another, or one lies in Tukar's own folder. Where the file system does
    not tell names apart by case, or by the composition of their characters, neither does this.
    """
    named: dict[str, str] = {}
    for path in paths:
        if _folded(path.partition("/")[0]) == OWN:
            raise Invalid(f"{path!r} lies in {OWN!r}, which Tukar keeps for itself")
        name = path if case_sensitive else _folded(path)
        if name in named:
            raise Invalid(f"{path!r} and {named[name]!r} would be the same file here")
        named[name] = path
    for name, path in named.items():
        for parent in parents(name):
            if parent in named:
                raise Invalid(f"{named[parent]!r} would be both a file and the folder of {path!r}")


def parents(path: str) -> list[str]:
    """The folders that a path lies in, the outermost first."""
    return [path[:at] for at, char in enumerate(path) if char == "/"]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
