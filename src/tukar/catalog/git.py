"""Git's object ids, computed without git.

An object's id is the SHA-1 of its kind, its length and its content. A hub's ids are those that ``git`` itself would
compute for the same history, with Git LFS pointers in the place of large files.

Sources: Git's ``Documentation/gitformat-*`` and ``object-file.c``; the Git LFS pointer specification, version 1
(git-lfs/docs/spec.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, Literal

from tukar.errors import Invalid

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

_POINTER_VERSION: Final = b"version https://git-lfs.github.com/spec/v1\n"
_MODES: Final = {"file": b"100644", "folder": b"40000"}


def object_id(kind: Literal["blob", "tree", "commit"], content: bytes) -> str:
    """The id of an object: 40 hex digits."""
    digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def blob_oid(content: bytes) -> str:
    """The id of a file's content."""
    return object_id("blob", content)


def lfs_pointer(sha256: str, size: int) -> bytes:
    """The text that git keeps in the place of an LFS file."""
    return _POINTER_VERSION + f"oid sha256:{sha256}\nsize {size}\n".encode()


def lfs_oid(sha256: str, size: int) -> str:
    """The id of an LFS file, which is that of its pointer."""
    return blob_oid(lfs_pointer(sha256, size))


def is_lfs_pointer(content: bytes) -> bool:
    """Whether Git LFS would take this for a pointer: it has the version line and is shorter than 1,024 bytes."""
    return len(content) < 1024 and content.startswith(_POINTER_VERSION)


def tree_content(entries: Iterable[tuple[str, str, str]]) -> bytes:
    """A folder as git encodes it.

    Args:
        entries: name, ``file`` or ``folder``, and id of each, in any order.
    """
    lines = [(_sort_key(name, kind), _MODES[kind], name.encode(), bytes.fromhex(oid)) for name, kind, oid in entries]
    lines.sort()
    return b"".join(b"%s %s\0%s" % (mode, name, oid) for _, mode, name, oid in lines)


def tree_oid(entries: Iterable[tuple[str, str, str]]) -> str:
    """The id of a folder with these entries: name, ``file`` or ``folder``, and id of each."""
    return object_id("tree", tree_content(entries))


def commit_content(tree: str, parents: Iterable[str], author: str, at: int, message: str) -> bytes:
    """A commit as git encodes it, with the author as committer and the time in UTC.

    Args:
        tree: id of the root folder.
        parents: ids of the commits before it.
        author: ``name <email>``; the email may be empty.
        at: seconds since the epoch.
        message: title, blank line and body; it ends with one newline.
    """
    if not re.fullmatch(r"[^<>\x00\n]+ <[^<>\x00\n]*>", author) or "\x00" in message:
        raise Invalid(f"git cannot keep a commit by {author[:100]!r} with this message")
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author} {at} +0000", f"committer {author} {at} +0000", "", message]
    return "\n".join(lines).encode()


def commit_oid(tree: str, parents: Iterable[str], author: str, at: int, message: str) -> str:
    """The id of a commit; for the arguments see ``commit_content``."""
    return object_id("commit", commit_content(tree, parents, author, at, message))


def _sort_key(name: str, kind: str) -> bytes:
    # Git compares folders as if their names ended in a slash: "a.txt" comes before the folder "a", "a0" after it.
    return name.encode() + b"/" if kind == "folder" else name.encode()
