"""What Tukar writes into a folder that it pulls into, so that a whole snapshot can be told from a part of one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tukar.errors import Invalid
from tukar.exchange.checksums import Checksum
from tukar.exchange.replies import Fields, parse
from tukar.exchange.tree import RemoteFile
from tukar.types import RepoId, check_path

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Marker:
    """A snapshot: files of one commit of a repository.

    Attributes:
        hub: the address that it was pulled from.
        revision: what was asked for.
        commit: what that was.
    """

    hub: str
    repo: RepoId
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "format": _FORMAT,
            "hub": self.hub,
            "repository": str(self.repo),
            "type": self.repo.type,
            "revision": self.revision,
            "commit": self.commit,
            "files": [
                {"path": file.path, "size": file.size, file.checksum.algorithm: file.checksum.hex}
                for file in self.files
            ],
        }


def read(path: Path) -> Marker | None:
    """The marker in a file; None if there is none, Invalid if it is not one."""
    try:
        found = Fields.of(parse(path.read_bytes()))
        if found.number("format") != _FORMAT:
            raise Invalid("unknown format")
        repo = RepoId.parse(found.text("repository"), found.value["type"])
        files = tuple(map(_file, found.items("files")))
        return Marker(found.text("hub"), repo, found.text("revision"), found.text("commit"), files)
    except FileNotFoundError:
        return None
    except (Invalid, KeyError):
        raise Invalid(
            f"{path} is not what Tukar wrote, or is of a later version",
            hint="delete it: the files next to it are then compared with those of the hub",
        ) from None


def _file(found: Fields) -> RemoteFile:
    algorithm: Any = "sha256" if "sha256" in found else "git-blob"
    # Checked like one from a hub: the folder, and so the marker, may be somebody else's.
    path = check_path(found.text("path"))
    return RemoteFile(path, found.number("size"), Checksum(algorithm, found.text(algorithm)))


def write(path: Path, marker: Marker) -> None:
    """Put a marker in place, whole or not at all, durably."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(marker.to_json(), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
