"""Sessions: who is logged in, and what ends it."""

import pytest
import sqlalchemy as sa

from tukar.catalog import sessions, tables
from tukar.catalog.values import ANONYMOUS
from tukar.errors import Unauthenticated
from tukar.usecases import accounts
from tukar.usecases.sessions import log_in, log_out, whose

from .conftest import Desk

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def token(desk: Desk) -> str:
    desk.identity("alice")
    return desk.token("alice", "read")


def test_a_session_carries_what_its_token_does(desk: Desk, token: str) -> None:
    assert whose(desk.services, log_in(desk.services, token)) == accounts.authenticate(desk.services, token)
    admin = whose(desk.services, log_in(desk.services, "tests-administrator"))
    assert (admin.is_admin, admin.role) == (True, "write")


@pytest.mark.parametrize("secret", [None, "", "wrong", "\udcff", "x" * 10_000])
def test_nobody_is_anonymous(desk: Desk, token: str, secret: str | None) -> None:
    log_in(desk.services, token)
    assert whose(desk.services, secret) == ANONYMOUS


@pytest.mark.parametrize("wrong", ["", "tukar_wrong", "\udcff"])
def test_a_wrong_token_begins_nothing(desk: Desk, wrong: str) -> None:
    with pytest.raises(Unauthenticated):
        log_in(desk.services, wrong)
    assert count(desk) == 0


def test_neither_the_secret_nor_the_token_is_kept(desk: Desk, token: str) -> None:
    secret = log_in(desk.services, token)
    with desk.services.database.read() as tx:
        kept = str(tx.execute(sa.select(tables.sessions)).all())
    assert secret not in kept
    assert token not in kept


def test_the_token_s_end_is_the_session_s(desk: Desk, token: str) -> None:
    secret = log_in(desk.services, token)
    accounts.revoke_token(desk.services, desk.identity("alice"), "alice", "t")
    assert whose(desk.services, secret) == ANONYMOUS
    assert count(desk) == 0


def test_so_is_the_user_s(desk: Desk, token: str) -> None:
    secret = log_in(desk.services, token)
    accounts.remove_user(desk.services, accounts.authenticate(desk.services, "tests-administrator"), "alice")
    assert whose(desk.services, secret) == ANONYMOUS


def test_logging_out_ends_that_session_alone(desk: Desk, token: str) -> None:
    one, other = log_in(desk.services, token), log_in(desk.services, token)
    for secret in (one, one, None, "wrong"):
        log_out(desk.services, secret)
    assert whose(desk.services, one) == ANONYMOUS
    assert whose(desk.services, other).is_called("alice")


def test_it_ends_when_it_is_not_used(desk: Desk, token: str) -> None:
    secret = log_in(desk.services, token)
    desk.now[0] += 12 * HOUR - 1
    assert whose(desk.services, secret).is_called("alice")
    desk.now[0] += 12 * HOUR - 1
    assert whose(desk.services, secret).is_called("alice")
    desk.now[0] += 12 * HOUR
    assert whose(desk.services, secret) == ANONYMOUS


def test_it_ends_after_a_week_however_much_it_is_used(desk: Desk, token: str) -> None:
    secret, begun = log_in(desk.services, token), desk.now[0]
    while desk.now[0] < begun + 7 * DAY - 11 * HOUR:
        desk.now[0] += 10 * HOUR
        assert whose(desk.services, secret).is_called("alice")
    desk.now[0] = begun + 7 * DAY
    assert whose(desk.services, secret) == ANONYMOUS


def test_sessions_that_ended_are_forgotten(desk: Desk, token: str) -> None:
    log_in(desk.services, token)
    desk.now[0] += DAY
    log_in(desk.services, token)
    assert count(desk) == 1


def test_one_token_has_so_many_and_the_newest_stay(desk: Desk, token: str) -> None:
    other = log_in(desk.services, "tests-administrator")
    secrets = []
    for _ in range(sessions.KEPT + 3):
        desk.now[0] += 1
        secrets.append(log_in(desk.services, token))
    last = [whose(desk.services, secret).user is not None for secret in secrets]
    assert last == [False] * 3 + [True] * sessions.KEPT
    assert whose(desk.services, other).is_admin


def test_a_page_that_is_read_again_and_again_writes_nothing(desk: Desk, token: str) -> None:
    secret = log_in(desk.services, token)
    desk.now[0] += sessions.NOTED_EVERY - 1
    with desk.services.database.write():  # whoever writes waits, and gives up
        assert whose(desk.services, secret).is_called("alice")


def count(desk: Desk) -> int:
    with desk.services.database.read() as tx:
        return len(tx.execute(sa.select(tables.sessions)).all())
