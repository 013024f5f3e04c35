"""Publish: bytes arrive, a commit links them; everything, or nothing."""

import hashlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tukar.catalog import repositories as catalog
from tukar.catalog import tables
from tukar.catalog.operations import DeleteFile, DeleteFolder
from tukar.catalog.values import Repository
from tukar.errors import Conflict, EntryNotFound, Invalid, NotFound, Refused, RepoNotFound
from tukar.objects.index import FreedMeanwhile
from tukar.objects.sources import BytesSource
from tukar.types import RepoId
from tukar.usecases import fetch, publish, repositories
from tukar.usecases.collect import collect
from tukar.usecases.commit import LargeFile, RegularFile

from .conftest import Desk, regular


def content(desk: Desk, repository: Repository, path: str, user: str = "alice") -> bytes | None:
    found = fetch.find(desk.services, desk.identity(user), repository.repo_id, "main", path)
    if found.entry is None:
        return None
    reader = fetch.open_entry(desk.services, found.entry)
    return reader.read(0, reader.size)


def card(desk: Desk, repository: Repository) -> str | None:
    with desk.services.database.read() as tx:
        return catalog.get(tx, desk.identity(), repository.repo_id).card


def test_large_and_regular_files(desk: Desk) -> None:
    repository = desk.repository()
    sent = desk.send(b"large")
    desk.commit(repository, sent, regular("a.txt", b"regular"), regular("d/b.txt", b""))
    assert content(desk, repository, "weights.bin") == b"large"
    assert content(desk, repository, "a.txt") == b"regular"
    assert content(desk, repository, "d/b.txt") == b""
    desk.commit(repository, DeleteFile("a.txt"), DeleteFolder("d"))
    assert content(desk, repository, "a.txt") is None
    with pytest.raises(EntryNotFound):
        desk.commit(repository, DeleteFile("a.txt"))


def test_what_was_not_sent_is_not_linked(desk: Desk) -> None:
    mine, hers = desk.repository("bob"), desk.repository("alice", private=True)
    sent = desk.send(b"hers")
    desk.commit(hers, sent)
    messages = []
    for file in (sent, LargeFile("weights.bin", "5" * 64, 4)):
        with pytest.raises(Invalid) as error:
            desk.commit(mine, file, regular("other.txt", b"x"))
        messages.append(str(error.value).replace(file.sha256, "DIGEST"))
    assert messages[0] == messages[1]
    assert content(desk, mine, "other.txt", "bob") is None


def test_what_may_be_read_may_be_linked(desk: Desk) -> None:
    public = desk.repository("alice", "public")
    sent = desk.send(b"open")
    desk.commit(public, sent)
    mine = desk.repository("bob")
    desk.commit(mine, sent)
    assert content(desk, mine, "weights.bin", "bob") == b"open"


def test_the_size_is_checked_for_who_may_link(desk: Desk) -> None:
    repository = desk.repository()
    sent = desk.send(b"large")
    with pytest.raises(Invalid, match="5 bytes"):
        desk.commit(repository, LargeFile("a", sent.sha256, 6))


def test_a_stranger_finds_nothing_or_is_refused(desk: Desk) -> None:
    public, private = desk.repository("alice", "public"), desk.repository("alice", "private", private=True)
    with pytest.raises(Refused):
        desk.commit(public, regular("a", b"a"), user="bob")
    with pytest.raises(RepoNotFound):
        desk.commit(private, regular("a", b"a"), user="bob")


class Meanwhile(BytesSource):
    """A source that does something when it is read for the second time: first it is named, then it is stored."""

    def __init__(self, data: bytes, act: Callable[[], None]) -> None:
        super().__init__(data)
        self._act, self._reads = act, 0

    def read(self, start: int, stop: int) -> bytes:
        self._reads += 1
        if self._reads == 2:
            self._act()
        return super().read(start, stop)


def test_a_repository_that_is_deleted_while_the_bytes_land(desk: Desk) -> None:
    repository, done = desk.repository(), []

    def delete() -> None:
        repositories.delete(desk.services, desk.identity(), repository.repo_id)
        done.append(True)

    with pytest.raises(RepoNotFound):
        desk.commit(repository, regular("a.txt", b"x"), RegularFile("b.txt", Meanwhile(b"content", delete)))
    assert done


def test_a_file_that_becomes_private_while_the_bytes_land(desk: Desk) -> None:
    public, mine, done = desk.repository("alice", "public"), desk.repository("bob"), []
    sent = desk.send(b"public so far")
    desk.commit(public, sent)

    def hide() -> None:
        with desk.services.database.write() as tx:
            tx.execute(sa.update(tables.repositories).where(tables.repositories.c.id == public.id).values(private=True))
        done.append(True)

    with pytest.raises(Invalid, match="not been uploaded"):
        desk.commit(mine, sent, RegularFile("b.txt", Meanwhile(b"content", hide)))
    assert done
    assert content(desk, mine, "weights.bin", "bob") is None


