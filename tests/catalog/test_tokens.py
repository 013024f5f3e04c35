"""Tokens let in whom they were made for, and are not kept."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from tukar.catalog import tables, tokens, users
from tukar.catalog.values import Identity, User
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound, Unauthenticated

from .conftest import NOW

GIVEN = "hf_HubCITokenXXXXXXXXXXXXXXXXXXXXX"


def test_a_token_names_its_user_and_role(tx: Transaction, ada: User, bob: User) -> None:
    token = tokens.create(tx, ada, "laptop", "read", now=NOW)
    other = tokens.create(tx, bob, "laptop", "write", now=NOW)
    assert re.fullmatch(r"tukar_[A-Za-z0-9_-]{40}", token)
    assert tokens.authenticate(tx, token) == Identity(ada, "read")
    assert tokens.authenticate(tx, other) == Identity(bob, "write")


def test_the_token_itself_is_not_in_the_database(tx: Transaction, ada: User) -> None:
    token = tokens.create(tx, ada, "laptop", "read", now=NOW)
    kept = repr(tx.execute(sa.select(tables.tokens)).all())
    assert token not in kept
    assert token[6:-4] not in kept


@pytest.mark.parametrize("token", ["", "tukar_", "tukar_" + "x" * 40, "\x00", "\udcff", "é"])
def test_anything_else_lets_nobody_in(tx: Transaction, ada: User, token: str) -> None:
    tokens.create(tx, ada, "laptop", "read", now=NOW)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(tx, token)


def test_a_listing_tells_tokens_apart_by_name_and_last_characters(tx: Transaction, ada: User, bob: User) -> None:
    made = [tokens.create(tx, ada, name, "write", now=NOW) for name in ("one", "two")]
    tokens.create(tx, bob, "three", "read", now=NOW)
    assert [(token.name, token.hint, token.role) for token in tokens.listing(tx, ada)] == [
        ("one", made[0][-4:], "write"),
        ("two", made[1][-4:], "write"),
    ]
    assert tokens.describe(tx, made[1]) == tokens.listing(tx, ada)[1]


def test_a_revoked_token_lets_nobody_in(tx: Transaction, ada: User, bob: User) -> None:
    gone, kept = (tokens.create(tx, ada, name, "write", now=NOW) for name in ("gone", "kept"))
    with pytest.raises(NotFound):
        tokens.revoke(tx, bob, "gone")
    tokens.revoke(tx, ada, "gone")
    with pytest.raises(Unauthenticated):
        tokens.authenticate(tx, gone)
    with pytest.raises(Unauthenticated):
        tokens.describe(tx, gone)
    assert tokens.authenticate(tx, kept).user == ada
    with pytest.raises(NotFound):
        tokens.revoke(tx, ada, "gone")


def test_a_name_is_used_once_for_each_user(tx: Transaction, ada: User) -> None:
    tokens.create(tx, ada, "laptop", "read", now=NOW)
    with pytest.raises(Conflict):
        tokens.create(tx, ada, "laptop", "write", now=NOW)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_bad_name_is_refused(tx: Transaction, ada: User, name: str) -> None:
    with pytest.raises(Invalid):
        tokens.create(tx, ada, name, "read", now=NOW)


def test_an_organisation_has_no_tokens(tx: Transaction) -> None:
    lab = users.create(tx, "lab", now=NOW, kind="organization")
    with pytest.raises(Invalid):
        tokens.create(tx, lab, "laptop", "read", now=NOW)


def test_a_token_that_was_chosen_elsewhere_is_adopted_once(tx: Transaction, ada: User) -> None:
    for _ in range(2):
        tokens.adopt(tx, ada, "setting", "write", GIVEN, now=NOW)
    assert tokens.authenticate(tx, GIVEN) == Identity(ada, "write")
    assert len(tokens.listing(tx, ada)) == 1


def test_another_one_of_that_name_takes_its_place(tx: Transaction, ada: User) -> None:
    tokens.adopt(tx, ada, "setting", "write", GIVEN, now=NOW)
    tokens.adopt(tx, ada, "setting", "write", "another-token-of-theirs", now=NOW)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(tx, GIVEN)
    assert tokens.authenticate(tx, "another-token-of-theirs").user == ada


def test_an_adopted_token_can_change_its_role(tx: Transaction, ada: User) -> None:
    tokens.adopt(tx, ada, "setting", "write", GIVEN, now=NOW)
    tokens.adopt(tx, ada, "setting", "read", GIVEN, now=NOW)
    assert tokens.authenticate(tx, GIVEN).role == "read"


def test_the_token_of_another_is_not_adopted(tx: Transaction, ada: User, bob: User) -> None:
    tokens.adopt(tx, ada, "setting", "write", GIVEN, now=NOW)
    with pytest.raises(Conflict):
        tokens.adopt(tx, bob, "setting", "write", GIVEN, now=NOW)
    assert tokens.authenticate(tx, GIVEN).user == ada


def test_the_listing_does_not_give_a_short_token_away(tx: Transaction, ada: User) -> None:
    tokens.adopt(tx, ada, "setting", "write", "short", now=NOW)
    assert tokens.authenticate(tx, "short").user == ada
    assert [token.hint for token in tokens.listing(tx, ada)] == [""]


@pytest.mark.parametrize("token", ["", "with a space in it.....", "x" * 501, "ümlaute-sind-nicht-erlaubt"])
def test_an_odd_token_is_not_adopted(tx: Transaction, ada: User, token: str) -> None:
    with pytest.raises(Invalid):
        tokens.adopt(tx, ada, "setting", "write", token, now=NOW)
