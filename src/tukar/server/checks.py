"""Who may send a body at all: looked at before any of it is read. What may be done with it is decided afterwards."""

from __future__ import annotations

from starlette.requests import Request

from tukar.server.requests import hub, identity, repo_id
from tukar.usecases import accounts
from tukar.usecases.commit import writable


def user(request: Request) -> None:
    """Unauthenticated for who does not say who they are."""
    accounts.require_user(identity(request))


def administrator(request: Request) -> None:
    """Unauthenticated or Refused for who does not run the hub."""
    accounts.require_admin(identity(request))


def writer(request: Request) -> None:
    """Who may write to the repository in the path; RepoNotFound or Refused for anybody else."""
    who, where = identity(request), repo_id(request)
    with hub(request).services.database.read() as tx:
        writable(tx, who, where)
