"""A hub in another process, used over HTTP as clients use it."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tukar.testing.xet import made_file, made_shard

from .contents import content, runs, sha256
from .inside import ADMIN_TOKEN
from .world import File, Revision, World, is_regular, size

HOME = "admin/home"
"""A repository that always exists: uploads need one to be announced in."""

_JOB_SECONDS = 50.0  # less than a lease: nobody should have to wait for one to run out


@dataclass
class Remote:
    """The administrator of a hub at ``url``.

    Attributes:
        sent: every content that was ever sent, or that may have been.
    """

    url: str
    sent: set[str] = field(default_factory=set)
    _http: httpx.Client = field(init=False)
    _hashes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        self._http = httpx.Client(base_url=self.url, headers=token, timeout=60, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def create(self, repository: str) -> None:
        owner, _, name = repository.partition("/")
        self._post("/api/repos/create", {"organization": owner, "name": name}, but=409)

    def delete(self, repository: str) -> None:
        owner, _, name = repository.partition("/")
        body = {"organization": owner, "name": name}
        _check(self._http.request("DELETE", "/api/repos/delete", json=body), but=404)

    def send(self, name: str) -> None:
        self.create(HOME)
        self.sent.add(name)
        if name.startswith("xet"):
            self._send_through_xet(name)
        else:
            self._send_through_lfs(name)

    def _send_through_lfs(self, name: str) -> None:
        (answer,) = self._batch([name])
        if "actions" in answer:
            _check(self._http.put(answer["actions"]["upload"]["href"], content=content(name)))

    def _batch(self, names: list[str]) -> list[dict[str, Any]]:
        objects = [{"oid": sha256(name), "size": size(name)} for name in names]
        asked = {"operation": "upload", "transfers": ["basic"], "objects": objects}
        return list(self._post(f"/{HOME}.git/info/lfs/objects/batch", asked)["objects"])

    def _send_through_xet(self, name: str) -> None:
        service = _check(self._http.get(f"/api/models/{HOME}/xet-write-token/main")).json()
        token = {"Authorization": f"Bearer {service['accessToken']}"}
        for xorb in {run.xorb for run in runs(name)}:
            address = f"{service['casUrl']}/v1/xorbs/default/{xorb.hash}"
            _check(self._http.post(address, content=xorb.body, headers=token))
        shard = made_shard(made_file(*runs(name)))
        _check(self._http.post(f"{service['casUrl']}/v1/shards", content=shard, headers=token))

    def commit(self, repository: str, title: str, changes: Mapping[str, str | None]) -> str:
        lines = [("header", {"summary": title, "description": ""}), *map(_line, changes.items())]
        body = "".join(json.dumps({"key": key, "value": value}) + "\n" for key, value in lines)
        answer = _check(self._http.post(f"/api/models/{repository}/commit/main", content=body.encode()))
        return str(answer.json()["commitOid"])

    def add_user(self, name: str) -> None:
        self._post("/api/tukar/users", {"name": name}, but=409)

    def add_token(self, user: str, name: str) -> str:
        asked, address = {"name": name, "role": "write"}, f"/api/tukar/users/{user}/tokens"
        made = _check(self._http.post(address, json=asked), but=409)
        if made.status_code == 409:  # asked again; the first answer is lost
            _check(self._http.delete(f"{address}/{name}"), but=404)
            return self.add_token(user, name)
        return str(made.json()["token"])

    def collect(self, window: float, grace: float) -> None:
        self.result(self.submit("gc", {"grace": grace, "upload_window": window}))

    def repack(self, beside: bool) -> None:
        self.result(self.submit("repack", {}))

    def pause_repack(self, paused: bool) -> None:
        self._post("/api/tukar/repack", {"paused": paused})

    def check(self) -> list[str]:
        return [str(fault["message"]) for fault in self.result(self.submit("check", {}))["faults"]]

    def submit(self, kind: str, payload: Mapping[str, float]) -> int:
        """Ask for a job; its number."""
        return int(self._post("/api/tukar/jobs", {"kind": kind, "payload": payload})["id"])

    def result(self, number: int) -> Any:
        """What a job came to, once it is done."""
        job = self.ended(number)
        assert job["state"] == "done", job["error"]
        return job["result"]

    def ended(self, number: int) -> Any:
        """A job, once it has ended somehow."""
        deadline = time.monotonic() + _JOB_SECONDS
        while (job := _check(self._http.get(f"/api/tukar/jobs/{number}")).json())["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, f"still {job}"
            time.sleep(0.02)
        return job

    def holder(self, token: str) -> str | None:
        """Whose token it is; None if nobody's."""
        answer = self._http.get("/api/whoami-v2", headers={"Authorization": f"Bearer {token}"})
        return None if answer.status_code == 401 else str(_check(answer).json()["name"])

    def look(self) -> World:
        self._hashes.clear()
        names = [item["id"] for item in self._all("/api/models")]
        users = frozenset(item["name"] for item in _check(self._http.get("/api/tukar/users")).json())
        found = {name: tuple(self._history(name)) for name in names if name != HOME}
        return World(found, users, frozenset(self._still_here()) if HOME in names else frozenset())

    def _still_here(self) -> Iterator[str]:
        known = sorted(self.sent)
        for name, answer in zip(known, self._batch(known) if known else [], strict=True):
            if "actions" not in answer:
                yield sha256(name)

    def _history(self, repository: str) -> Iterator[Revision]:
        for made in reversed(list(self._all(f"/api/models/{repository}/commits/main"))):
            entries = self._all(f"/api/models/{repository}/tree/{made['id']}?recursive=true")
            files = [entry for entry in entries if entry["type"] == "file"]
            yield Revision(made["title"], frozenset(self._file(repository, made["id"], entry) for entry in files))

    def _file(self, repository: str, revision: str, entry: dict[str, Any]) -> File:
        if entry["oid"] not in self._hashes:
            answer = _check(self._http.get(f"/{repository}/resolve/{revision}/{entry['path']}"))
            self._hashes[entry["oid"]] = hashlib.sha256(answer.content).hexdigest()
        return File(entry["path"], self._hashes[entry["oid"]])

    def _all(self, address: str) -> Iterator[dict[str, Any]]:
        while address:
            answer = _check(self._http.get(address))
            yield from answer.json()
            address = answer.links.get("next", {}).get("url", "")

    def _post(self, path: str, value: object, but: int | None = None) -> Any:
        answer = _check(self._http.post(path, json=value), but)
        return answer.json()


class Failed(Exception):
    """The hub answered, and it was not what was asked for."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
        self.status = answer.status_code


def _check(answer: httpx.Response, but: int | None = None) -> httpx.Response:
    """The answer, if the hub did what it was asked to; or said ``but``, which is as good."""
    if not answer.is_success and answer.status_code != but:
        raise Failed(answer)
    return answer


def _line(change: tuple[str, str | None]) -> tuple[str, dict[str, Any]]:
    path, name = change
    if name is None:
        return "deletedFile", {"path": path}
    if is_regular(name):
        return "file", {"path": path, "content": b64encode(content(name)).decode(), "encoding": "base64"}
    return "lfsFile", {"path": path, "algo": "sha256", "oid": sha256(name), "size": size(name)}
