"""A data folder that cannot be opened is said to be so, and is left as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tukar.config import Config
from tukar.errors import Unavailable
from tukar.hub import open_hub


def open_and_close(data: Path) -> None:
    with open_hub(Config(data=data)):
        pass


def test_two_hubs_cannot_have_one_folder(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path / "data")), pytest.raises(Unavailable, match="another process has"):
        open_and_close(tmp_path / "data")
    open_and_close(tmp_path / "data")


def test_the_folder_above_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="cannot open the data folder"):
        open_and_close(tmp_path / "file" / "data")


@pytest.mark.parametrize("name", ["lock", "objects", "staging/spool"])
def test_something_else_is_in_the_way(tmp_path: Path, name: str) -> None:
    place = tmp_path / "data" / name
    open_and_close(tmp_path / "data")
    _put_in_the_way(place)
    with pytest.raises(Unavailable):
        open_and_close(tmp_path / "data")


def _put_in_the_way(place: Path) -> None:
    if place.name == "lock":
        place.unlink()
        place.mkdir()
        return
    place = place.parent if place.name == "spool" else place
    shutil.rmtree(place)
    place.write_text("not a folder")
