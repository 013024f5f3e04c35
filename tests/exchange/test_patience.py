"""How long another hub is waited for: so long in all, or as long as enough comes."""

from __future__ import annotations

import pytest

from tukar.exchange.patience import Patience


class Enough(Exception):
    pass


def test_what_is_spent_is_gone() -> None:
    patience = Patience(60)
    patience.spend(59)
    patience.earn(1 << 30)
    with pytest.raises(TimeoutError, match="60 seconds"):
        patience.spend(1)


def test_a_slow_line_is_waited_for_as_long_as_it_is_not_slower_than_the_rate() -> None:
    patience = Patience(60, rate=256)
    for _ in range(10_000):
        patience.spend(50)
        patience.earn(50 * 256)


def test_what_is_slower_than_the_rate_comes_to_an_end() -> None:
    patience = Patience(60, rate=256)

    def go_on() -> None:
        for _ in range(10_000):
            patience.spend(1)
            patience.earn(200)

    with pytest.raises(TimeoutError, match="256 bytes a second"):
        go_on()


def test_a_burst_makes_nobody_wait_for_longer_than_at_first() -> None:
    patience = Patience(60, rate=256)
    patience.earn(1 << 30)
    with pytest.raises(TimeoutError):
        patience.spend(60)


def test_whoever_is_no_longer_to_wait_is_told_at_once() -> None:
    def checkpoint() -> None:
        raise Enough

    patience = Patience(1e9, checkpoint)
    with pytest.raises(Enough):
        patience.spend(0)
    with pytest.raises(Enough):
        patience.pause(1e6)


def test_a_pause_is_spent_too() -> None:
    with pytest.raises(TimeoutError):
        Patience(0.01).pause(1e6)
