"""A push, object by object: what the hub lacks comes, files are made of it, and a commit can link them.

What is here already need not be sent if the sender may know of it: it is in a file that they sent, or may read. All
else looks as if it were not here, and files are made of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tukar.catalog import possessions, users
from tukar.catalog.values import Identity
from tukar.exchange.local import Announced, LocalDestination
from tukar.objects.index import find_files
from tukar.types import RepoId
from tukar.usecases import hand_over
from tukar.usecases.commit import writable
from tukar.usecases.services import Services

OWNERS: Final = "push:"
"""How the names begin of those for whom pushes are held."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A push under way, of one user to one repository.

    Attributes:
        name: chosen by who pushes, the same when they go on with the same.
    """

    user_id: int
    owner: str
    destination: LocalDestination


def resume(services: Services, identity: Identity, repo_id: RepoId, name: str) -> Upload:
    """A push, whether something of it has come already or not; RepoNotFound or Refused if they may not push there."""
    with services.database.read() as tx:
        repository, user = writable(tx, identity, repo_id)
    owner = f"{OWNERS}{user.id}:{repository.id}:{name}"

    def scope(file_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return possessions.may_have(identity, file_id)

    return Upload(user.id, owner, hand_over.destination(services, owner, scope))


def make(services: Services, upload: Upload, files: Sequence[Announced]) -> None:
    """Make files of the objects that have come; the user may link them from now on.

    NotAsAnnounced if one does not come out as announced; FreedMeanwhile if an object is missing.
    """
    for file in files:
        upload.destination.assemble(file)
    with services.database.write() as tx:
        users.require(tx, upload.user_id)
        for stored in find_files(tx, [file.sha256 for file in files]).values():
            possessions.record(tx, upload.user_id, stored.id, now=services.clock())


def end(services: Services, upload: Upload) -> None:
    """Forget a push: what no commit links, and was not made a file, is freed."""
    hand_over.drop(services, upload.owner)
