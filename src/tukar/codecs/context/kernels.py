"""Which kernel does the work: the compiled one where there is one, otherwise the reference."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

from tukar.codecs.context.layout import Kernel
from tukar.codecs.context.native import Native
from tukar.errors import Unsupported

LIBRARY: Final = Path(__file__).with_name("_kernel.so")


@cache
def kernel() -> Kernel:
    """The fastest that works here. Unsupported on a big-endian machine, as both read elements in their own order."""
    if sys.byteorder != "little":
        raise Unsupported("this machine is big-endian, and context codings are read and written on little-endian ones")
    try:
        return Native(LIBRARY)
    except OSError:
        from tukar.codecs.context.reference import Reference  # slow to import

        return Reference()
