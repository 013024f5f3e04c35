"""A stock client as a user has it: its own environment, process, home and caches."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .environments import Environment

SCRIPTS = Path(__file__).parent / "scripts"
SECONDS = 300

# Nothing of the machine's own set-up reaches a client, and no client reaches out to the internet.
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "NO_COLOR": "1",
    "NO_PROXY": "127.0.0.1",
}


class ClientFailure(Exception):
    """An exception of the client, told by its class names (its own and its bases'), message and HTTP status if any."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error['classes'][0]}: {error['message']}\n{error['traceback']}")
        self.classes: list[str] = error["classes"]
        self.message: str = error["message"]
        self.status: int | None = error["status"]


@dataclass(frozen=True)
class Client:
    """One client generation as one user: `home` holds HF_HOME and the Xet cache, and outlives the processes."""

    environment: Environment
    home: Path
    endpoint: str
    token: str | None
    settings: Mapping[str, str] = field(default_factory=dict)

    def api(self, method: str, **arguments: Any) -> Any:
        """What `HfApi().<method>(**arguments)` returns, as JSON; its exception as `ClientFailure`."""
        return self.run("api", method=method, arguments=arguments)

    def calls(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """Several calls in one process: for each its value, or the `ClientFailure` that it ended with."""
        request = [{"method": method, "arguments": arguments} for method, arguments in calls]
        answers = self.run("calls", calls=request)
        return [ClientFailure(answer["error"]) if "error" in answer else answer["value"] for answer in answers]

    def run(self, script: str, **request: Any) -> Any:
        """What scripts/<script>.py answers to `request`."""
        command = [str(self.environment.python), str(SCRIPTS / f"{script}.py")]
        done = self._process(command, json.dumps(request))
        try:
            answer = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            raise AssertionError(f"{script}.py ended with {done.returncode}\n{done.stdout}\n{done.stderr}") from None
        if "error" in answer:
            raise ClientFailure(answer["error"])
        return answer["value"]

    def hf(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The client's command line; the caller looks at the exit status."""
        return self._process([str(self.environment.hf), *map(str, arguments)])

    def forgetful(self, home: Path) -> "Client":
        """The same user on a machine that has never met this hub."""
        return replace(self, home=home)

    def through(self, endpoint: str) -> "Client":
        return replace(self, endpoint=endpoint)

    def with_token(self, token: str | None) -> "Client":
        return replace(self, token=token)

    def _process(self, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            input=stdin,
            env=self._variables(),
            cwd=self._cwd(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _cwd(self) -> Path:
        self.home.mkdir(parents=True, exist_ok=True)
        return self.home

    def _variables(self) -> dict[str, str]:
        user = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_XET_CACHE": str(self.home / "xet"),
            "HF_ENDPOINT": self.endpoint,
        }
        token = {} if self.token is None else {"HF_TOKEN": self.token}
        return QUIET | user | token | dict(self.settings)
