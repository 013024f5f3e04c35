"""JSON from strangers: UTF-8, no key twice in an object, no half of a surrogate pair in the text that is used."""

from __future__ import annotations

import json


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def parse(data: bytes) -> object:
    """The value that ``data`` spells; ValueError if it is not JSON. The caller bounds the length of ``data``."""
    try:
        value: object = _DECODER.decode(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def text(value: object) -> str:
    """``value`` if it is text that UTF-8 can write (JSON's escapes can spell what it cannot); ValueError if not."""
    if not isinstance(value, str):
        raise ValueError("not a string")
    value.encode()
    return value
