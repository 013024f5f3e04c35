"""What holds after everything that a hostile peer does: the fixtures that look."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from .victim import Victim
from .villain import Villain, besieged


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Villain, Villain]]:
    with besieged(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.fixture
def villain(both: tuple[Villain, Villain]) -> Iterator[Villain]:
    """A peer that is trusted. Afterwards nothing is published, nothing was told, and what has ended is swept."""
    made, victim = both[0], both[0].victim
    before, now = victim.repositories(), victim.site.clock.now
    yield made
    victim.site.clock.now = now
    open_ = [swap["id"] for swap in victim.site.get("/api/tukar/swaps", "admin").json() if swap["open"]]
    for swap_id in open_:
        victim.shown(swap_id)
        victim.cancel(swap_id)
    for swap in victim.site.get("/api/tukar/swaps", "admin").json():
        if not swap["open"]:
            assert victim.is_swept(swap["id"]), swap
    assert victim.repositories() == before
    for answer in both[0].heard + both[1].heard:
        for secret in victim.secrets:
            assert secret not in answer
    made.answers, made.serve = [], None
    both[0].heard.clear()
    both[1].heard.clear()


@pytest.fixture
def third(both: tuple[Villain, Villain], villain: Villain) -> Villain:
    """Another peer of the same hub."""
    return both[1]


@pytest.fixture
def victim(villain: Villain) -> Victim:
    return villain.victim


def refused(answer: httpx.Response) -> bool:
    """With a reason, and not by an accident."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]
    return True
