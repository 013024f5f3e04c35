"""What a commit does, as frozen values that are checked when they are made."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from tukar.catalog import git
from tukar.errors import Invalid
from tukar.types import check_path


@dataclass(frozen=True, slots=True)
class AddFile:
    """Put a file at a path, in the place of what file is there.

    Attributes:
        path: from the root of the repository.
        sha256: of its bytes, 64 hex digits.
        size: in bytes.
        lfs: whether git would see a pointer in its place.
        oid: git's id of the blob (of the pointer, for an LFS file).

    Raises:
        Invalid: a value is malformed.
    """

    path: str
    sha256: str
    size: int
    lfs: bool
    oid: str

    def __post_init__(self) -> None:
        check_path(self.path)
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise Invalid(f"{self.path!r}: not a sha256 of 64 lower-case hex digits: {self.sha256[:80]!r}")
        if not 0 <= self.size < 1 << 63:
            raise Invalid(f"{self.path!r}: not a size in bytes: {self.size}")
        if not re.fullmatch(r"[0-9a-f]{40}", self.oid):
            raise Invalid(f"{self.path!r}: not a git id of 40 lower-case hex digits: {self.oid[:80]!r}")

    @classmethod
    def regular(cls, path: str, content: bytes) -> Self:
        """A file that git itself would keep, from its bytes; Invalid if they are a Git LFS pointer."""
        if git.is_lfs_pointer(content):
            # Git, and so the tree's id, could not tell this file from the large one that it names.
            raise Invalid(f"{path!r} is a Git LFS pointer, not the file itself", hint="upload the file that it names")
        return cls(path, hashlib.sha256(content).hexdigest(), len(content), lfs=False, oid=git.blob_oid(content))

    @classmethod
    def large(cls, path: str, sha256: str, size: int) -> Self:
        """A file that Git LFS would keep."""
        return cls(path, sha256, size, lfs=True, oid=git.lfs_oid(sha256, size))


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """Delete a file that is there."""

    path: str

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    """Delete a folder that is there, with all that is in it. The path has no slash at its end."""

    path: str

    def __post_init__(self) -> None:
        check_path(self.path)


Operation = AddFile | DeleteFile | DeleteFolder