def test_a_card_follows_main(desk: Desk) -> None:
    repository = desk.repository()
    assert card(desk, repository) is None
    desk.commit(repository, regular("README.md", b"---\nlicense: mit\n---\n"), regular("a", b"a"))
    assert card(desk, repository) == '{"license":"mit"}'
    desk.commit(repository, regular("a", b"b"))
    assert card(desk, repository) == '{"license":"mit"}'
    sent = desk.send(b"---\nlicense: cc0-1.0\n---\n")
    desk.commit(repository, LargeFile("README.md", sent.sha256, sent.size))
    assert card(desk, repository) == '{"license":"cc0-1.0"}'
    desk.commit(repository, regular("README.md", b"no front matter"))
    assert card(desk, repository) is None
    desk.commit(repository, regular("README.md", b"---\na: [\n---\n"))
    assert card(desk, repository) is None
    desk.commit(repository, regular("README.md", b"---\nb: 1\n---\n"), DeleteFile("README.md"))
    assert card(desk, repository) is None


def test_a_refused_commit_leaves_the_card(desk: Desk) -> None:
    repository = desk.repository()
    desk.commit(repository, regular("README.md", b"---\nlicense: mit\n---\n"))
    with pytest.raises(EntryNotFound):
        desk.commit(repository, regular("README.md", b"---\nlicense: x\n---\n"), DeleteFile("missing"))
    assert card(desk, repository) == '{"license":"mit"}'


# Landing


def test_bytes_are_what_was_announced(desk: Desk) -> None:
    alice = desk.identity().user
    assert alice is not None
    for wrong in ("5" * 64, hashlib.sha256(b"other").hexdigest()):
        with pytest.raises(Invalid, match="announced"):
            publish.receive(desk.services, alice.id, BytesSource(b"content"), wrong)
    desk.send(b"other")
    with pytest.raises(Invalid, match="announced"):  # also where the hub has what was announced
        publish.receive(desk.services, alice.id, BytesSource(b"content"), hashlib.sha256(b"other").hexdigest())
    assert list(desk.services.objects.checker(0).run()) == []


def test_content_that_was_freed_meanwhile_is_landed_again(desk: Desk) -> None:
    tries = []

    def register(tx: object, ids: dict[str, int]) -> dict[str, int]:
        tries.append(ids)
        if len(tries) < 3:
            raise FreedMeanwhile
        return ids

    assert publish.land(desk.services, [(BytesSource(b"content"), None)], register) == tries[2]
    tries.clear()

    def fail(tx: object, ids: dict[str, int]) -> None:
        tries.append(ids)
        raise FreedMeanwhile

    with pytest.raises(Conflict):
        publish.land(desk.services, [(BytesSource(b"more"), None)], fail)
    assert len(tries) == 3


def test_what_need_not_be_sent(desk: Desk) -> None:
    mine, hers = desk.repository("bob"), desk.repository("alice", private=True)
    secret, sent, committed = desk.send(b"secret"), desk.send(b"sent", "bob"), desk.send(b"committed", "bob")
    desk.commit(hers, secret)
    desk.commit(mine, committed)
    digests = [secret.sha256, sent.sha256, committed.sha256, "5" * 64]
    here = publish.already_here(desk.services, desk.identity("bob"), mine, digests)
    assert here == {sent.sha256, committed.sha256}


def test_a_possession_ends_with_the_time_that_uploads_are_kept(desk: Desk) -> None:
    hers, mine = desk.repository("alice", private=True), desk.repository("bob")
    sent = desk.send(b"shared")
    desk.commit(hers, sent)
    desk.send(b"shared", "bob")
    for waited, here in ((250, True), (100, False)):
        desk.now[0] += waited
        collect(desk.services, grace=200, upload_window=100)
        found = publish.already_here(desk.services, desk.identity("bob"), mine, [sent.sha256])
        assert bool(found) is here


# Repositories


def test_making_and_deleting(desk: Desk) -> None:
    made = desk.repository()
    with pytest.raises(repositories.RepositoryExists):
        desk.repository()
    for who in (desk.identity("bob"), desk.identity("alice", "read")):
        with pytest.raises(Refused):
            repositories.create(desk.services, who, RepoId("alice", "other"), private=False)
        with pytest.raises(Refused):
            repositories.delete(desk.services, who, made.repo_id)
    repositories.delete(desk.services, desk.identity(), made.repo_id)
    with pytest.raises(RepoNotFound):
        repositories.delete(desk.services, desk.identity(), made.repo_id)
    assert desk.repository().id > made.id


def test_a_file_by_its_digest_through_a_repository_that_holds_it(desk: Desk) -> None:
    repository, other = desk.repository("alice", "one", private=True), desk.repository("alice", "two")
    sent = desk.send(b"content")
    desk.commit(repository, sent)
    reader = fetch.open_held(desk.services, desk.identity(), repository.repo_id, sent.sha256)
    assert reader.read(0, reader.size) == b"content"
    for who, where in ((desk.identity(), other), (desk.identity("bob"), repository), (desk.identity("bob"), other)):
        with pytest.raises(NotFound):
            fetch.open_held(desk.services, who, where.repo_id, sent.sha256)
    entry = fetch.find(desk.services, desk.identity(), repository.repo_id, "main", "").entry
    assert entry is not None
    with pytest.raises(EntryNotFound):
        fetch.open_entry(desk.services, entry)
