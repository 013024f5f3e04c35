"""Weight files as headers and tensors.

A new format is one file here, one line in ``FORMATS`` and one subclass of ``tukar.testing.formats.FormatContract``:
see docs/how-to/add-a-format.md.
"""

from __future__ import annotations

from typing import Final

from tukar.formats.base import Format
from tukar.formats.gguf import Gguf
from tukar.formats.opaque import Opaque
from tukar.formats.pieces import Piece, cut
from tukar.formats.safetensors import Safetensors
from tukar.types import ByteSource, Layout

__all__ = ["FORMATS", "Format", "Piece", "cut", "open_file"]

FORMATS: Final[tuple[Format, ...]] = (
    Safetensors(),
    Gguf(),
    Opaque(),  # takes whatever is left: it stays last
)


def open_file(source: ByteSource) -> Layout:
    """The layout of a file, by the first format that accepts it; ``opaque`` where none knows it."""
    return next(layout for form in FORMATS if (layout := form.open(source)) is not None)
