"""The examples are run by path, so their folder is what Python would put first: the tests do the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

from family import build, installed_base  # noqa: E402


@pytest.fixture(scope="session")
def base() -> Path:
    """The installed base's model folder."""
    try:
        return installed_base()
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def family(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The real family, built once."""
    return build(base, tmp_path_factory.mktemp("family"))
