"""A sample of the fuzzing of the context codec; docs/design/durability.md has the long run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler here")
def test_damaged_streams_do_no_harm() -> None:
    command = [sys.executable, "-m", "tests.codecs.fuzz", "--inputs", "60000", "--seed", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["corrupt"] > 10_000
    assert told["decoded"] > 1_000
