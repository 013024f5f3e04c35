"""One exploration of each kind of swap, for all tests."""

from __future__ import annotations

import pytest

from .explorer import Explored, Protocol, explore
from .rules import Rules

KINDS = {"swap": (True, True), "gift": (True, False), "gift asked for": (False, True)}  # who gives: offerer, acceptor


@pytest.fixture(scope="session")
def explorations() -> dict[str, Explored]:
    return {name: explore(gives, check=Rules(gives, Protocol()).at_every_moment) for name, gives in KINDS.items()}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def explored(kind: str, explorations: dict[str, Explored]) -> Explored:
    return explorations[kind]
