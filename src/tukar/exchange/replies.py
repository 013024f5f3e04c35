"""What a hub answers, as values. It is not trusted: whatever does not fit is refused here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from tukar.errors import Invalid, Unauthenticated


class OutdatedKey(Unauthenticated):
    """A request between hubs is meant for a key that the other has replaced: fetch its identity, and follow it."""


def malformed(what: str) -> Invalid:
    """The error for an answer that does not make sense."""
    return Invalid(f"the hub's answer makes no sense: {what}", hint="is HF_ENDPOINT the address of a hub?")


def parse(body: bytes) -> Any:
    """JSON; Invalid for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise malformed("it is not JSON") from None


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object, read field by field; Invalid for one that is missing or of another kind."""

    value: dict[str, Any]

    @classmethod
    def of(cls, value: object) -> Self:
        """From a JSON value that must be an object."""
        if not isinstance(value, dict):
            raise malformed("an object is expected")
        return cls(value)

    @classmethod
    def each(cls, value: object) -> Iterator[Self]:
        """From a JSON value that must be a list of objects."""
        if not isinstance(value, list):
            raise malformed("a list is expected")
        return map(cls.of, value)

    def __contains__(self, name: str) -> bool:
        return self.value.get(name) is not None

    def text(self, name: str) -> str:
        """A string."""
        found = self.value.get(name)
        if not isinstance(found, str):
            raise malformed(f"{name!r} is not a string")
        return found

    def number(self, name: str, least: int = 0) -> int:
        """A whole number from ``least`` on, below 2^63."""
        found = self.value.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found < 1 << 63:
            raise malformed(f"{name!r} is not a whole number")
        return found

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty if it is missing."""
        found = self.value.get(name) or []
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise malformed(f"{name!r} is not a list of strings")
        return found

    def inner(self, name: str) -> Self:
        """An object; empty if it is missing."""
        return type(self).of(self.value.get(name) or {})

    def items(self, name: str) -> list[Self]:
        """A list of objects; empty if it is missing."""
        return list(type(self).each(self.value.get(name) or []))
