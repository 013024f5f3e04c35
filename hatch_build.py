"""Builds the kernel of the context codec where there is a C compiler; without one, numba does its work, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "src/tukar/codecs/context/kernel.c"
LIBRARY = "src/tukar/codecs/context/_kernel.so"
# No -march: the kernel chooses instructions at run time, so what is built here runs on every processor of this kind.
FLAGS = ("-std=c99", "-O3", "-fPIC", "-shared", "-fvisibility=hidden")


class KernelBuildHook(BuildHookInterface[Any]):
    """Compiles the kernel into the wheel, or beside its source where the installation is editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a wheel is built."""
        library = Path(self.root, LIBRARY)
        library.unlink(missing_ok=True)
        failure = _compiled(Path(self.root, SOURCE), library)
        if failure:
            self.app.display_warning(
                f"the kernel of the context codec is not built, and numba does its work: {failure}"
            )
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(LIBRARY)


def _compiled(source: Path, library: Path) -> str | None:
    """Compile; why it did not go, or None if it did."""
    if sys.platform == "win32" or os.environ.get("TUKAR_BUILD_KERNEL") == "0":
        return "it is not to be built"
    fresh = library.with_suffix(f".{os.getpid()}")
    command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, str(source), "-o", str(fresh), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the compiler
    except OSError as error:
        return str(error)
    if done.returncode:
        fresh.unlink(missing_ok=True)
        return done.stderr.strip() or f"{command[0]} failed"
    fresh.replace(library)  # at once: another process may have the one before open
    return None
