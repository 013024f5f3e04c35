"""The first administrator, people, tokens."""

import logging

import pytest

from tukar.catalog import tokens
from tukar.catalog.values import ANONYMOUS
from tukar.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated
from tukar.usecases import accounts

from .conftest import Desk


def test_the_administrator_comes_with_the_token_that_was_given(desk: Desk) -> None:
    assert desk.hub.new_admin_token is None
    admin = accounts.authenticate(desk.services, "tests-administrator")
    assert (admin.user and admin.user.name, admin.is_admin, admin.role) == ("admin", True, "write")


def test_another_token_takes_its_place(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    accounts.prepare_admin(desk.services, "short")
    assert accounts.authenticate(desk.services, "short").is_admin
    assert [record.levelno for record in caplog.records if "fewer than 16" in record.getMessage()] == [logging.WARNING]
    with pytest.raises(Unauthenticated):
        accounts.authenticate(desk.services, "tests-administrator")
    caplog.clear()
    accounts.prepare_admin(desk.services, "long-enough-to-be-used")
    assert not caplog.records


def test_without_one_the_old_one_stays(desk: Desk) -> None:
    assert accounts.prepare_admin(desk.services, "") is None
    assert accounts.authenticate(desk.services, "tests-administrator").is_admin


def test_someone_elses_token_does_not_become_the_administrators(desk: Desk) -> None:
    desk.identity("bob")
    with pytest.raises(Conflict) as error:
        accounts.prepare_admin(desk.services, desk.token("bob", "read"))
    assert "bob" not in str(error.value)


def test_nobody_is_anonymous(desk: Desk) -> None:
    assert accounts.authenticate(desk.services, None) == ANONYMOUS
    with pytest.raises(Unauthenticated):
        accounts.require_user(ANONYMOUS)
    with pytest.raises(Unauthenticated):
        accounts.authenticate(desk.services, "")


def test_only_an_administrator_who_may_write_administers(desk: Desk) -> None:
    writes, reads = desk.identity("admin"), desk.identity("admin", "read")
    assert accounts.require_admin(writes) == writes.user
    for who in (reads, desk.identity("bob"), ANONYMOUS):
        for call in (
            lambda who=who: accounts.require_admin(who),
            lambda who=who: accounts.add_user(desk.services, who, "eve"),
            lambda who=who: accounts.remove_user(desk.services, who, "alice"),
            lambda who=who: accounts.list_users(desk.services, who),
            lambda who=who: accounts.list_tokens(desk.services, who, "alice"),
            lambda who=who: accounts.add_token(desk.services, who, "alice", "t", "read"),
            lambda who=who: accounts.revoke_token(desk.services, who, "alice", "t"),
        ):
            with pytest.raises(Refused):
                call()
    accounts.add_user(desk.services, writes, "eve")
    assert {user.name for user in accounts.list_users(desk.services, writes)} >= {"admin", "bob", "eve"}


def test_tokens_of_ones_own_take_one_that_writes(desk: Desk) -> None:
    alice, reads = desk.identity("alice"), desk.identity("alice", "read")
    made = accounts.add_token(desk.services, alice, "ALICE", "laptop", "read")
    assert accounts.authenticate(desk.services, made) == reads
    assert [token.name for token in accounts.list_tokens(desk.services, alice, "alice")] == ["laptop"]
    with pytest.raises(Refused):
        accounts.add_token(desk.services, reads, "alice", "more", "write")
    accounts.revoke_token(desk.services, alice, "alice", "laptop")
    with pytest.raises(Unauthenticated):
        accounts.authenticate(desk.services, made)
    with pytest.raises(NotFound):
        accounts.revoke_token(desk.services, alice, "alice", "laptop")


def test_an_administrator_makes_tokens_for_others(desk: Desk) -> None:
    bob = desk.identity("bob")
    made = accounts.add_token(desk.services, desk.identity("admin"), "bob", "first", "write")
    assert accounts.authenticate(desk.services, made) == bob
    with pytest.raises(NotFound):
        accounts.add_token(desk.services, desk.identity("admin"), "nobody", "first", "write")
    with pytest.raises(Invalid):
        accounts.add_token(desk.services, desk.identity("admin"), "bob", "", "write")
    with desk.services.database.read() as tx:
        assert tokens.describe(tx, made).name == "first"
