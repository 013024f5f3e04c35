"""One hub for all tests of a module: each makes repositories of its own."""

from collections.abc import Iterator

import pytest

from .site import Site
from .site import site as new_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub that a test has for itself."""
    with new_site(tmp_path_factory.mktemp("hub")) as made:
        yield made
