"""Forms as browsers send them (application/x-www-form-urlencoded, WHATWG URL standard, section 5), parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from tukar.errors import Invalid

LIMIT: Final = 256 << 10
"""Bytes of a form."""
_FIELDS: Final = 1000
_KIND: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, by the names of the fields."""

    fields: Mapping[str, tuple[str, ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        """Every field of that name, in order; spaces around what was typed are not part of it."""
        return tuple(text.strip() for text in self.fields.get(name, ()))

    def text(self, name: str) -> str:
        """The first field of that name; empty if there is none."""
        return next(iter(self.texts(name)), "")

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self.fields


async def body(request: Request) -> bytes:
    """The body of a request, or so much of it as shows that it is too large."""
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > LIMIT:
            break
    return bytes(taken)


def parse(kind: str, data: bytes) -> Form:
    """The form in a body of the content type ``kind``; Invalid if it is none, or has more than `LIMIT` bytes."""
    if kind.partition(";")[0].strip().lower() != _KIND:
        raise Invalid("that is not a form as this page sends it")
    if len(data) > LIMIT:
        raise Invalid(f"the form has more than {LIMIT} bytes", hint="go back, and write less")
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise Invalid("that is not a form as this page sends it") from None
    fields: dict[str, tuple[str, ...]] = {}
    for name, text in pairs:
        if re.search("[\x00\ud800-\udfff]", name + text):
            raise Invalid("the form has a NUL character or is not Unicode text")
        fields[name] = (*fields.get(name, ()), text.replace("\r\n", "\n"))
    return Form(fields)
