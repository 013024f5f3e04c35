"""Blobs as objects in an object store (S3, Google Cloud Storage, Azure) through obstore, the optional extra ``s3``.

obstore is imported where it is used, so that a hub without an object store need not have it.

An upload that is broken off becomes no object, but its parts may stay in the bucket, hidden and paid for. Give the
bucket a lifecycle rule that removes incomplete multipart uploads, and put
:class:`~tukar.storage.retry.RetryStorage` around this storage: it begins no upload before it holds all the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from tukar.errors import Corrupt, Invalid, NotFound, Unavailable, Unsupported
from tukar.storage.base import Stat, Writer
from tukar.storage.keys import check_key, check_prefix, check_range

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PART: Final = 8 << 20
"""Bytes in a part of an upload: S3 takes 10,000 parts, so blobs of up to 78 GiB."""

_PARTS_AT_ONCE: Final = 4

_SCHEMES: Final = ("s3", "gs", "az")
"""obstore opens folders too, but never fsyncs: those are for :class:`~tukar.storage.folder.FolderStorage`."""


class ObjectStoreStorage:
    """Blobs in ``store``.

    Every object store of that kind makes an object visible whole and durable when its upload is completed. An upload
    holds about 40 MiB of memory at most.

    Args:
        store: any of ``obstore.store``, with its prefix, credentials and limits; its own retries stay as they are.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """The store at ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://account/container/prefix``.

        Args:
            url: where it is.
            options: passed on to ``obstore.store.from_url``: ``region``, ``endpoint``, ``access_key_id`` and so on.

        Raises:
            Unsupported: obstore is not installed.
            Invalid: the address or an option is wrong.
        """
        if url.partition("://")[0] not in _SCHEMES:
            raise Invalid(
                f"not the address of an object store: {url[:200]}", hint="it begins with s3://, gs:// or az://"
            )
        try:
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError as error:
            raise Unsupported("object stores need obstore", hint="pip install 'tukar[s3]'") from error
        try:
            return cls(from_url(url, **options))
        except (BaseError, ValueError) as error:
            raise Invalid(f"cannot use the object store {url}: {_first_line(error)}") from error

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        """Write the blob ``key``; see :class:`~tukar.storage.base.Storage`."""
        import obstore

        upload = obstore.open_writer(self._store, check_key(key), buffer_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        yield _UploadWriter(upload, key)
        with _store_errors(f"write {key}"):  # not reached after an exception: an upload that is not closed is no object
            upload.close()

    def read(self, key: str, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop``; NotFound, or Corrupt if there are fewer."""
        check_range(start, stop)
        if start == stop:  # no HTTP range is empty
            self._check_size(key, stop)
            return b""
        try:
            with _store_errors(f"read {check_key(key)}"):
                data = bytes(self._store.get_range(key, start=start, end=stop))
        except Unavailable:
            self._check_size(key, stop)  # a range that begins past the end is an error without a name of its own
            raise
        if len(data) != stop - start:
            raise Corrupt(f"{key} has {start + len(data)} bytes, not {stop}")
        return data

    def stat(self, key: str) -> Stat:
        """A blob's size; NotFound if there is none."""
        with _store_errors(f"look up {check_key(key)}"):
            return Stat(key, self._store.head(key)["size"])

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """All blobs whose key begins with ``prefix``."""
        check_prefix(prefix)
        return self._list(prefix)

    def delete(self, key: str) -> None:
        """Remove a blob; no error if there is none."""
        try:
            with _store_errors(f"delete {check_key(key)}"):
                self._store.delete(key)
        except NotFound:
            pass

    def _check_size(self, key: str, stop: int) -> None:
        size = self.stat(key).size
        if size < stop:
            raise Corrupt(f"{key} has {size} bytes, not {stop}")

    def _list(self, prefix: str) -> Iterator[Stat]:
        folder = prefix.rpartition("/")[0]  # object stores compare whole components
        pages = iter(self._store.list(folder or None))
        while True:
            with _store_errors(f"list {prefix or 'the storage'}"):
                page = next(pages, None)
            if page is None:
                return
            for found in page:
                if found["path"].startswith(prefix):
                    yield Stat(found["path"], found["size"])


class _UploadWriter:
    def __init__(self, upload: Any, key: str) -> None:
        self._upload, self._key = upload, key

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        with _store_errors(f"write {self._key}"):
            self._upload.write(bytes(data))  # obstore copies later, when the caller may have filled its buffer anew


@contextmanager
def _store_errors(doing: str) -> Iterator[None]:
    """Raise the errors of obstore, and those of Python that it uses, in our words; ``doing`` completes "cannot ..."."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"cannot {doing}: there is no such blob") from None
    except (BaseError, OSError, ValueError) as error:
        raise Unavailable(f"cannot {doing}: {_first_line(error)}", hint=_hint(error)) from error


def _hint(error: Exception) -> str:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "check the credentials for the object store and what they allow"
    return "the object store may be down or out of reach"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]  # what follows is for the developers of obstore
