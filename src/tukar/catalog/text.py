"""What text a database can hold."""

from __future__ import annotations

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether every database can hold the text, or be asked for it: no NUL (PostgreSQL), no lone surrogates (all)."""
    return _UNSTORABLE.search(text) is None
