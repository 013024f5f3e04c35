"""Large files to a hub, by Git LFS: what it has, and may be linked, is not sent.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, and the Hugging Face Hub's multipart variant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Final

from tukar.cli import workers
from tukar.cli.output import Advance, Output
from tukar.cli.sources import LocalFile
from tukar.cli.workers import Stopped
from tukar.errors import Invalid
from tukar.exchange.http import Remote, web_path
from tukar.exchange.replies import Fields, malformed
from tukar.types import RepoId

_MEDIA: Final = {"Content-Type": "application/vnd.git-lfs+json", "Accept": "application/vnd.git-lfs+json"}
_BATCH: Final = 100
_THREADS: Final = 3
_PARTS_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file to send, by its SHA-256."""

    file: LocalFile
    sha256: str


@dataclass(frozen=True, slots=True)
class _Task:
    """A file that the hub asks for, and how."""

    large: LargeFile
    upload: Fields


def upload(remote: Remote, repo: RepoId, files: Sequence[LargeFile], output: Output) -> set[str]:
    """Send what the hub does not have; returns the SHA-256 of what was sent."""
    wanted = list({large.sha256: large for large in files}.values())
    sent: set[str] = set()
    with output.progress("Sending", sum(large.file.size for large in wanted)) as advance:

        @contextmanager
        def worker(stop: Event) -> Iterator[Callable[[_Task], None]]:
            yield lambda task: _Sender(remote, task, advance, stop).send()

        for start in range(0, len(wanted), _BATCH):
            some = wanted[start : start + _BATCH]
            tasks = _ask(remote, repo, some)
            asked = {task.large.sha256 for task in tasks}
            advance(sum(large.file.size for large in some if large.sha256 not in asked))
            workers.each(tasks, _THREADS, worker)
            sent |= asked
    return sent


def _ask(remote: Remote, repo: RepoId, files: Sequence[LargeFile]) -> list[_Task]:
    """The batch call: what of these is to be sent, and where to."""
    asked = {
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "hash_algo": "sha256",
        "objects": [{"oid": large.sha256, "size": large.file.size} for large in files],
    }
    answer = remote.request("POST", f"{web_path(repo)}.git/info/lfs/objects/batch", json=asked, headers=_MEDIA).fields()
    told = {item.text("oid"): item for item in answer.items("objects")}
    if told.keys() != {large.sha256 for large in files}:
        raise malformed("it is about other files than those asked about")
    return [_Task(large, _upload(large, told[large.sha256])) for large in files if _is_wanted(told[large.sha256])]


def _is_wanted(told: Fields) -> bool:
    return "error" in told or "upload" in told.inner("actions")


def _upload(large: LargeFile, told: Fields) -> Fields:
    if "error" in told:
        raise Invalid(f"{large.file.path!r} is refused: {told.inner('error').text('message')}")
    return told.inner("actions").inner("upload")


class _Sender:
    """Sends one file."""

    def __init__(self, remote: Remote, task: _Task, advance: Advance, stop: Event) -> None:
        self._remote, self._file, self._sha256 = remote, task.large.file, task.large.sha256
        self._address, self._header = task.upload.text("href"), task.upload.inner("header")
        self._advance, self._stop = advance, stop

    def send(self) -> None:
        """In one piece or in parts, as the hub wants it."""
        if "chunk_size" not in self._header:
            headers = {name: self._header.text(name) for name in self._header.value}
            self._put(self._address, 0, self._file.size, headers)
            return
        tags = [self._put(address, start, stop, {}) for address, start, stop in self._parts()]
        parts = [{"partNumber": number, "etag": tag} for number, tag in enumerate(tags, 1)]
        self._remote.send_json("POST", self._address, self._name(), {"oid": self._sha256, "parts": parts}, _MEDIA)

    def _parts(self) -> Iterator[tuple[str, int, int]]:
        told, size = str(self._header.value["chunk_size"]), self._file.size
        step = int(told) if re.fullmatch(r"[1-9]\d{0,17}", told) else size
        count = -(-size // step)
        if str(step) != told or count > _PARTS_LIMIT:
            raise malformed(f"parts of {told[:40]} bytes for a file of {size}")
        for number in range(count):
            yield self._header.text(str(number + 1)), number * step, min((number + 1) * step, size)

    def _put(self, address: str, start: int, stop: int, headers: dict[str, str]) -> str:
        counted = 0

        def count(size: int) -> None:
            nonlocal counted
            counted += size
            self._advance(size)
            if self._stop.is_set():
                raise Stopped

        def body() -> Iterator[bytes]:
            nonlocal counted
            self._advance(-counted)  # the hub did not take what was sent before
            counted = 0
            return self._file.pieces(start, stop, count)

        reply = self._remote.send("PUT", address, self._name(), body, {**headers, "Content-Length": str(stop - start)})
        return reply.headers.get("etag", "")

    def _name(self) -> str:
        return f"upload of {self._file.path!r}"
