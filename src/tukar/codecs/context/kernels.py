"""Which kernel does the work: the compiled one where there is one, otherwise the reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from tukar.codecs.context.layout import Kernel
from tukar.codecs.context.native import Native

LIBRARY: Final = Path(__file__).with_name("_kernel.so")


@cache
def kernel() -> Kernel:
    """The fastest that works here."""
    try:
        return Native(LIBRARY)
    except OSError:
        from tukar.codecs.context.reference import Reference  # slow to import

        return Reference()
