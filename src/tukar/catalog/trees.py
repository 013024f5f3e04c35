"""Folders as git keeps them: one set of rows for each distinct tree id of a repository, shared by all its commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final

import sqlalchemy as sa

from tukar.catalog import tables
from tukar.catalog.git import EMPTY_TREE
from tukar.catalog.text import is_storable
from tukar.catalog.values import Entry
from tukar.database import Transaction
from tukar.errors import EntryNotFound
from tukar.objects.index import batches

_COLUMNS: Final = tables.tree_entries.c
_ROWS: Final = sa.select(
    _COLUMNS.tree_oid, _COLUMNS.name, _COLUMNS.kind, _COLUMNS.oid, _COLUMNS.sha256, _COLUMNS.size, _COLUMNS.lfs
)


def lookup(tx: Transaction, repository_id: int, root_oid: str, path: str) -> Entry | None:
    """The file or folder at a path; None if there is none. The empty path is the root folder."""
    return find(tx, repository_id, root_oid, [path]).get(path)


def find(tx: Transaction, repository_id: int, root_oid: str, paths: Iterable[str]) -> dict[str, Entry]:
    """The files and folders at many paths, by path; those that are missing are left out.

    It costs one query a folder on the way and one for each 500 names in a folder.
    """
    wanted = [path for path in paths if is_storable(path)]
    found = {"": Entry("", "folder", root_oid)}
    for depth in count(1):
        level = _find_level(tx, repository_id, found, _prefixes(wanted, depth))
        if not level:
            break
        found |= level
    return {path: found[path] for path in wanted if path in found}


def listing(
    tx: Transaction, repository_id: int, root_oid: str, path: str = "", *, recursive: bool = False
) -> list[Entry]:
    """What is in a folder, with full paths: folders before files, each by name; with ``recursive`` every folder is
    followed by what is in it.

    Raises:
        EntryNotFound: there is no such folder.
    """
    top = lookup(tx, repository_id, root_oid, path)
    if top is None or top.kind != "folder":
        raise EntryNotFound(f"there is no folder {path[:200]!r} in this revision")
    trees = _load(tx, repository_id, [top.oid])
    waiting = [entry for entry in trees[top.oid] if recursive and entry.kind == "folder"]
    while waiting:
        trees |= _load(tx, repository_id, {entry.oid for entry in waiting} - trees.keys())
        waiting = [
            inner
            for oid in {entry.oid for entry in waiting}
            for inner in trees[oid]
            if inner.kind == "folder" and inner.oid not in trees
        ]
    return _flatten(trees, top, recursive)


def rows(tx: Transaction, repository_id: int, tree_oid: str) -> dict[str, Entry]:
    """What is directly in a tree, by name; the entries' paths are their names."""
    return {entry.path: entry for entry in _load(tx, repository_id, [tree_oid])[tree_oid]}


def save(
    tx: Transaction, repository_id: int, tree_oid: str, entries: Mapping[str, Entry], like: tuple[str, set[str]]
) -> None:
    """Keep a tree, unless the repository has it.

    Args:
        tree_oid: its id.
        entries: what is in it, by name.
        like: a tree that is kept already and the names in which the new one differs from it. The other rows are
            copied inside the database: a folder of 10,000 files costs little when one of them changes.
    """
    if tree_oid == EMPTY_TREE or _has(tx, repository_id, tree_oid):
        return
    source, changed = like
    copied = len(changed) <= len(entries) // 2 and len(changed) <= 500
    if copied:
        _copy(tx, repository_id, source, tree_oid, changed)
    names = [name for name in changed if name in entries] if copied else list(entries)
    values = [_values(repository_id, tree_oid, name, entries[name]) for name in names]
    if values:
        tx.execute(sa.insert(tables.tree_entries), values)


