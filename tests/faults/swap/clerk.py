"""A hub in a process of its own and its operator, who does everything over HTTP, and again if there was no answer."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

import httpx

from tukar.signing import Envelope

from ..hub.inside import ADMIN_TOKEN
from ..hub.process import Died, Server
from .gate import Gate

_JOB_SECONDS = 60.0
SETTINGS = "swap_pause = 0.05\ngc_every = 0\ncheck_every = 0\n"


@dataclass
class Clerk:
    """The operator of the hub that ``server`` runs; the other hub reaches it through ``gate``."""

    name: str
    server: Server
    gate: Gate

    def __post_init__(self) -> None:
        token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        self.http = httpx.Client(base_url=self.server.url, headers=token, timeout=60, trust_env=False)

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A request; where the hub died under it, it is started again and asked again."""
        while True:
            try:
                return self.http.request(method, path, **arguments)
            except httpx.TransportError:
                self.restart()

    def value(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.ask(method, path, **arguments)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def restart(self) -> None:
        """Start the hub anew if it is not there, until it serves."""
        while self.server.process.poll() is not None:
            try:
                self.server.start()
            except Died as error:
                raise AssertionError(f"{self.name} does not start: {error}") from None

    def publish(self, name: str, files: Mapping[str, bytes]) -> None:
        """A new repository of these files."""
        self.value("POST", "/api/repos/create", json={"name": name})
        repo = f"admin/{name}"
        lines: list[tuple[str, dict[str, Any]]] = [("header", {"summary": "publish", "description": ""})]
        for path, data in files.items():
            if path == "README.md":
                lines.append(("file", {"path": path, "content": b64encode(data).decode(), "encoding": "base64"}))
                continue
            oid = hashlib.sha256(data).hexdigest()
            self._send(repo, oid, data)
            lines.append(("lfsFile", {"path": path, "algo": "sha256", "oid": oid, "size": len(data)}))
        body = "".join(dumps({"key": key, "value": value}) + "\n" for key, value in lines)
        self.value("POST", f"/api/models/{repo}/commit/main", content=body.encode())

    def _send(self, repo: str, oid: str, data: bytes) -> None:
        asked: dict[str, Any] = {
            "operation": "upload",
            "transfers": ["basic"],
            "objects": [{"oid": oid, "size": len(data)}],
        }
        (item,) = self.value("POST", f"/{repo}.git/info/lfs/objects/batch", json=asked)["objects"]
        if "actions" in item:
            assert self.ask("PUT", item["actions"]["upload"]["href"], content=data).is_success

    def delete(self, name: str) -> None:
        answer = self.ask("DELETE", "/api/repos/delete", json={"name": name})
        assert answer.status_code in (200, 404)

    def files(self, name: str) -> dict[str, bytes] | None:
        """A repository's files; None if there is no such repository."""
        answer = self.ask("GET", f"/api/models/admin/{name}/tree/main")
        if answer.status_code == 404:
            return None
        paths = [entry["path"] for entry in answer.json()]
        return {path: self.ask("GET", f"/admin/{name}/resolve/main/{path}").content for path in paths}

    def swap(self, note: str) -> dict[str, Any] | None:
        """The swap that was offered with that note; None if it is not known here."""
        found: list[dict[str, Any]] = self.value("GET", "/api/tukar/swaps")
        return next((swap for swap in found if swap["note"] == note), None)

    def offer(self, note: str, give: str, take: str) -> dict[str, Any]:
        """The swap, offered once: where no answer came, it may have been offered all the same."""
        asked = {"peer": "theirs", "give": [_main_of(give)], "take": [_main_of(take)], "note": note}
        while (known := self.swap(note)) is None:
            try:
                self.http.post("/api/tukar/swaps", json=asked).raise_for_status()
            except httpx.TransportError:
                self.restart()
        return known

    def accept(self, swap_id: str) -> None:
        answer = self.ask("POST", f"/api/tukar/swaps/{swap_id}/accept", json={})
        assert answer.status_code in (200, 409), answer.text

    def cancel(self, swap_id: str) -> bool:
        """Whether it could be cancelled."""
        return self.ask("POST", f"/api/tukar/swaps/{swap_id}/cancel", json={"reason": "changed our mind"}).is_success

    def receipts(self, name: str) -> list[Envelope]:
        found = self.value("GET", f"/api/tukar/models/admin/{name}/receipts")
        return [Envelope.read(value) for value in found]

    def job(self, kind: str, payload: Mapping[str, float]) -> Any:
        """What a job came to."""
        number = self.value("POST", "/api/tukar/jobs", json={"kind": kind, "payload": payload})["id"]
        deadline = time.monotonic() + _JOB_SECONDS
        while (job := self.value("GET", f"/api/tukar/jobs/{number}"))["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, f"still {job}"
            time.sleep(0.02)
        assert job["state"] == "done", job["error"]
        return job["result"]

    def stored(self) -> Any:
        """How much is stored here."""
        return self.value("GET", "/api/tukar/stats")

    def quarantine(self) -> list[str]:
        """What is held for swaps, and what lies in the folder of arrivals."""
        with closing(sqlite3.connect(f"file:{self.server.data / 'database.sqlite'}?mode=ro", uri=True)) as database:
            held = [
                f"{count} in {table}"
                for table in ("held_files", "held_objects")
                if (count := database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            ]
        return held + [str(path) for path in Path(self.server.data / "arrivals").glob("*/stream")]


def _main_of(name: str) -> dict[str, str]:
    return {"repository": f"admin/{name}", "revision": "main"}
