"""A stock client in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .inside import ADMIN_TOKEN

_CALL = """
import json, sys
from huggingface_hub import HfApi
method, arguments = json.loads(sys.stdin.read())
print(json.dumps(getattr(HfApi(), method)(**arguments), default=str))
"""


@dataclass(frozen=True)
class StockClient:
    """``python`` has huggingface_hub; ``home`` holds what it remembers."""

    python: Path
    home: Path
    endpoint: str

    def begin(self, method: str, **arguments: Any) -> subprocess.Popen[str]:
        """Start a call of ``HfApi``."""
        self.home.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [str(self.python), "-c", _CALL],
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps([method, arguments]))
        process.stdin.close()
        return process

    def call(self, method: str, **arguments: Any) -> None:
        """Make a call of ``HfApi``; AssertionError if it fails."""
        with self.begin(method, **arguments) as process:
            assert process.stdout is not None
            said = process.stdout.read()
        assert process.returncode == 0, said[-3000:]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_XET_CACHE": str(self.home / "xet"),
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": ADMIN_TOKEN,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }
