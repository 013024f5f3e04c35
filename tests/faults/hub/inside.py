"""A hub that is open in this process, used through its use cases."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from secrets import token_hex

import sqlalchemy as sa

from tukar.catalog import repositories, revisions, tables, trees
from tukar.catalog.operations import DeleteFile
from tukar.catalog.values import Entry, Identity
from tukar.database import Transaction
from tukar.errors import Conflict, NotFound, Unauthenticated
from tukar.hub import Hub
from tukar.jobs import queue
from tukar.objects.landing import Landing
from tukar.objects.landing import Progress as LandingProgress
from tukar.objects.sources import BytesSource, steps
from tukar.objects.store import ObjectStore
from tukar.objects.tables import files
from tukar.testing.xet import made_file, made_shard
from tukar.types import RepoId
from tukar.usecases import accounts, commit, publish, repacking
from tukar.usecases import repositories as usecase
from tukar.usecases.commit import Change, LargeFile, RegularFile
from tukar.usecases.register_shard import register_shard
from tukar.usecases.services import Services
from tukar.xet import read_shard

from .contents import content, runs, sha256
from .world import File, Revision, World, is_regular, size

ADMIN_TOKEN = "tests-administrator-0123456789abcdef"
_PACK, _BLOCK = 24 << 10, 4 << 10


class SmallPacks(ObjectStore):
    """Packs and blocks so small that a file of some KB has many."""

    def landing(self, now: float, on_progress: LandingProgress = lambda _: None) -> Landing:
        return Landing(self.database, self.storage, now, _BLOCK, _PACK, on_progress)


@dataclass
class Inside:
    """The administrator of an open hub; gc, check and repack are jobs that the hub's runner does."""

    hub: Hub
    services: Services = field(init=False)
    who: Identity = field(init=False)
    _hashes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.hub.services
        self.services = replace(given, objects=SmallPacks(given.database, given.objects.storage))
        self.who = accounts.authenticate(self.services, ADMIN_TOKEN)

    def create(self, repository: str) -> None:
        try:
            usecase.create(self.services, self.who, RepoId.parse(repository), private=False)
        except usecase.RepositoryExists:
            pass  # asked again

    def delete(self, repository: str) -> None:
        try:
            usecase.delete(self.services, self.who, RepoId.parse(repository))
        except NotFound:
            pass  # asked again

    def send(self, name: str) -> None:
        assert self.who.user is not None
        if name.startswith("xet"):
            self._send_xorbs(name)
            shard = made_shard(made_file(*runs(name)))
            register_shard(self.services, self.who.user, read_shard(BytesIO(shard)))
        else:
            publish.receive(self.services, self.who.user.id, BytesSource(content(name)), sha256(name))

    def _send_xorbs(self, name: str) -> None:
        assert self.who.user is not None
        for xorb in {run.xorb for run in runs(name)}:
            body = self.hub.spool / token_hex(8)
            body.write_bytes(xorb.body)
            self.services.xorbs.receive(self.who.user.id, xorb.hash, body, self.services.clock())
            body.unlink()

    def commit(self, repository: str, title: str, changes: Mapping[str, str | None]) -> str:
        asked = commit.Request([_change(path, name) for path, name in changes.items()], title)
        _, made = commit.commit(self.services, self.who, RepoId.parse(repository), asked)
        return made.oid

    def add_user(self, name: str) -> None:
        try:
            accounts.add_user(self.services, self.who, name)
        except Conflict:
            pass  # asked again

    def add_token(self, user: str, name: str) -> str:
        try:
            return accounts.add_token(self.services, self.who, user, name, "write")
        except Conflict:  # asked again; the first answer is lost
            accounts.revoke_token(self.services, self.who, user, name)
            return accounts.add_token(self.services, self.who, user, name, "write")

    def collect(self, window: float, grace: float) -> None:
        self._job("gc", {"grace": grace, "upload_window": window})

    def repack(self, beside: bool) -> None:
        if beside:
            repacking.run(self.services, lambda _: None)
        else:
            self._job(repacking.JOB, {})

    def pause_repack(self, paused: bool) -> None:
        repacking.pause(self.services, self.who, paused=paused)

    def pending(self) -> int:
        """How many files are still to be encoded anew."""
        return repacking.standing(self.services, self.who).pending_files

    def check(self) -> list[str]:
        found = self._job("check", {})
        assert isinstance(found, dict)
        return [str(fault["message"]) for fault in found["faults"]]

    def _job(self, kind: str, payload: Mapping[str, float]) -> object:
        with self.services.database.write() as tx:
            job = queue.submit(tx, kind, payload, now=self.services.clock(), unique=True)
        earlier = job.error  # of one that was cut off
        while job.state in ("queued", "running"):
            assert job.error == earlier, job.error  # it would be tried again, but later than we wait
            if not self.hub.runner.run_one():  # another lane is at it, or at one of its kind
                time.sleep(0.002)
            with self.services.database.read() as tx:
                job = queue.get(tx, job.id)
        assert job.state == "done", job.error
        return job.result

    def jobs(self) -> set[str]:
        """The states that jobs are in."""
        with self.services.database.read() as tx:
            return {job.state for job in queue.listing(tx)}

    def holder(self, token: str) -> str | None:
        """Whose token it is; None if nobody's."""
        try:
            user = accounts.authenticate(self.services, token).user
        except Unauthenticated:
            return None
        return None if user is None else user.name

    def look(self) -> World:
        with self.services.database.read() as tx:
            found = {str(each): tuple(self._history(tx, each)) for each in repositories.listing(tx, self.who)}
            users = frozenset(tx.execute(sa.select(tables.users.c.name)).scalars())
            sent = sa.select(files.c.sha256).join(tables.possessions, tables.possessions.c.file_id == files.c.id)
            digests = frozenset(tx.execute(sent).scalars())
        return World(found, users, frozenset(digest for digest in digests if self._read(digest) == digest))

    def _history(self, tx: Transaction, repository: repositories.Repository) -> Iterator[Revision]:
        head = revisions.resolve(tx, repository, "main")
        for made in reversed(revisions.history(tx, repository, head, limit=1000)):
            entries = trees.listing(tx, repository.id, made.tree_oid, recursive=True)
            yield Revision(made.title, frozenset(self._file(entry) for entry in entries if entry.kind == "file"))

    def _file(self, entry: Entry) -> File:
        assert entry.sha256 is not None
        return File(entry.path, self._read(entry.sha256))

    def _read(self, digest: str) -> str:
        """The sha256 of the bytes that are stored under one."""
        if digest not in self._hashes:
            hasher = hashlib.sha256()
            for data in steps(self.services.objects.open_sha256(digest)):
                hasher.update(data)
            self._hashes[digest] = hasher.hexdigest()
        return self._hashes[digest]


def _change(path: str, name: str | None) -> Change:
    if name is None:
        return DeleteFile(path)
    if is_regular(name):
        return RegularFile(path, BytesSource(content(name)))
    return LargeFile(path, sha256(name), size(name))


def data(root: Path) -> Path:
    """The data folder; the one above it is not there before the first start."""
    return root / "srv" / "data"
