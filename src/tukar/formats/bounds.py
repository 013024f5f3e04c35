"""What the parsers of this package agree to hold in memory, whatever a file claims.

A file that goes beyond is not refused: it is kept as opaque content.
"""

from __future__ import annotations

from typing import Final

MAX_TENSORS: Final = 1 << 17
"""Tensors of one file. A mixture of experts has some 100,000 in all of its shards together."""

MAX_NAME: Final = 256
"""Bytes of a tensor's name. Names are paths of modules, some tens of characters long; ggml allows 63."""

MAX_DIMENSIONS: Final = 64
"""Dimensions of a tensor, as in PyTorch and NumPy. ggml allows 4."""
