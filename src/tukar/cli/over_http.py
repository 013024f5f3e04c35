"""Administration of the hub at the other end of HTTP."""

from __future__ import annotations

import time
from typing import Any, Final

from tukar.cli.administration import Role, Value
from tukar.cli.output import Meter
from tukar.errors import Conflict, TukarError
from tukar.exchange.http import PLURALS, Remote, quoted, repo_path
from tukar.exchange.replies import Fields
from tukar.types import RepoId, RepoType

_API: Final = "/api/tukar"
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 1.0  # seconds between looks at a job


class OverHttp:
    """Asks the routes of ``server.admin``, and those that every client uses."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def repositories(self, kind: RepoType, search: str | None) -> list[Value]:
        """As Administration."""
        query = {"sort": "lastModified", "full": "true", **({"search": search} if search else {})}
        pages = self._remote.pages(f"/api/{PLURALS[kind]}", query)
        return [_summary(item, kind) for page in pages for item in Fields.each(page)]

    def repository(self, repo: RepoId, revision: str, commits: int) -> Value:
        """As Administration."""
        path = repo_path(repo)
        found = self._remote.get(f"{path}/revision/{quoted(revision)}").fields()
        commit = quoted(found.text("sha"))
        sizes = self._remote.get(f"{_API}{path.removeprefix('/api')}/sizes/{commit}").fields()
        history = self._remote.get(f"{path}/commits/{commit}", {"limit": str(commits)}).json()
        parameters = found.inner("safetensors").value.get("parameters") or {}
        return {
            **_summary(found, repo.type),
            "commit": found.text("sha"),
            "tags": found.texts("tags"),
            "parameters": {dtype: Fields.of(parameters).number(dtype) for dtype in parameters},
            "files": [_file(item) for item in sizes.items("files")],
            "commits": [_commit(item) for item in Fields.each(history)],
        }

    def users(self) -> list[Value]:
        """As Administration."""
        return [_user(item) for item in Fields.each(self._remote.get(f"{_API}/users").json())]

    def add_user(self, name: str, *, is_admin: bool) -> Value:
        """As Administration."""
        return _user(self._post("users", {"name": name, "admin": is_admin}))

    def remove_user(self, name: str) -> None:
        """As Administration."""
        self._remote.request("DELETE", f"{_API}/users/{quoted(name)}", repeatable=False)

    def tokens(self, user: str) -> list[Value]:
        """As Administration."""
        found = self._remote.get(f"{_API}/users/{quoted(user)}/tokens").json()
        return [_texts(item, "name", "role", "hint", "created") for item in Fields.each(found)]

    def add_token(self, user: str, name: str, role: Role) -> Value:
        """As Administration."""
        made = self._post(f"users/{quoted(user)}/tokens", {"name": name, "role": role})
        return _texts(made, "user", "name", "role", "token")

    def revoke_token(self, user: str, name: str) -> None:
        """As Administration."""
        self._remote.request("DELETE", f"{_API}/users/{quoted(user)}/tokens/{quoted(name)}", repeatable=False)

    def show_identity(self) -> Value:
        """As Administration."""
        return _keys(self._remote.get(f"{_API}/identity/keys").fields())

    def rotate_identity(self) -> Value:
        """As Administration."""
        return _keys(self._post("identity/rotate", {}))

    def look_at_peer(self, url: str) -> Value:
        """As Administration."""
        found = self._post("peers/look", {"url": url})
        return {**_texts(found, "name", "url", "fingerprint"), **_numbers(found, "earlier")}

    def add_peer(self, url: str, fingerprint: str, name: str | None) -> Value:
        """As Administration."""
        return _peer(self._post("peers", {"url": url, "fingerprint": fingerprint, "name": name}))

    def peers(self) -> list[Value]:
        """As Administration."""
        found = Fields.each(self._remote.get(f"{_API}/peers").json())
        return [{**_peer(item), "earlier": item.texts("earlier")} for item in found]

    def refresh_peer(self, name: str) -> Value:
        """As Administration."""
        return _peer(self._post(f"peers/{quoted(name)}/refresh", {}))

    def revoke_peer(self, name: str) -> Value:
        """As Administration."""
        return _peer(self._post(f"peers/{quoted(name)}/revoke", {}))

    def remove_peer(self, name: str) -> None:
        """As Administration."""
        self._remote.request("DELETE", f"{_API}/peers/{quoted(name)}", repeatable=False)

    def stats(self) -> Value:
        """As Administration."""
        found = self._remote.get(f"{_API}/stats").fields()
        return _numbers(found, "files", "raw_bytes", "objects", "object_bytes", "stored_bytes", "disk_bytes")

    def encodings(self, repo: RepoId, revision: str) -> Value:
        """As Administration."""
        path = f"{_API}{repo_path(repo).removeprefix('/api')}/encodings/{quoted(revision)}"
        found = self._remote.get(path).fields()
        files = [
            {**_cost(item), "tensors": [_tensor(each) for each in item.items("tensors")]}
            for item in found.items("files")
        ]
        return {**_texts(found, "id", "sha"), **_numbers(found, *_COSTS), "files": files}

    def check(self, meter: Meter) -> Value:
        """As Administration."""
        found = self._job("check", {}, meter)
        faults = [{**_texts(fault, "message"), "files": fault.texts("files")} for fault in found.items("faults")]
        return {"faults": faults, **_numbers(found, "fault_count", "bytes")}

    def collect(self, grace: float | None, uploads: float | None, meter: Meter) -> Value:
        """As Administration."""
        asked = {"grace": grace, "upload_window": uploads}
        found = self._job("gc", {name: value for name, value in asked.items() if value is not None}, meter)
        counts = _numbers(found, "condemned_files", "waiting_files", "freed_files", "freed_objects", "rewritten_packs")
        # Less than nothing, if more was pushed meanwhile.
        return {**counts, "freed_bytes": found.number("freed_bytes", least=-(1 << 63))}

    def repack_standing(self) -> Value:
        """As Administration."""
        return _standing(self._remote.get(f"{_API}/repack").fields())

    def pause_repack(self, *, paused: bool) -> Value:
        """As Administration."""
        return _standing(self._post("repack", {"paused": paused}))

    def repack(self, meter: Meter) -> Value:
        """As Administration. Ctrl-C ends the waiting alone: the hub does this by itself as well."""
        done = dict.fromkeys(_REPACKED, 0)
        while True:  # one that was under way may have been about to end
            found = _numbers(self._job("repack", {}, meter, cancel=False), *_REPACKED)
            done = {name: done[name] + found[name] for name in _REPACKED}
            standing = self.repack_standing()
            if standing["paused"] or not standing["pending_files"]:
                return {**done, **standing}

    def _post(self, path: str, value: Any) -> Fields:
        return self._remote.request("POST", f"{_API}/{path}", json=value, repeatable=False).fields()

    def _job(self, kind: str, payload: Value, meter: Meter, *, cancel: bool = True) -> Fields:
        """Have the hub do a job, and wait for it. Ctrl-C cancels it, unless it is to go on."""
        asked = {"kind": kind, "payload": dict(payload)}
        job = self._remote.request("POST", f"{_API}/jobs", json=asked).fields()
        path = f"{_API}/jobs/{job.number('id')}"
        try:
            return self._result(path, job, meter)
        except KeyboardInterrupt:
            if cancel:
                self._remote.request("DELETE", path)
            raise

    def _result(self, path: str, job: Fields, meter: Meter) -> Fields:
        pause = _FIRST_LOOK
        while job.text("state") in ("queued", "running"):
            _report(job, meter)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)
            job = self._remote.get(path).fields()
        if job.text("state") == "done":
            return job.inner("result")
        if job.text("state") == "cancelled":
            raise Conflict(f"somebody cancelled the {job.text('kind')}", hint="start it again")
        raise TukarError(f"the {job.text('kind')} failed: {job.text('error')}", hint="the hub's log may say more")


def _report(job: Fields, meter: Meter) -> None:
    progress = job.inner("progress")
    if job.text("state") == "queued":
        meter.label("Waiting for another job")
        return
    note = progress.text("note") if progress.value.get("note") else ""
    meter.label(" · ".join(filter(None, (job.text("kind").capitalize(), note))))
    if "total" in progress:
        meter.total(progress.number("total"))
        meter.at(progress.number("done"))


_COSTS: Final = ("raw_bytes", "stored_bytes", "shared_bytes")


def _cost(found: Fields) -> Value:
    return {**_texts(found, "path", "sha256"), **_numbers(found, *_COSTS)}


def _tensor(found: Fields) -> Value:
    parent = found.inner("parent")
    return {
        **_texts(found, "name", "dtype", "object", "encoding"),
        "shape": found.value.get("shape"),
        **_numbers(found, "raw_bytes", "stored_bytes"),
        "parent": _parent(parent) if parent.value else None,
    }


def _parent(found: Fields) -> Value:
    path = found.text("path") if found.value.get("path") is not None else None
    return {**_texts(found, "type", "repository"), "path": path, **_texts(found, "tensor")}


_REPACKED: Final = ("files", "tensors", "before", "after")


def _standing(found: Fields) -> Value:
    told = {name: found.value.get(name) is True for name in ("paused", "running")}
    error = found.text("error") if found.value.get("error") is not None else None
    pending, run = _numbers(found, "pending_files", "pending_bytes"), _numbers(found, "done_bytes", "total_bytes")
    return {**pending, **told, "error": error, **run, "note": found.text("note")}


def _texts(found: Fields, *names: str) -> dict[str, str]:
    return {name: found.text(name) for name in names}


def _numbers(found: Fields, *names: str) -> dict[str, int]:
    return {name: found.number(name) for name in names}


def _user(found: Fields) -> Value:
    return {**_texts(found, "name", "kind", "created"), "admin": found.value.get("admin") is True}


def _keys(found: Fields) -> Value:
    earlier = [_texts(key, "fingerprint", "since") for key in found.items("earlier")]
    return {**_texts(found, "fingerprint", "since"), "earlier": earlier}


def _peer(found: Fields) -> Value:
    return _texts(found, "name", "url", "fingerprint", "state", "added")


def _summary(found: Fields, kind: RepoType) -> Value:
    licences = (tag.partition(":")[2] for tag in found.texts("tags") if tag.startswith("license:"))
    return {
        "id": found.text("id"),
        "type": kind,
        "private": found.value.get("private") is True,
        "updated": found.text("lastModified"),
        "license": next(licences, None),
        "task": found.text("pipeline_tag") if "pipeline_tag" in found else None,
    }


def _file(found: Fields) -> Value:
    sizes = {"size": "raw_bytes", "stored_bytes": "stored_bytes", "shared_bytes": "shared_bytes"}
    return {"path": found.text("path"), **{name: found.number(told) for name, told in sizes.items()}}


def _commit(found: Fields) -> Value:
    authors = ", ".join(author.text("user") for author in found.items("authors"))
    return {"id": found.text("id"), "title": found.text("title"), "date": found.text("date"), "author": authors}
