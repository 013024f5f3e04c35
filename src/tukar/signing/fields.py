"""A statement's object as typed fields: all that must be there are, and none that is unknown."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from tukar.errors import Invalid
from tukar.signing.keys import Fingerprint, PublicKey
from tukar.signing.statements import MAX_INTEGER, Value

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Fields:
    """The members of an object.

    Args:
        what: what the object is, for messages: ``the offer``.
        value: the parsed object.
        required: the names that must be there.
        optional: the names that may be.

    Invalid if ``value`` is no object, lacks a field or has one more. The readers below raise Invalid if a field has
    another type or is out of bounds; KeyError for an optional field that is not there (ask ``in`` first).
    """

    __slots__ = ("_members", "_what")

    def __init__(self, what: str, value: Value, required: Collection[str], optional: Collection[str] = ()) -> None:
        if not isinstance(value, dict):
            raise Invalid(f"{what} is not an object")
        missing = set(required) - value.keys()
        if missing:
            raise Invalid(f"{what} has no field {min(missing)!r}")
        unknown = value.keys() - set(required) - set(optional)
        if unknown:
            raise Invalid(f"{what} has an unknown field {min(unknown)[:80]!r}", hint="it may come from a newer Tukar")
        self._what, self._members = what, value

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def text(self, name: str, most: int = 1024) -> str:
        """A string of at most ``most`` characters."""
        value = self._members[name]
        if not isinstance(value, str) or len(value) > most:
            raise self._wrong(name, f"a string of at most {most} characters")
        return value

    def integer(self, name: str, least: int = 0, most: int = MAX_INTEGER) -> int:
        """An integer, both bounds included."""
        value = self._members[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._wrong(name, f"an integer from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._members[name]
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def items(self, name: str, most: int) -> list[Value]:
        """A list of at most ``most`` values, of any type."""
        value = self._members[name]
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(name, f"a list of at most {most}")
        return value

    def value(self, name: str) -> Value:
        """Whatever is there: for an object inside this one."""
        return self._members[name]

    def key(self, name: str) -> PublicKey:
        """A public key, in hex."""
        return PublicKey.parse(self.text(name, 64))

    def fingerprint(self, name: str) -> Fingerprint:
        """A key's fingerprint, as it is stored."""
        return Fingerprint(self.text(name, 32))

    def sha256(self, name: str) -> str:
        """A SHA-256: 64 lower-case hex digits."""
        value = self.text(name, 64)
        if not _SHA256.fullmatch(value):
            raise self._wrong(name, "a SHA-256 in 64 lower-case hex digits")
        return value

    def _wrong(self, name: str, expected: str) -> Invalid:
        return Invalid(f"{name!r} in {self._what} is not {expected}")
