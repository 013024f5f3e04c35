"""What is staged may be dropped while gc looks for what is stale."""

from __future__ import annotations

import math
from pathlib import Path

from tukar.cas.staging import Staging
from tukar.xet import XetHash

XORBS = [XetHash(bytes([number]) * 32) for number in range(3)]


def test_one_that_is_dropped_meanwhile_is_left_out(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "xorbs")
    for xorb in XORBS:
        (tmp_path / "sent").write_bytes(b"chunks")
        staging.adopt(xorb, tmp_path / "sent")
    stale = staging.older_than(math.inf)
    found = next(stale)
    dropped, kept = set(XORBS) - {found}
    staging.drop(dropped)
    assert list(stale) == [kept]
