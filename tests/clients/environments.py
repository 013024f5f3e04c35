"""Virtual environments with exactly pinned clients: built once under a folder, reused as long as their pins stay."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
BUILD_SECONDS = 600


@dataclass(frozen=True)
class Environment:
    """One virtual environment that holds a client and nothing of Tukar."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def hf(self) -> Path:
        """The client's own command line."""
        return self.folder / "bin" / "hf"


def environment(name: str, under: Path) -> Environment:
    """The environment of `requirements-<name>.txt` under `under`, built where it is missing or its pins changed."""
    under.mkdir(parents=True, exist_ok=True)
    folder = under / f"client-{name}"
    with FileLock(f"{folder}.lock", timeout=BUILD_SECONDS):
        _build(folder, HERE / f"requirements-{name}.txt")
    return Environment(folder)


def _build(folder: Path, requirements: Path) -> None:
    stamp = folder / "pins.sha256"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    # --no-deps: hf_xet is a hard dependency that one of the environments is meant not to have.
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input")
    _run(*pip, "install", "--quiet", "--no-deps", "--requirement", str(requirements))
    stamp.write_text(wanted)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
