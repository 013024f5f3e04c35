"""How a program under the recorder says what it has promised."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def mark(root: Path | str, text: str) -> None:
    """Note ``text`` in the recording at this point of the order of things; without a recorder, do nothing.

    Args:
        root: the folder that is recorded.
        text: without NUL; with the root at most 4,000 bytes.
    """
    # Not through Path: it would make a//b into a/b.
    with contextlib.suppress(FileNotFoundError), open(f"{os.path.realpath(root)}/.marker/{text}"):
        pass
