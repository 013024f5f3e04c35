"""Threads that work ahead give their results in order, and stop when nobody takes them."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from tukar.objects.workers import Workers


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_their_items(count: int) -> None:
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0 and count > 1:
            late.wait(10)
        else:
            late.set()
        return item * item

    with Workers(count) as workers, closing(workers.ahead(work, range(20))) as results:
        assert list(results) == [item * item for item in range(20)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_failure_comes_in_its_turn(count: int) -> None:
    with Workers(count) as workers, closing(workers.ahead((6).__floordiv__, [1, 2, 0, 3])) as results:
        assert [next(results), next(results)] == [6, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 4)])
def test_what_nobody_takes_is_not_begun(count: int, most: int) -> None:
    begun: list[int] = []
    with Workers(count) as workers:
        with closing(workers.ahead(begun.append, range(100))) as results:
            next(results)
        again = list(workers.ahead(str, [1]))
    assert again == ["1"]
    assert 1 <= len(begun) <= most
