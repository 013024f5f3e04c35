"""`make demo` ends well, and finds what it published before."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "demo" / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="the demo's environment is missing: run 'make demo' once"),
]


def demo(folder: Path) -> str:
    command = [str(PYTHON), str(ROOT / "examples" / "demo.py"), "--folder", str(folder), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_publishes_swaps_pulls_verifies_and_finds_it_again(tmp_path: Path) -> None:
    first = demo(tmp_path)

    assert first.count("✓ hf upload admin/") == 4
    assert first.count("✓ snapshot_download admin/") == 4
    assert first.count("✓ tukar receipt verify") == 2
    assert "tukar swap accept" in first
    assert first.count("tukar repack --wait") == 2
    assert "DIFFERS" not in first
    assert " earlier " not in first
    assert "Every file came back as it was published." in first

    second = demo(tmp_path)

    assert second.count("already") == 5
    assert "hf upload" not in second
    assert "tukar swap accept" not in second
    assert second.count(" earlier ") == 4
    assert second.count("✓ tukar receipt verify") == 2
    assert "Every file came back as it was published." in second


def test_what_the_child_shares_with_its_base_neither_travels_nor_takes_room(tmp_path: Path) -> None:
    lines = demo(tmp_path).splitlines()
    for head, least in (("on the wire", 50), ("all models of", 30)):
        start = next(number for number, line in enumerate(lines) if head in line)
        for name, line in zip(("bahan", "bengkel"), lines[start + 2 :], strict=False):
            assert line.split()[0] == name
            assert int(line.split()[-1].rstrip("%")) > least
