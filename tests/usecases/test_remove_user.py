"""A user is removed: what they had ends, and the next of that name inherits nothing."""

from io import BytesIO

import pytest

from tukar.catalog import users
from tukar.catalog.values import Identity, Repository
from tukar.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated
from tukar.testing.xet import MadeXorb, made_file, made_shard
from tukar.types import RepoId
from tukar.usecases import accounts, repositories
from tukar.usecases.register_shard import register_shard
from tukar.xet import read_shard

from .conftest import Desk, regular


def remove(desk: Desk, name: str) -> None:
    accounts.remove_user(desk.services, desk.identity("admin"), name)


def again(desk: Desk, name: str) -> Identity:
    """Somebody else of that name."""
    return Identity(accounts.add_user(desk.services, desk.identity("admin"), name), "write")


def test_their_tokens_end(desk: Desk) -> None:
    desk.identity("alice")
    token = desk.token("alice", "write")
    remove(desk, "ALICE")
    with pytest.raises(Unauthenticated):
        accounts.authenticate(desk.services, token)
    again(desk, "alice")
    with pytest.raises(Unauthenticated):
        accounts.authenticate(desk.services, token)
    assert accounts.list_tokens(desk.services, desk.identity("admin"), "alice") == []


def test_nobody_is_removed_twice(desk: Desk) -> None:
    desk.identity("alice")
    remove(desk, "alice")
    with pytest.raises(NotFound):
        remove(desk, "alice")


@pytest.mark.parametrize("private", [False, True])
def test_who_owns_repositories_stays(desk: Desk, private: bool) -> None:
    desk.repository(name="one", private=private)
    repositories.create(desk.services, desk.identity(), RepoId("alice", "two", "dataset"), private=private)
    with pytest.raises(Conflict, match="'alice' owns 2 repositories") as error:
        remove(desk, "alice")
    assert "tukar ls alice/" in str(error.value.hint)
    for repo_id in (RepoId("alice", "one"), RepoId("alice", "two", "dataset")):
        repositories.delete(desk.services, desk.identity(), repo_id)
    remove(desk, "alice")


def test_there_always_is_an_administrator(desk: Desk) -> None:
    accounts.add_user(desk.services, desk.identity("admin"), "root", is_admin=True)
    root = desk.identity("root")
    for who in (root, desk.identity("admin")):
        with pytest.raises(Conflict, match="'admin' cannot be removed"):
            accounts.remove_user(desk.services, who, "Admin")
    accounts.remove_user(desk.services, root, "root")
    everyone = accounts.list_users(desk.services, desk.identity("admin"))
    assert [user.name for user in everyone if user.is_admin] == ["admin"]


def test_what_they_sent_is_not_the_next_ones_to_link(desk: Desk) -> None:
    sent = desk.send(b"only the first alice sent this")
    remove(desk, "alice")
    again(desk, "alice")
    del desk.people["alice"]
    with pytest.raises(Invalid, match="not been uploaded"):
        desk.commit(desk.repository(), sent)


@pytest.fixture
def successor(desk: Desk) -> Repository:
    """A repository of the next alice, while the first, whom the desk still knows, is at work."""
    desk.identity("alice")
    remove(desk, "alice")
    return repositories.create(desk.services, again(desk, "alice"), RepoId("alice", "model"), private=False)


def test_what_they_began_does_not_end_in_the_next_ones_repository(desk: Desk, successor: Repository) -> None:
    with pytest.raises(Refused, match="removed meanwhile"):
        desk.commit(successor, regular("a.txt", b"a"))
    with pytest.raises(Refused, match="removed meanwhile"):
        repositories.delete(desk.services, desk.identity(), successor.repo_id)


def test_what_they_began_leaves_the_next_one_no_repository(desk: Desk, successor: Repository) -> None:
    with pytest.raises(Refused, match="removed meanwhile"):
        desk.repository(name="left-behind")


def test_what_they_were_sending_is_refused(desk: Desk, successor: Repository) -> None:
    with pytest.raises(Refused, match="removed meanwhile"):
        desk.send(b"on its way")
    xorb = MadeXorb((b"chunk" * 100,))
    desk.send_xorb(xorb)
    who = desk.identity().user
    assert who is not None
    with pytest.raises(Refused, match="removed meanwhile"):
        register_shard(desk.services, who, read_shard(BytesIO(made_shard(made_file(xorb.run())))))
    with desk.services.database.read() as tx:
        assert users.get(tx, "alice").id != who.id
