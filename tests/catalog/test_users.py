"""Names of users and organisations."""

from __future__ import annotations

import pytest

from tukar.catalog import users
from tukar.database import Transaction
from tukar.errors import Conflict, Invalid, NotFound

from .conftest import NOW


def test_a_user_is_found_in_whatever_case_and_keeps_their_own(tx: Transaction) -> None:
    made = users.create(tx, "Ada-L", now=NOW, fullname="Ada L.", email="ada@example.org")
    assert users.get(tx, "aDA-l") == made
    assert (made.name, made.fullname, made.email, made.is_admin, made.created_at) == (
        "Ada-L", "Ada L.", "ada@example.org", False, NOW,
    )  # fmt: skip


def test_a_name_is_given_once(tx: Transaction) -> None:
    users.create(tx, "lab", now=NOW, kind="organization")
    with pytest.raises(Conflict, match="'lab' is taken by an organisation"):
        users.create(tx, "LAB", now=NOW)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "models", "API", "x" * 97, "a/b"])
def test_a_bad_or_reserved_name_is_refused(tx: Transaction, name: str) -> None:
    with pytest.raises(Invalid):
        users.create(tx, name, now=NOW)


@pytest.mark.parametrize("values", [{"fullname": "a\x00"}, {"email": "\udcff"}])
def test_what_cannot_be_kept_is_refused(tx: Transaction, values: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        users.create(tx, "ada", now=NOW, **values)  # type: ignore[arg-type]


def test_nobody_by_that_name(tx: Transaction) -> None:
    for name in ("nobody", "", "\x00", "\udcff", "é"):
        assert users.find(tx, name) is None
    with pytest.raises(NotFound, match="nobody"):
        users.get(tx, "nobody")


def test_everyone_by_name(tx: Transaction) -> None:
    for name in ("carl", "Bob", "ada"):
        users.create(tx, name, now=NOW)
    assert [user.name for user in users.listing(tx)] == ["ada", "Bob", "carl"]


def test_an_administrator_is_made_and_unmade(tx: Transaction) -> None:
    user = users.create(tx, "ada", now=NOW)
    assert users.set_admin(tx, user, True).is_admin
    assert not users.set_admin(tx, user, False).is_admin
