"""What is signed: JSON in a form of which every value has exactly one.

So two hubs that build the same receipt build the same bytes, and nothing that was signed can be read in two ways. The
form, in the spirit of RFC 8785 but smaller:

- the members of an object sorted by their names, by Unicode code points; no name twice;
- no space between tokens;
- ASCII only: everything outside of it, and the controls, escaped as Python's ``json`` does it (``\\n`` and the like
  where JSON has a short escape, else ``\\u`` and four lower-case digits, in surrogate pairs beyond U+FFFF);
- integers from -(2^53 - 1) to 2^53 - 1 (what every JSON reader holds exactly: RFC 8259, section 6), no other numbers;
- strings that are text: no half of a surrogate pair.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn, TypeAlias

from tukar.errors import Invalid

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | bool | None"

MAX_BYTES: Final = 16 << 20
"""Of a statement's encoded form."""

MAX_DEPTH: Final = 16
"""Objects and lists inside one another."""

MAX_MARKS: Final = 1 << 20
"""Commas and opening brackets in the encoded form, wherever they stand: with them, the number of values is bounded
before anything is parsed, and so is the memory: less than 200 MB."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer, and the smallest without its sign."""

_HINT: Final = "members sorted, no spaces, ASCII, no name twice"


def encode(value: Value) -> bytes:
    """The one form of ``value``.

    Invalid if it holds what a statement cannot: a float, an integer or a depth out of bounds, half of a surrogate pair,
    a name that is no string; or if it is too large.
    """
    _check(value, 0)
    data = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    _check_size(data)
    return data


def parse(data: bytes) -> Value:
    """The value of which ``data`` is the one form; Invalid for anything else. Time and memory are bounded.

    1. The bounds that bytes show: length, and how many values there can be.
    2. JSON, without floats and without integers that are long to read.
    3. The bounds that values show, as for `encode`.
    4. Its encoded form is ``data``: so the order, the spacing, the escapes are right, and no name occurs twice.
    """
    # 1.
    _check_size(data)
    # 2.
    try:
        value: Value = _DECODER.decode(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not a statement: {_reason(error)}") from None
    # 3. and 4.
    if encode(value) != data:
        raise Invalid("not a statement: JSON, but not in its one form", hint=_HINT)
    return value


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise Invalid(f"a statement has at most {MAX_BYTES} bytes, not {len(data)}")
    marks = data.count(b",") + data.count(b"[") + data.count(b"{")
    if marks > MAX_MARKS:
        raise Invalid(f"a statement has at most {MAX_MARKS} commas and opening brackets, not {marks}")


def _check(value: object, depth: int) -> None:
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value)
        case int():
            if abs(value) > MAX_INTEGER:
                raise Invalid("an integer in a statement lies between -(2^53 - 1) and 2^53 - 1")
        case list() | dict():
            _check_inside(value, depth + 1)
        case _:
            raise Invalid(f"a statement holds no {type(value).__name__}")


def _check_inside(container: list[object] | dict[object, object], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(f"a statement has at most {MAX_DEPTH} objects and lists inside one another")
    if isinstance(container, list):
        for value in container:
            _check(value, depth)
        return
    for name, value in container.items():
        if not isinstance(name, str):
            raise Invalid("a name in a statement is a string")
        _check_text(name)
        _check(value, depth)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid("a string in a statement has half of a surrogate pair") from None


def _integer(digits: str) -> int:
    if len(digits) > len(str(-MAX_INTEGER)):
        raise ValueError("an integer is out of bounds")
    return int(digits)


def _no_float(digits: str) -> NoReturn:
    raise ValueError("a number is not an integer")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_no_float, parse_constant=_no_float)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "not ASCII" if isinstance(error, UnicodeDecodeError) else str(error)
