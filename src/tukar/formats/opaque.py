"""Opaque content: any file that no other format knows, as one run of bytes."""

from __future__ import annotations

from tukar.types import ByteSource, Layout


class Opaque:
    """Accepts every file and finds no tensors in it."""

    name = "opaque"

    def open(self, file: ByteSource) -> Layout:
        """A layout without tensors."""
        return Layout(self.name)
