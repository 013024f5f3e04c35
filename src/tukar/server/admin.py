"""Tukar's own routes: accounts, sizes, jobs. ``tukar`` commands use them when they speak to a running hub."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar import __version__
from tukar.catalog.tokens import Token
from tukar.catalog.values import Entry, Identity, User
from tukar.errors import Invalid, NotFound
from tukar.jobs import queue
from tukar.jobs.values import Job
from tukar.objects.sizes import FileSize, Totals
from tukar.server import checks
from tukar.server.info import date
from tukar.server.requests import boolean, fields, hub, identity, param, repo_id, text, with_json
from tukar.usecases import accounts, repacking, stats
from tukar.usecases.accounts import require_admin
from tukar.usecases.encodings import Encoded
from tukar.usecases.encodings import encodings as tensors
from tukar.usecases.services import Services
from tukar.usecases.stats import RepositorySizes

_JOBS: Final = ("check", "gc", "repack")


def ready(_: Request) -> Response:
    """The hub takes requests."""
    return JSONResponse({"status": "ok", "version": __version__})


def add_user(request: Request, value: Any) -> Response:
    """Add a user."""
    asked = fields(value)
    name, is_admin = text(asked.get("name"), "name"), boolean(asked.get("admin"), "admin")
    return JSONResponse(
        user_value(accounts.add_user(hub(request).services, identity(request), name, is_admin=is_admin))
    )


def list_users(request: Request) -> Response:
    """Everyone."""
    return JSONResponse([user_value(user) for user in accounts.list_users(hub(request).services, identity(request))])


def user_value(user: User) -> dict[str, Any]:
    """A user as JSON."""
    return {"name": user.name, "kind": user.kind, "admin": user.is_admin, "created": date(user.created_at)}


def remove_user(request: Request) -> Response:
    """Forget a user who owns nothing."""
    accounts.remove_user(hub(request).services, identity(request), param(request, "user"))
    return JSONResponse({})


def add_token(request: Request, value: Any) -> Response:
    """Make a token, and show it this once."""
    asked, user = fields(value), param(request, "user")
    name, role = text(asked.get("name"), "name"), asked.get("role")
    if role not in ("read", "write"):
        raise Invalid("a token's role is 'read' or 'write'")
    token = accounts.add_token(hub(request).services, identity(request), user, name, role)
    value = {"user": user, "name": name, "role": role, "token": token}
    return JSONResponse(value, headers={"Cache-Control": "no-store"})


def list_tokens(request: Request) -> Response:
    """A user's tokens, without their secrets."""
    found = accounts.list_tokens(hub(request).services, identity(request), param(request, "user"))
    return JSONResponse([token_value(token) for token in found])


def token_value(token: Token) -> dict[str, Any]:
    """What is known of a token, as JSON."""
    return {"name": token.name, "role": token.role, "hint": token.hint, "created": date(token.created_at)}


def revoke_token(request: Request) -> Response:
    """Make a token worthless."""
    user, name = param(request, "user"), param(request, "token")
    accounts.revoke_token(hub(request).services, identity(request), user, name)
    return JSONResponse({})


def sizes(request: Request) -> Response:
    """The files of a revision with what they cost."""
    found = stats.repository_sizes(
        hub(request).services, identity(request), repo_id(request), param(request, "revision")
    )
    files = [size_value(entry, size) for entry, size in found.files]
    return JSONResponse({"id": str(found.repository), "sha": found.commit.oid, "files": files})


def size_value(entry: Entry, size: FileSize) -> dict[str, Any]:
    """What a file costs, as JSON: the bytes stored for it alone, and those that other files need as well."""
    return {
        "path": entry.path,
        "sha256": entry.sha256,
        "raw_bytes": size.raw,
        "stored_bytes": size.own,
        "shared_bytes": size.stored - size.own,
    }


def totals(request: Request) -> Response:
    """What the whole hub holds."""
    require_admin(identity(request))
    return JSONResponse(totals_value(stats.totals(hub(request).services)))


def totals_value(found: Totals) -> dict[str, Any]:
    """Sizes of the whole store as JSON."""
    return {
        "files": found.files,
        "raw_bytes": found.raw,
        "objects": found.objects,
        "object_bytes": found.stored,
        "stored_bytes": found.needed,
        "disk_bytes": found.packs,
    }


def encodings(request: Request) -> Response:
    """The files of a revision with what they cost, and how each of their tensors is stored."""
    services, who = hub(request).services, identity(request)
    found = stats.repository_sizes(services, who, repo_id(request), param(request, "revision"))
    return JSONResponse(encodings_value(services, who, found))


