"""What cannot be read on this disk is as good as not there: it comes from the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tukar.cli.places import Place


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    path.write_bytes(b"0123456789")
    return path


def test_the_first_file_that_can_be_read_is(tmp_path: Path, good: Path) -> None:
    loop, file_as_folder = tmp_path / "loop", good / "inside"
    loop.symlink_to(loop)
    assert Place((tmp_path / "gone", loop, tmp_path, file_as_folder, good), 2).read(1, 4) == b"345"


def test_nothing_is_read_where_nothing_can_be(tmp_path: Path) -> None:
    assert Place((tmp_path, tmp_path / "gone"), 0).read(0, 4) == b""


@pytest.mark.parametrize("start", [-1, 10, 2**63 - 2, 2**63, 2**80])
def test_no_byte_is_there_beyond_a_file(good: Path, start: int) -> None:
    assert Place((good,), start).read(0, 4) == b""
