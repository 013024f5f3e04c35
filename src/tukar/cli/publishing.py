"""What a push asks of a hub besides the bytes of large files: the repository, what is there already, the commit."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from tukar.cli.sources import LocalFile
from tukar.cli.upload import LargeFile
from tukar.errors import Conflict, Invalid, NotFound, Refused
from tukar.exchange.http import Remote, quoted, repo_path
from tukar.exchange.replies import malformed
from tukar.types import RepoId

BRANCH: Final = "main"
CARD: Final = "README.md"
_CARD_LIMIT: Final = 1 << 20  # a hub reads no more of a card
_ASKED_AT_ONCE: Final = 256
_SAMPLE: Final = 512
_COMMIT_FILES: Final = 1000  # regular files in a commit, and their bytes: a hub holds them in memory
_COMMIT_BYTES: Final = 64_000_000

Mode = Literal["lfs", "regular", "ignored"]


@dataclass(frozen=True, slots=True)
class Wish:
    """How the hub wants a file, and the id of what it has under that name: a SHA-256, or git's id of a blob."""

    mode: Mode
    present: str | None


@dataclass(frozen=True, slots=True)
class Made:
    """A commit that was made."""

    commit: str
    url: str


def exists(remote: Remote, repo: RepoId, *, private: bool) -> bool:
    """Whether the repository is there. Conflict if it is, and is public, and should be private."""
    try:
        found = remote.get(repo_path(repo), {"expand": "private"}).fields()
    except NotFound:
        return False
    if private and found.value.get("private") is not True:
        raise Conflict(f"{repo} exists, and is public", hint="push to another name, or without --private")
    return True


def check_may_write(remote: Remote, repo: RepoId) -> None:
    """Refused if the hub will not take files into the repository, which is there."""
    asked = {"files": [{"path": CARD, "size": 0, "sample": ""}]}
    remote.request("POST", f"{repo_path(repo)}/preupload/{BRANCH}", json=asked)


def check_may_create(remote: Remote, repo: RepoId) -> None:
    """Refused if the hub will not let the token's user make the repository, as far as it tells without making it."""
    me = remote.get("/api/whoami-v2").fields()
    names = {me.text("name").lower(), *(org.text("name").lower() for org in me.items("orgs"))}
    is_elsewhere = me.value.get("isAdmin") is False and repo.namespace.lower() not in names
    if is_elsewhere or me.inner("auth").inner("accessToken").value.get("role") == "read":
        raise Refused(
            f"you may not create repositories in {repo.namespace!r}",
            hint=f"use your own namespace ({me.text('name')}/...) and a token with the role 'write'",
        )


def create(remote: Remote, repo: RepoId, *, private: bool) -> bool:
    """Make the repository; False if it is there by now. Conflict if it is public then, and should be private."""
    asked = {"name": repo.name, "organization": repo.namespace, "type": repo.type}
    try:
        remote.request("POST", "/api/repos/create", json={**asked, "visibility": "private" if private else "public"})
    except Conflict:
        if exists(remote, repo, private=private):
            return False
        raise
    return True


def check_card(remote: Remote, repo: RepoId, files: Sequence[LocalFile]) -> list[str]:
    """What the hub finds remarkable about the card, if it is among the files. Invalid if it refuses the card."""
    card = next((file for file in files if file.path == CARD and file.size <= _CARD_LIMIT), None)
    if card is None:
        return []
    asked = {"content": card.read().decode("utf-8", "replace"), "repoType": repo.type}
    told = remote.request("POST", "/api/validate-yaml", json=asked).fields()
    for error in told.items("errors"):
        raise Invalid(f"{card.source}: {error.text('message')}")
    return [warning.text("message") for warning in told.items("warnings")]


def ask(remote: Remote, repo: RepoId, files: Sequence[LocalFile]) -> dict[str, Wish]:
    """The preupload call: by path, how the hub wants each file."""
    found: dict[str, Wish] = {}
    for start in range(0, len(files), _ASKED_AT_ONCE):
        some = [_described(file) for file in files[start : start + _ASKED_AT_ONCE]]
        told = remote.request("POST", f"{repo_path(repo)}/preupload/{BRANCH}", json={"files": some}).fields()
        for item in told.items("files"):
            mode: Mode = "lfs" if item.text("uploadMode") == "lfs" else "regular"
            ignored = item.value.get("shouldIgnore") is True
            found[item.text("path")] = Wish("ignored" if ignored else mode, item.text("oid") if "oid" in item else None)
    if not found.keys() >= {file.path for file in files}:
        raise malformed("it leaves out files that it was asked about")
    return found


def _described(file: LocalFile) -> dict[str, Any]:
    sample = b"".join(file.pieces(0, min(file.size, _SAMPLE)))
    return {"path": file.path, "size": file.size, "sample": base64.b64encode(sample).decode()}


@dataclass(frozen=True, slots=True)
class Message:
    """What a commit says."""

    title: str
    description: str = ""


def commit(
    remote: Remote, repo: RepoId, message: Message, regular: Sequence[LocalFile], large: Sequence[LargeFile]
) -> list[Made]:
    """Commit the files: in one commit, unless there are very many regular ones; the large ones come with the last."""
    groups = list(_groups(regular)) or [[]]
    made = []
    for number, group in enumerate(groups, 1):
        part = message if number == 1 else replace(message, title=f"{message.title} (part {number})")
        made.append(_commit(remote, repo, part, group, large if number == len(groups) else ()))
    return made


def _groups(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    group: list[LocalFile] = []
    size = 0
    for file in files:
        if group and (len(group) == _COMMIT_FILES or size + file.size > _COMMIT_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def _commit(
    remote: Remote, repo: RepoId, message: Message, regular: Sequence[LocalFile], large: Sequence[LargeFile]
) -> Made:
    def lines() -> Iterator[bytes]:
        yield _line("header", {"summary": message.title, "description": message.description})
        for file in regular:
            content = base64.b64encode(file.read()).decode()
            yield _line("file", {"path": file.path, "content": content, "encoding": "base64"})
        for item in large:
            pointer = {"path": item.file.path, "algo": "sha256", "oid": item.sha256, "size": item.file.size}
            yield _line("lfsFile", pointer)

    # A hub recognises a commit that comes again, so it may be sent again where the answer was lost.
    path, headers = f"{repo_path(repo)}/commit/{quoted(BRANCH)}", {"Content-Type": "application/x-ndjson"}
    told = remote.request("POST", path, content=lines, headers=headers).fields()
    return Made(told.text("commitOid"), told.text("commitUrl"))


def _line(key: str, value: Mapping[str, Any]) -> bytes:
    return json.dumps({"key": key, "value": value}).encode() + b"\n"