def _find_level(tx: Transaction, repository_id: int, found: Mapping[str, Entry], level: set[str]) -> dict[str, Entry]:
    """The entries at these paths, of which the folders that they are in are in ``found`` if they exist."""
    folders: dict[str, list[str]] = {}
    for path in sorted(level):
        parent, _, name = path.rpartition("/")
        if parent in found and found[parent].kind == "folder":
            folders.setdefault(parent, []).append(name)
    result = {}
    for parent, names in folders.items():
        for entry in _named(tx, repository_id, found[parent].oid, names):
            path = f"{parent}/{entry.path}" if parent else entry.path
            result[path] = _at(entry, path)
    return result


def _named(tx: Transaction, repository_id: int, tree_oid: str, names: list[str]) -> list[Entry]:
    mine = _ROWS.where(_COLUMNS.repository_id == repository_id, _COLUMNS.tree_oid == tree_oid)
    return [_entry(row) for some in batches(names) for row in tx.execute(mine.where(_COLUMNS.name.in_(some)))]


def _prefixes(paths: Iterable[str], depth: int) -> set[str]:
    """The first ``depth`` components of each path that has so many."""
    split = (path.split("/") for path in paths)
    return {"/".join(parts[:depth]) for parts in split if len(parts) >= depth}


def _load(tx: Transaction, repository_id: int, tree_oids: Iterable[str]) -> dict[str, list[Entry]]:
    """What is directly in each of these trees: folders before files, each by name; paths are names."""
    trees: dict[str, list[Entry]] = {oid: [] for oid in tree_oids}
    mine = _ROWS.where(_COLUMNS.repository_id == repository_id)
    for oids in batches(list(trees)):
        for row in tx.execute(mine.where(_COLUMNS.tree_oid.in_(oids))).all():
            trees[row[0]].append(_entry(row))
    for entries in trees.values():
        entries.sort(key=lambda entry: (entry.kind == "file", entry.path))
    return trees


def _flatten(trees: Mapping[str, list[Entry]], top: Entry, recursive: bool) -> list[Entry]:
    """The entries below ``top``, with full paths, in order."""
    result: list[Entry] = []
    stack = [top]  # not by recursion: paths may be hundreds of folders deep
    while stack:
        here = stack.pop()
        if here is not top:
            result.append(here)
        if here is top or (recursive and here.kind == "folder"):
            prefix = f"{here.path}/" if here.path else ""
            stack.extend(_at(entry, prefix + entry.path) for entry in reversed(trees[here.oid]))
    return result


def _has(tx: Transaction, repository_id: int, tree_oid: str) -> bool:
    mine = (_COLUMNS.repository_id == repository_id) & (_COLUMNS.tree_oid == tree_oid)
    return tx.execute(sa.select(sa.literal(1)).where(mine).limit(1)).first() is not None


def _copy(tx: Transaction, repository_id: int, source: str, target: str, without: set[str]) -> None:
    kept = [_COLUMNS.name, _COLUMNS.kind, _COLUMNS.oid, _COLUMNS.sha256, _COLUMNS.size, _COLUMNS.lfs]
    query = sa.select(sa.literal(repository_id), sa.literal(target), *kept).where(
        _COLUMNS.repository_id == repository_id, _COLUMNS.tree_oid == source, _COLUMNS.name.not_in(without)
    )
    names = ["repository_id", "tree_oid", *(column.name for column in kept)]
    tx.execute(sa.insert(tables.tree_entries).from_select(names, query))


def _entry(row: Sequence[Any]) -> Entry:
    _, name, kind, oid, sha256, size, lfs = row
    return Entry(name, "folder" if kind == "folder" else "file", oid, size, sha256, lfs)


def _at(entry: Entry, path: str) -> Entry:
    return Entry(path, entry.kind, entry.oid, entry.size, entry.sha256, entry.lfs)


def _values(repository_id: int, tree_oid: str, name: str, entry: Entry) -> dict[str, object]:
    return {
        "repository_id": repository_id,
        "tree_oid": tree_oid,
        "name": name,
        "kind": entry.kind,
        "oid": entry.oid,
        "sha256": entry.sha256,
        "size": entry.size,
        "lfs": entry.lfs,
    }