def encodings_value(services: Services, who: Identity, found: RepositorySizes) -> dict[str, Any]:
    """How a revision is stored, as JSON."""
    files = []
    for entry, size in found.files:
        stored = tensors(services, who, entry.sha256 or "")
        files.append(size_value(entry, size) | {"tensors": [tensor_value(each) for each in stored]})
    contents = {file["sha256"]: file for file in files}.values()  # each once, whatever names it has
    total = {name: sum(file[name] for file in contents) for name in ("raw_bytes", "stored_bytes", "shared_bytes")}
    return {"id": str(found.repository), "sha": found.commit.oid, **total, "files": files}


def tensor_value(found: Encoded) -> dict[str, Any]:
    """How a tensor is stored, as JSON."""
    of = found.parent
    parent = of and {"type": of.type, "repository": of.repository, "path": of.path, "tensor": of.tensor}
    return {
        "name": found.tensor.name,
        "dtype": found.tensor.dtype,
        "shape": list(found.tensor.shape),
        "object": str(found.digest),
        "raw_bytes": found.tensor.nbytes,
        "stored_bytes": found.stored,
        "encoding": found.encoding,
        "parent": parent,
    }


def repack_standing(request: Request) -> Response:
    """How far repacking is."""
    return JSONResponse(asdict(repacking.standing(hub(request).services, identity(request))))


def pause_repack(request: Request, value: Any) -> Response:
    """Pause repacking, or let it go on."""
    paused = boolean(fields(value).get("paused"), "paused")
    return JSONResponse(asdict(repacking.pause(hub(request).services, identity(request), paused=paused)))


def submit_job(request: Request, value: Any) -> Response:
    """Start a check or a garbage collection; its state is at the address of the job."""
    require_admin(identity(request))
    asked, running = fields(value), hub(request)
    kind, payload = text(asked.get("kind"), "kind"), fields(asked.get("payload") or {})
    if kind not in _JOBS:
        raise Invalid(f"not a kind of job that can be asked for: {kind[:100]!r}", hint=f"ask for {' or '.join(_JOBS)}")
    with running.services.database.write() as tx:
        job = queue.submit(tx, kind, payload, now=running.services.clock(), max_attempts=1, unique=True)
    running.runner.wake()
    return JSONResponse(_job(job), 202)


def get_job(request: Request) -> Response:
    """How far a job is."""
    require_admin(identity(request))
    with hub(request).services.database.read() as tx:
        return JSONResponse(_job(queue.get(tx, _job_id(request))))


def cancel_job(request: Request) -> Response:
    """Ask a job to end."""
    require_admin(identity(request))
    running = hub(request)
    with running.services.database.write() as tx:
        return JSONResponse(_job(queue.cancel(tx, _job_id(request), running.services.clock())))


def _job_id(request: Request) -> int:
    found = int(request.path_params["job"])
    if found >= 1 << 63:
        raise NotFound("there is no job of such a number")
    return found


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": asdict(job.progress),
        "result": job.result,
        "error": job.error,
    }


_API: Final = "/api/tukar"

routes = [
    Route("/ready", ready),
    Route(f"{_API}/users", list_users),
    Route(f"{_API}/users", with_json(add_user, check=checks.administrator), methods=["POST"]),
    Route(f"{_API}/users/{{user}}", remove_user, methods=["DELETE"]),
    Route(f"{_API}/users/{{user}}/tokens", list_tokens),
    Route(f"{_API}/users/{{user}}/tokens", with_json(add_token, check=checks.user), methods=["POST"]),
    Route(f"{_API}/users/{{user}}/tokens/{{token}}", revoke_token, methods=["DELETE"]),
    Route(f"{_API}/stats", totals),
    Route(f"{_API}/{{type:kind}}/{{namespace}}/{{name}}/sizes/{{revision}}", sizes),
    Route(f"{_API}/{{type:kind}}/{{namespace}}/{{name}}/encodings/{{revision}}", encodings),
    Route(f"{_API}/repack", repack_standing),
    Route(f"{_API}/repack", with_json(pause_repack, check=checks.administrator), methods=["POST"]),
    Route(f"{_API}/jobs", with_json(submit_job, check=checks.administrator), methods=["POST"]),
    Route(f"{_API}/jobs/{{job:int}}", get_job),
    Route(f"{_API}/jobs/{{job:int}}", cancel_job, methods=["DELETE"]),
]
