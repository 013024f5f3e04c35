"""An installed Tukar has its migration scripts with it: they are found as files of the package, not imported."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import sys, tukar
from tukar.database import Database
from tukar.database.migrate import migrate
assert tukar.__file__.startswith(sys.argv[1]), tukar.__file__
migrate(Database(f"sqlite:///{sys.argv[1]}/database.sqlite"))
"""


@pytest.mark.slow
def test_the_wheel_migrates(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, _ROOT]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    subprocess.run([sys.executable, "-c", _PROGRAM, installed], check=True, env=environment)
    assert (installed / "database.sqlite").stat().st_size > 0
