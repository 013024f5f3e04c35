"""The exchange of the hub at the other end of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tukar.cli.administration import Administration, Value
from tukar.cli.exchanging import Place
from tukar.cli.over_http import OverHttp
from tukar.exchange.http import Remote, quoted
from tukar.exchange.replies import Fields

_SWAPS: Final = "/api/tukar/swaps"
_REQUESTS: Final = "/api/tukar/requests"


class ExchangeOverHttp:
    """Asks the routes of ``server.swaps`` and ``server.wishes``."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    @property
    def hub(self) -> Administration:
        """As Exchange."""
        return OverHttp(self._remote)

    def swaps(self) -> list[Value]:
        """As Exchange."""
        return [_line(item) for page in self._remote.pages(_SWAPS, {}) for item in Fields.each(page)]

    def swap(self, id_: str) -> Value:
        """As Exchange."""
        return _swap(self._remote.get(f"{_SWAPS}/{quoted(id_)}").fields())

    def offer(self, proposal: dict[str, Any]) -> Value:
        """As Exchange."""
        return _swap(self._post(_SWAPS, proposal))

    def accept(self, id_: str, into: Sequence[Place], *, private: bool, give_private: bool) -> Value:
        """As Exchange."""
        asked = {"into": [place.value() for place in into], "private": private, "give_private": give_private}
        return _swap(self._post(f"{_SWAPS}/{quoted(id_)}/accept", asked))

    def refuse(self, id_: str, reason: str) -> Value:
        """As Exchange."""
        return _swap(self._post(f"{_SWAPS}/{quoted(id_)}/refuse", {"reason": reason}))

    def cancel(self, id_: str, reason: str) -> Value:
        """As Exchange."""
        return _swap(self._post(f"{_SWAPS}/{quoted(id_)}/cancel", {"reason": reason}))

    def requests(self, *, everything: bool) -> list[Value]:
        """As Exchange."""
        query = {"all": "true"} if everything else None
        return [_request(item) for item in Fields.each(self._remote.get(_REQUESTS, query).json())]

    def request(self, id_: str) -> Value:
        """As Exchange."""
        return _request(self._remote.get(f"{_REQUESTS}/{quoted(id_)}").fields())

    def make_request(self, wish: dict[str, Any]) -> Value:
        """As Exchange."""
        return _request(self._post(_REQUESTS, wish))

    def withdraw_request(self, id_: str) -> Value:
        """As Exchange."""
        path = f"{_REQUESTS}/{quoted(id_)}"
        return _request(self._remote.request("DELETE", path, repeatable=False).fields())

    def _post(self, path: str, value: dict[str, Any]) -> Fields:
        return self._remote.request("POST", path, json=value, repeatable=False).fields()


def _line(found: Fields) -> Value:
    texts = {name: found.text(name) for name in ("id", "peer", "role", "state", "says", "note")}
    dates = {name: found.text(name) for name in ("created", "expires", "changed")}
    optional = {name: _optional(found, name) for name in ("reason", "error")}
    counts = {name: found.number(name) for name in ("give_count", "take_count")}
    flags = {name: found.value.get(name) is True for name in ("open", "expired")}
    sides = {side: [_item(item) for item in found.items(side)] for side in ("give", "take")}
    return {**texts, **dates, **optional, **counts, **flags, **sides}


def _swap(found: Fields) -> Value:
    texts = {name: found.text(name) for name in ("id", "peer", "role", "state", "says", "note")}
    dates = {name: found.text(name) for name in ("created", "expires", "changed")}
    optional = {name: _optional(found, name) for name in ("request", "reason", "error", "reached")}
    flags = {name: found.value.get(name) is True for name in ("open", "expired", "receipt")}
    numbers = {name: found.number(name) for name in ("fetched_bytes", "avoided_bytes", "total_bytes")}
    sides = {side: [_item(item) for item in found.items(side)] for side in ("give", "take")}
    return {**texts, **dates, **optional, **flags, **numbers, **sides, "into": [_place(p) for p in found.items("into")]}


def _item(found: Fields) -> Value:
    what: Value = {"repository": found.text("repository"), "type": found.text("type")}
    if "private" not in found:  # in short
        return what
    what = {**what, "private": found.value.get("private") is True}
    if "revision" in found:  # asked for: what it is, only an acceptance says
        return {**what, "revision": found.text("revision")}
    numbers = {name: found.number(name) for name in ("files", "size")}
    told = {"commit": found.text("commit"), "licence": _optional(found, "licence"), "tags": found.texts("tags")}
    return {**what, **numbers, **told}


def _place(found: Fields) -> Value:
    return {
        **{name: found.text(name) for name in ("type", "from", "to")},
        "private": found.value.get("private") is True,
        "commit": _optional(found, "commit"),
    }


def _request(found: Fields) -> Value:
    texts = {name: found.text(name) for name in ("id", "state", "hub", "text", "made", "expires")}
    optional = {name: _optional(found, name) for name in ("task", "licence", "base_model", "swap")}
    told = found.inner("evaluation")
    evaluation = {name: told.text(name) for name in ("sha256", "metric", "at_least")} if told.value else None
    return {**texts, **optional, "evaluation": evaluation, "envelope": dict(found.inner("envelope").value)}


def _optional(found: Fields, name: str) -> str | None:
    return found.text(name) if name in found else None
