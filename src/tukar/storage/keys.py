"""The grammar of keys, the same for every backend, so that a store can move from one backend to another."""

from __future__ import annotations

import re
from typing import Final

from tukar.errors import Invalid

TEMPORARY: Final = "tmp"
"""The folder of unfinished blobs in a local folder store. No key lies in it."""

_LONGEST: Final = 512
"""Bytes in a key. Object stores end at 1,024 with their own prefix; folders end at 255 per component."""

_COMPONENT: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}"
_KEY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_PREFIX: Final = re.compile(rf"(?:{_COMPONENT}/)*(?:{_COMPONENT})?")


def check_key(key: str) -> str:
    """``key`` itself; Invalid if it is not one.

    Relative, ``/`` between components of 1 to 255 letters, digits, ``-``, ``_`` and ``.`` that do not begin with ``.``
    (so neither ``..`` nor a hidden file); at most 512 bytes; not below ``tmp/``.
    """
    if not _matches(_KEY, key) or key == TEMPORARY:
        raise _invalid("a storage key", key)
    return key


def check_prefix(prefix: str) -> str:
    """``prefix`` itself; Invalid if no key can begin with it. The empty string is the prefix of every key."""
    if not _matches(_PREFIX, prefix):
        raise _invalid("the beginning of a storage key", prefix)
    return prefix


def is_component(name: str) -> bool:
    """Whether a key may have this component."""
    return re.fullmatch(_COMPONENT, name) is not None


def check_range(start: int, stop: int) -> None:
    """Invalid unless ``0 <= start <= stop``."""
    if not 0 <= start <= stop:
        raise Invalid(f"not a range of bytes: {start} to {stop}")


def _matches(grammar: re.Pattern[str], text: str) -> bool:
    return len(text) <= _LONGEST and grammar.fullmatch(text) is not None and not text.startswith(f"{TEMPORARY}/")


def _invalid(what: str, text: str) -> Invalid:
    return Invalid(
        f"not {what}: {text[:100]!r}",
        hint=f"join names of letters, digits, '-', '_' and '.' with '/'; {TEMPORARY!r} may not come first",
    )
