"""The YAML at the head of a card, read as plain JSON types, from people whom nobody vouches for.

It is built from the parser's events with a stack of our own, because PyYAML's loaders are not safe enough for this:
the compiled one recurses without a limit (100,000 brackets overflow the C stack and end the process), merge keys let
a kilobyte grow to gigabytes, and YAML 1.1 reads ``language: no`` as false. Scalars follow the core schema of YAML 1.2
(https://yaml.org/spec/1.2.2/#103-core-schema) in decimal: null, true, false and numbers; dates stay text. Aliases,
which no card needs, are refused.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

import yaml

from tukar.errors import Invalid

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 18  # of a number; longer ones stay text, so that nothing is rounded
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[dict[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def load(text: str) -> Json:
    """The one document in ``text``; None if it is empty.

    Raises:
        Invalid: it is not YAML, has several documents or an alias, is nested too deep, or has a key that is no scalar.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise Invalid(f"not valid YAML: {_where(error)}") from error
    return builder.result


class _Builder:
    """Puts a document together from events."""

    def __init__(self) -> None:
        self.result: Json = None
        self._documents = 0
        self._open: list[list[Json] | dict[str, Json]] = []
        self._keys: list[str | None] = []  # for each open mapping, the key that waits for its value

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Invalid("several YAML documents where one should be")
            case yaml.AliasEvent():
                raise Invalid("YAML aliases are not accepted in a card", hint="write the value out where it is used")
            case yaml.SequenceStartEvent():
                self._push([])
            case yaml.MappingStartEvent():
                self._push({})
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                if isinstance(self._open[-1], dict):
                    self._keys.pop()
                self._put(self._open.pop())
            case yaml.ScalarEvent():
                self._scalar(event)

    def _push(self, container: list[Json] | dict[str, Json]) -> None:
        if self._awaits_key():
            raise Invalid("a YAML mapping has a key that is a list or a mapping")
        if len(self._open) == _MAX_DEPTH:
            raise Invalid(f"the YAML is nested deeper than {_MAX_DEPTH} levels")
        self._open.append(container)
        if isinstance(container, dict):
            self._keys.append(None)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._awaits_key():
            self._keys[-1] = event.value
        else:
            self._put(_plain(event.value) if event.implicit[0] else event.value)

    def _put(self, value: Json) -> None:
        if not self._open:
            self.result = value
            return
        top = self._open[-1]
        if isinstance(top, list):
            top.append(value)
            return
        key, self._keys[-1] = self._keys[-1], None
        if key is not None:
            top[key] = value

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None


def _plain(text: str) -> Json:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return str(problem) if mark is None else f"{problem}, line {mark.line + 1}"
