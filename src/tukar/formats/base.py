"""The format seam: a weight file to its layout."""

from __future__ import annotations

from typing import Protocol

from tukar.types import ByteSource, Layout


class Format(Protocol):
    """A weight file format. Parses untrusted input; never raises on bad input, never reads the tensors' data."""

    name: str

    def open(self, file: ByteSource) -> Layout | None:
        """The layout of ``file``, or None if it is not a well-formed file of this format.

        Every byte of the file belongs to at most one tensor; the bytes that belong to none (header, padding) are kept
        verbatim by the caller. Memory and time are bounded whatever the file claims.
        """
