"""A tree being edited, in memory: folders are loaded when they are first touched, and only touched ones are kept anew.

::

    draft = Draft(tx, repository.id, commit.tree_oid)
    draft.put(Entry("models/a.bin", "file", ...))
    draft.remove("b.bin", "file")
    root_oid = draft.seal()     # what git would call the result
    draft.save()
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tukar.catalog import trees
from tukar.catalog.git import EMPTY_TREE, tree_oid
from tukar.catalog.values import Entry, EntryKind
from tukar.database import Transaction
from tukar.errors import EntryNotFound, Invalid


@dataclass(slots=True)
class _Folder:
    """A loaded folder.

    Attributes:
        kept: the id under which it is kept.
        entries: what is in it, by name; a folder's id is stale while it is open.
        open: the folders in it that are loaded, by name.
        changed: the names that differ from what is kept.
        oid: its id now; right once it is sealed.
    """

    kept: str
    entries: dict[str, Entry]
    open: dict[str, _Folder] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    oid: str = EMPTY_TREE


class Draft:
    """The tree ``root_oid`` of a repository, to be changed by one edit after the other, in order."""

    def __init__(self, tx: Transaction, repository_id: int, root_oid: str = EMPTY_TREE) -> None:
        self._tx = tx
        self._repository_id = repository_id
        self._root = self._load(root_oid)

    def put(self, entry: Entry) -> None:
        """Put a file at its path, in the place of the file that is there.

        Raises:
            Invalid: a folder is in its place, or a file where one of its folders should be.
        """
        *parents, name = entry.path.split("/")
        folder = self._root
        for parent in parents:
            folder = self._enter_or_make(folder, parent, entry.path)
        old = folder.entries.get(name)
        if old is not None and old.kind == "folder":
            raise Invalid(f"{entry.path!r} is a folder: no file can be put there", hint="delete the folder first")
        if old is not None and old.oid == entry.oid and old.sha256 != entry.sha256:
            raise Invalid(f"{entry.path!r}: git would not tell the new content from the old: they have the same id")
        folder.entries[name] = replace(entry, path=name)
        folder.changed.add(name)

    def remove(self, path: str, kind: EntryKind) -> None:
        """Remove a file, or a folder with all that is in it; folders that are left empty vanish, as in git.

        Raises:
            EntryNotFound: there is none.
        """
        *parents, name = path.split("/")
        way = [self._root]
        for parent in parents:
            if _kind(way[-1], parent) != "folder":
                raise EntryNotFound(f"there is no {kind} {path!r} to delete")
            way.append(self._enter(way[-1], parent))
        if _kind(way[-1], name) != kind:
            raise EntryNotFound(f"there is no {kind} {path!r} to delete")
        _drop(way[-1], name)
        while parents and not way.pop().entries:
            _drop(way[-1], parents.pop())

    def seal(self) -> str:
        """The id of the root folder as it is now."""
        for folder in reversed(self._open()):
            for name, inner in folder.open.items():
                if inner.changed:
                    folder.entries[name] = Entry(name, "folder", inner.oid)
                    folder.changed.add(name)
            if folder.changed:
                folder.oid = tree_oid((name, entry.kind, entry.oid) for name, entry in folder.entries.items())
        return self._root.oid

    @property
    def oid(self) -> str:
        """What ``seal`` said last."""
        return self._root.oid

    def save(self) -> None:
        """Keep the folders that changed, as they were sealed."""
        for folder in self._open():
            if folder.changed:
                trees.save(
                    self._tx, self._repository_id, folder.oid, folder.entries, like=(folder.kept, folder.changed)
                )

    def _open(self) -> list[_Folder]:
        """All loaded folders that are still in the tree, each before those that are in it."""
        found = [self._root]
        for folder in found:
            found.extend(folder.open.values())
        return found

    def _load(self, oid: str) -> _Folder:
        entries = {} if oid == EMPTY_TREE else trees.rows(self._tx, self._repository_id, oid)
        return _Folder(oid, entries, oid=oid)

    def _enter(self, folder: _Folder, name: str) -> _Folder:
        if name not in folder.open:
            folder.open[name] = self._load(folder.entries[name].oid)
        return folder.open[name]

    def _enter_or_make(self, folder: _Folder, name: str, path: str) -> _Folder:
        kind = _kind(folder, name)
        if kind == "file":
            raise Invalid(f"{path!r} cannot be put there: {name!r} in it is a file", hint="delete that file first")
        if kind is None:
            folder.entries[name] = Entry(name, "folder", EMPTY_TREE)
        return self._enter(folder, name)


def _kind(folder: _Folder, name: str) -> EntryKind | None:
    entry = folder.entries.get(name)
    return None if entry is None else entry.kind


def _drop(folder: _Folder, name: str) -> None:
    del folder.entries[name]
    folder.open.pop(name, None)
    folder.changed.add(name)
