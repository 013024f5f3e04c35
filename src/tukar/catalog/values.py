"""The frozen values of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tukar.types import RepoId, RepoType

UserKind = Literal["user", "organization"]
Role = Literal["read", "write"]
EntryKind = Literal["file", "folder"]


@dataclass(frozen=True, slots=True)
class User:
    """A person or an organisation: what may own repositories."""

    id: int
    name: str
    kind: UserKind
    fullname: str
    email: str | None
    is_admin: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: a user with what their token allows, or nobody (``user`` is None)."""

    user: User | None
    role: Role

    @property
    def is_admin(self) -> bool:
        """Whether they administer this hub, whatever the role of the token."""
        return self.user is not None and self.user.is_admin

    def is_called(self, name: str) -> bool:
        """Whether that is their name; names are compared without case."""
        return self.user is not None and self.user.name.lower() == name.lower()


ANONYMOUS: Final = Identity(None, "read")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as the catalogue knows it.

    Attributes:
        card: the model card's metadata as JSON text, kept so that listings need not open files; None without one.
    """

    id: int
    type: RepoType
    namespace: str
    name: str
    private: bool
    created_at: float
    updated_at: float
    card: str | None = None

    @property
    def repo_id(self) -> RepoId:
        """Its full name."""
        return RepoId(self.namespace, self.name, self.type)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a repository; ``oid`` is the id that git computes from the other values.

    Attributes:
        oid: 40 hex digits.
        parent_oid: None for the first.
        tree_oid: of the root folder.
        author: the name of the user who made it.
        title: the first line of the message.
        message: what follows it, without the blank line between; may be empty.
        created_at: whole seconds since the epoch, as git keeps them.
    """

    oid: str
    parent_oid: str | None
    tree_oid: str
    author: str
    title: str
    message: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a revision.

    Attributes:
        path: from the root of the repository; empty for the root folder itself.
        kind: what it is.
        oid: git's id: of the tree for a folder, of the blob for a file, of the pointer's blob for an LFS file.
        size: the file's bytes (not its pointer's); 0 for a folder.
        sha256: of the file's bytes; None for a folder.
        lfs: whether git would see a pointer in its place.
    """

    path: str
    kind: EntryKind
    oid: str
    size: int = 0
    sha256: str | None = None
    lfs: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A name for a commit, e.g. ``refs/heads/main``."""

    name: str
    commit_oid: str
