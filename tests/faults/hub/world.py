"""What a hub shows to its users, as a value: what was acknowledged is held against what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from .contents import content, sha256


class File(NamedTuple):
    """A file of a revision: where it is, and the sha256 of the bytes that come back."""

    path: str
    sha256: str


class Revision(NamedTuple):
    """A commit by its title, and all its files."""

    title: str
    files: frozenset[File]


History = tuple[Revision, ...]
"""All revisions of a branch, the oldest first."""


@dataclass(frozen=True)
class World:
    """What a hub holds.

    Attributes:
        repositories: the history of each, by name.
        users: their names.
        sent: the sha256 of what was sent and not committed yet.
        tokens: the user that each belongs to.
    """

    repositories: Mapping[str, History] = field(default_factory=dict)
    users: frozenset[str] = frozenset({"admin"})
    sent: frozenset[str] = frozenset()
    tokens: Mapping[str, str] = field(default_factory=dict)

    def create(self, repository: str) -> Self:
        return replace(self, repositories={repository: (Revision("initial commit", frozenset()),), **self.repositories})

    def delete(self, repository: str) -> Self:
        return replace(self, repositories={n: h for n, h in self.repositories.items() if n != repository})

    def commit(self, repository: str, title: str, changes: Mapping[str, str | None]) -> Self:
        """``changes``: the name of a content by path, or None for what is deleted."""
        history = self.repositories[repository]
        files = {file.path: file for file in history[-1].files if file.path not in changes}
        files |= {path: File(path, sha256(name)) for path, name in changes.items() if name is not None}
        new = {repository: (*history, Revision(title, frozenset(files.values())))}
        linked = frozenset(file.sha256 for file in files.values())
        return replace(self, repositories={**self.repositories, **new}, sent=self.sent - linked)

    def send(self, name: str) -> Self:
        """What a repository has need not be sent, and so is kept for that repository's sake alone."""
        digest = sha256(name)
        revisions = (revision for history in self.repositories.values() for revision in history)
        if any(file.sha256 == digest for revision in revisions for file in revision.files):
            return self
        return replace(self, sent=self.sent | {digest})

    def forget_sent(self) -> Self:
        return replace(self, sent=frozenset())

    def differences(self, found: World) -> list[str]:
        """What ``found`` lacks, or has too much: nothing, if it shows what this says."""
        wrong = []
        for name in sorted(self.repositories.keys() | found.repositories.keys()):
            ours, theirs = self.repositories.get(name), found.repositories.get(name)
            if ours != theirs:
                wrong.append(f"repository {name}: {_brief(theirs)}, not {_brief(ours)}")
        if self.users != found.users:
            wrong.append(f"users {sorted(found.users)}, not {sorted(self.users)}")
        if lost := self.sent - found.sent:
            wrong.append(f"sent and lost: {sorted(lost)}")
        return wrong


def _brief(history: History | None) -> str:
    if history is None:
        return "not there"
    return " <- ".join(f"{r.title!r} {sorted((f.path, f.sha256[:8]) for f in r.files)}" for r in history)


def is_regular(name: str) -> bool:
    """Whether a content goes with the commit itself."""
    return name.startswith("text")


def size(name: str) -> int:
    return len(content(name))
