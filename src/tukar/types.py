"""Frozen values that cross packages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, Self

from blake3 import blake3

from tukar.errors import Invalid

RepoType = Literal["model", "dataset", "space"]
REPO_TYPES: Final[tuple[RepoType, ...]] = ("model", "dataset", "space")


class Digest(bytes):
    """The BLAKE3-256 digest of some bytes: the name of an object in the store. 32 bytes; prints as 64 hex digits."""

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        """Wrap 32 raw bytes; Invalid for any other length."""
        if len(raw) != 32:
            raise Invalid(f"a digest has 32 bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Self:
        """The digest of ``data``."""
        return cls(blake3(data).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """From 64 hex digits; Invalid otherwise."""
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise Invalid(f"not a digest of 64 lower-case hex digits: {text[:80]!r}")
        return cls(bytes.fromhex(text))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Digest({self.hex()[:12]}…)"


class ByteSource(Protocol):
    """Random access to a run of bytes of known size: a file on disk, or one rebuilt from the store."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes ``start`` (inclusive) to ``stop`` (exclusive), all of them; ``0 <= start <= stop <= size``."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a weight file.

    Attributes:
        name: its name in the file.
        dtype: the format's own name for the element type, e.g. ``BF16`` or ``Q4_1``.
        shape: in the order in which the format writes it, outermost dimension first.
        start: offset of its first byte in the file.
        stop: offset after its last byte.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """Its length in the file, in bytes."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Layout:
    """What a format found in a file.

    Attributes:
        format: the format's name: ``safetensors``, ``gguf`` or ``opaque``.
        tensors: by ascending ``start``; they do not overlap and may leave gaps (the header, padding).
        metadata: the file's own metadata, values as plain JSON types; large arrays are left out.
    """

    format: str
    tensors: tuple[TensorInfo, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a file that is stored as one object: a tensor, a header, padding, or opaque content."""

    digest: Digest
    length: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file as the parts that it is put together from, in file order, without gaps.

    Attributes:
        sha256: of the whole file, 64 hex digits.
        size: of the whole file, in bytes; the sum of the parts' lengths.
        format: the format that cut it.
        parts: the objects, in file order.
    """

    sha256: str
    size: int
    format: str
    parts: tuple[Part, ...]


_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
# fmt: off
_RESERVED: Final = frozenset({
    "api", "datasets", "docs", "exchange", "lfs", "login", "logout", "models", "oauth", "ready", "settings", "spaces",
    "static", "storage", "v1", "v2", "xet",
})
# fmt: on
_PATH_BYTES: Final = 1024
_PATH_NAME_BYTES: Final = 255
_PATH_DEPTH: Final = 64  # folders and the file; every one costs queries and a git tree


def check_name(text: str) -> str:
    """A user's, organisation's or repository's name; Invalid if it breaks the Hugging Face Hub's naming rules.

    Letters, digits, ``-``, ``_`` and ``.``; at most 96; no ``-`` or ``.`` at either end; neither ``--`` nor ``..``;
    does not end in ``.git``.
    """
    if not _NAME.fullmatch(text) or "--" in text or ".." in text or text.endswith(".git"):
        raise Invalid(
            f"not a valid name: {text[:100]!r}",
            hint="use letters, digits, '-', '_' and '.', at most 96, none of '-' and '.' at the ends or twice in a row",
        )
    return text


def check_namespace(text: str) -> str:
    """A name that may own repositories: a name that the web addresses of the hub do not need for themselves."""
    if text.lower() in _RESERVED:
        raise Invalid(f"the name {text!r} is reserved", hint="choose another name")
    return check_name(text)


@dataclass(frozen=True, slots=True, order=True)
class RepoId:
    """A repository's full name: ``namespace/name``, and its type."""

    namespace: str
    name: str
    type: RepoType = "model"

    @classmethod
    def parse(cls, text: str, type: RepoType = "model") -> Self:  # noqa: A002 - the field's own word
        """From ``namespace/name``; Invalid otherwise."""
        namespace, slash, name = text.partition("/")
        if not slash:
            raise Invalid(f"not a repository id: {text[:200]!r}", hint="write it as NAMESPACE/NAME")
        return cls(check_namespace(namespace), check_name(name), type)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def check_path(text: str) -> str:
    """A file's path inside a repository; Invalid if it could leave the folder that it is written to.

    Relative, ``/`` between components, no empty, ``.`` or ``..`` component, no control character or backslash, no
    ``.git`` component, at most 64 components, 1,024 bytes of UTF-8 and 255 per component. Names that some file system
    cannot hold, or cannot tell apart, are for who writes them there to find.
    """
    parts = text.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        raise Invalid(f"not a valid path: {text[:200]!r}: it is not Unicode text") from None
    if (
        any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
        or re.search(r"[\x00-\x1f\x7f\\]", text)
        or sum(sizes) + len(parts) - 1 > _PATH_BYTES
        or max(sizes) > _PATH_NAME_BYTES
        or len(parts) > _PATH_DEPTH
    ):
        raise Invalid(
            f"not a valid path in a repository: {text[:200]!r}",
            hint="use '/' between at most 64 names; no '.', '..' or '.git', no backslash, no control character",
        )
    return text
