"""A repository of a hub at the other end of HTTP, as the source and as the destination of a transfer."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tukar.errors import Conflict, Invalid, NotFound, Unsupported
from tukar.exchange import streaming
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, repo_path
from tukar.exchange.remote import STREAM, Announced, Bases, Busy, Pieces, Wanted
from tukar.exchange.replies import Fields, malformed
from tukar.objects.stream import Start
from tukar.types import Digest, RepoId

_NONE: Final[Bases] = MappingProxyType({})
_STREAMED: Final = {"Content-Type": STREAM}


@dataclass(frozen=True, slots=True)
class Held:
    """Where an object is in a file that the hub has."""

    sha256: str
    start: int


@dataclass(frozen=True, slots=True)
class RepositorySource:
    """The objects of the files of a repository.

    Attributes:
        held: in which files the hub has the bases that it told of; filled as it is asked.
    """

    endpoint: Endpoint
    repo: RepoId
    held: dict[Digest, list[Held]] = field(default_factory=dict)

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        """As ``remote.Source``. A hub that knows of no differences has none."""
        asked = {"objects": [str(digest) for digest in wanted]}
        try:
            with Remote(self.endpoint) as remote:
                told = remote.request("POST", f"{self._path}/bases", json=asked).fields()
        except (NotFound, Unsupported):
            return {}
        for item in told.items("files"):
            place = Held(item.text("sha256"), item.number("start"))
            self.held.setdefault(_digest(item.text("object")), []).append(place)
        return bases_of(told)

    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> AbstractContextManager[Pieces]:
        """As ``remote.Source``."""
        asked = asked_value(wanted, start, differences)
        headers = self.endpoint.headers()
        return streaming.posted(self.endpoint, f"{self._path}/read", headers, json.dumps(asked).encode())

    @property
    def _path(self) -> str:
        return f"{repo_path(self.repo)}/objects"


@dataclass(frozen=True, slots=True)
class RepositoryDestination:
    """A push to a repository.

    Attributes:
        name: of the push, 64 hex digits: the same whenever the same is pushed, so that it goes on where it stopped.
    """

    remote: Remote
    repo: RepoId
    name: str

    @property
    def in_order(self) -> bool:
        """As ``remote.Destination``."""
        return False

    def limit(self) -> int | None:
        """The bytes of the largest file that the hub takes; None if it takes no objects: it is another kind of hub."""
        try:
            return self._ask(()).number("limit")
        except (NotFound, Unsupported) as error:
            if type(error) in (NotFound, Unsupported):  # and not that the repository is missing
                return None
            raise

    def missing(self, digests: Sequence[Digest]) -> Wanted:
        """As ``remote.Destination``."""
        told = self._ask(digests)
        wanted = tuple(map(_digest, told.texts("objects")))
        if not set(wanted) <= set(digests):
            raise malformed("it wants other objects than those it was asked about")
        if "start" not in told or not wanted:
            return Wanted(wanted)
        start = told.inner("start")
        return Wanted(wanted, Start(_digest(start.text("record")), start.number("stored")))

    def _ask(self, digests: Sequence[Digest]) -> Fields:
        return Fields.of(self._post("missing", {"objects": [str(digest) for digest in digests]}))

    def usable(self, bases: Bases) -> set[Digest]:
        """As ``remote.Destination``: a hub takes no differences from who pushes."""
        return set()

    def write(self, pieces: Iterable[bytes], wanted: Mapping[Digest, int], differences: Bases = _NONE) -> None:
        """As ``remote.Destination``."""
        try:
            streaming.sent(
                self.remote.endpoint, f"{self._path}/write", _STREAMED | self.remote.endpoint.headers(), pieces
            )
        except Conflict as error:
            raise Busy(error.message, hint=error.hint) from error

    def make(self, files: Sequence[Announced]) -> None:
        """Have files made of the objects that were sent. Busy if some of them are missing again."""
        told = [{"sha256": file.sha256, "size": file.size, "manifest": str(file.manifest)} for file in files]
        self._post("files", {"files": told})

    def end(self) -> None:
        """The push has ended: what it sent is committed."""
        self.remote.request("DELETE", self._path)

    def _post(self, verb: str, value: Any) -> Any:
        try:
            return self.remote.request("POST", f"{self._path}/{verb}", json=value).json()
        except Conflict as error:
            raise Busy(error.message, hint=error.hint) from error

    @property
    def _path(self) -> str:
        return f"{repo_path(self.repo)}/objects/uploads/{self.name}"


def asked_value(wanted: Sequence[Digest], start: Start | None, differences: Collection[Digest]) -> dict[str, object]:
    """What is asked of a source, as JSON."""
    return {
        "objects": [str(digest) for digest in wanted],
        "start": start_value(start),
        "differences": [str(digest) for digest in differences],
    }


def bases_of(told: Fields) -> Bases:
    """What a source says of differences, from JSON."""
    items = told.items("differences")
    return {_digest(item.text("object")): tuple(map(_digest, item.texts("bases"))) for item in items}


def start_value(start: Start | None) -> dict[str, object] | None:
    """Where a stream is to go on, as JSON."""
    return None if start is None else {"record": str(start.record), "stored": start.stored}


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except Invalid:
        raise malformed(f"not the name of an object: {text[:80]!r}") from None
