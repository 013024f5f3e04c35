"""A disk that takes no more in the middle of a pack, or at its very start, is left with nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tukar import codecs
from tukar.codecs.base import TensorView
from tukar.errors import Unavailable
from tukar.objects.packs import CONTENT
from tukar.objects.sources import BytesSource
from tukar.objects.writing import PackWriter
from tukar.storage.base import Writer
from tukar.storage.folder import FolderStorage
from tukar.types import Digest

BLOCK = 256 << 10  # smaller ones are gathered before they are written
CONTENTS = [bytes([number]) * 2 * BLOCK for number in range(3)]
WRITES = 2 + 2 * len(CONTENTS)  # the header, two blocks each, the footer


class FullStorage(FolderStorage):
    """Takes so many writes to a blob, and no more."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self._writes = writes

    @contextmanager
    def create(self, key: str) -> Iterator[Writer]:
        with super().create(key) as blob:
            yield FullWriter(blob, self._writes)


class FullWriter:
    def __init__(self, blob: Writer, writes: int) -> None:
        self._blob, self._left = blob, writes

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        if self._left == 0:
            raise Unavailable("the disk is full")
        self._left -= 1
        self._blob.write(data)


def write_pack(storage: FullStorage) -> None:
    with PackWriter(storage, "ab" * 16) as pack:
        for data in CONTENTS:
            pack.add(Digest.of(data), CONTENT, codecs.codec(0), TensorView(BytesSource(data)), BLOCK)


@pytest.mark.parametrize("writes", range(WRITES))
def test_nothing_is_left_of_a_pack(tmp_path: Path, writes: int) -> None:
    with pytest.raises(Unavailable) as refused:
        write_pack(FullStorage(tmp_path, writes))
    # Looked at while the error is held, and with it the frames that it went through.
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert refused.value.message == "the disk is full"


def test_a_pack_is_there_if_all_of_it_fits(tmp_path: Path) -> None:
    write_pack(FullStorage(tmp_path, WRITES))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
