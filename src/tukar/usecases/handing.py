"""Repositories as they are handed over: one's own as items of a swap, and what came as repositories of this hub."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from tukar.catalog import cards, commits, git, possessions, repositories, revisions, trees
from tukar.catalog.cards import Card
from tukar.catalog.operations import AddFile
from tukar.catalog.repositories import RepositoryExists
from tukar.catalog.values import ANONYMOUS, Commit, Entry, Identity, Repository, User
from tukar.database import Transaction
from tukar.errors import Corrupt, Invalid
from tukar.exchange.offers import FILES_LIMIT, FileItem, Item, Reference
from tukar.exchange.swaps import Target
from tukar.exchange.text import line
from tukar.objects import holds
from tukar.objects.scopes import Scope, manifests_of
from tukar.types import RepoId
from tukar.usecases.services import Services

NAME_LIMIT = 96  # characters, as in `tukar.types.check_name`
_LICENCE_TAGS = ("license:", "licence:", "base_model:")


def item_of(services: Services, tx: Transaction, identity: Identity, reference: Reference) -> Item:
    """A revision of a repository here, as it is handed over.

    RepoNotFound and RevisionNotFound as they say; Invalid if it has too many files.
    """
    repository = repositories.get(tx, identity, reference.repository)
    commit = revisions.resolve(tx, repository, reference.revision)
    entries = [e for e in trees.listing(tx, repository.id, commit.tree_oid, recursive=True) if e.kind == "file"]
    if len(entries) > FILES_LIMIT:
        raise Invalid(f"{repository} has {len(entries)} files; at most {FILES_LIMIT} are handed over at once")
    card = _card(services, entries)
    return Item(
        RepoId(repository.namespace, repository.name, repository.type),
        commit.oid,
        line(card.license or "", 200),
        _tags(card),
        tuple(sorted(_file_items(tx, entries), key=lambda file: file.path)),
    )


def _file_items(tx: Transaction, entries: list[Entry]) -> list[FileItem]:
    manifests = manifests_of(tx, {entry.sha256 for entry in entries if entry.sha256})
    return [
        FileItem(entry.path, entry.size, entry.sha256, entry.oid, entry.lfs, manifests[entry.sha256])
        for entry in entries
        if entry.sha256 is not None
    ]


def _card(services: Services, entries: list[Entry]) -> Card:
    entry = next((entry for entry in entries if entry.path == cards.NAME and entry.sha256), None)
    if entry is None or entry.sha256 is None:
        return Card()
    source = services.objects.open_sha256(entry.sha256)
    return cards.parse(source.read(0, min(source.size, cards.MAX_SIZE + 1)))


def _tags(card: Card) -> tuple[str, ...]:
    """What the card says of its licence and of what the model was made from."""
    told = [f"base_model:{name}" for name in card.base_model]
    told += [tag for tag in card.tags if tag.startswith(_LICENCE_TAGS)]
    for name in ("license_name", "license_link"):
        value = card.metadata.get(name)
        if isinstance(value, str):
            told.append(f"{name}:{value}")
    return tuple(dict.fromkeys(line(tag, 200) for tag in told))[:100]


def private_among(tx: Transaction, ids: Iterable[RepoId]) -> frozenset[RepoId]:
    """Those repositories here that not everybody may read."""
    found = {id_: repositories.find(tx, id_) for id_ in ids}
    return frozenset(id_ for id_, repository in found.items() if repository is not None and repository.private)


def file_ids(tx: Transaction, repository: Repository, item: Item) -> dict[str, int]:
    """The row ids of an item's files, by sha256, which the repository here has."""
    return possessions.held(tx, repository.id, {file.sha256 for file in item.files})


def admitted(owner: str) -> Scope:
    """What may be admitted to a peer to be here: what anybody may read, and what is kept to be handed to that peer."""
    given = holds.files_within(owner)
    return lambda file_id: possessions.in_reach(ANONYMOUS, file_id) | given(file_id)


def check(services: Services, item: Item) -> None:
    """Corrupt unless the files of an item, which are here, have the sizes and git ids that were announced."""
    for file in item.files:
        size = services.objects.open_sha256(file.sha256).size
        if size != file.size:
            raise Corrupt(f"{file.path!r} is announced with {file.size} bytes and has {size}")
        if file.lfs:
            oid = git.lfs_oid(file.sha256, file.size)
        else:
            source = services.objects.open_sha256(file.sha256)
            if source.size > _REGULAR_LIMIT:
                raise Corrupt(f"{file.path!r} has {source.size} bytes and is announced as no LFS file")
            oid = AddFile.regular(file.path, source.read(0, source.size)).oid
        if oid != file.oid:
            raise Corrupt(f"{file.path!r} is announced with another git id than its bytes have")


_REGULAR_LIMIT = 64 << 20


def publish(
    services: Services, tx: Transaction, item: Item, target: Target, author: User, origin: str, suffix: str
) -> tuple[Repository, Commit]:
    """Make a repository here of an item whose files are here. It never fails for a name that is taken.

    Args:
        origin: the name of the hub that it comes from.
        suffix: what makes the name another one, if it is taken.
    """
    now = services.clock()
    repository = _create(tx, target, suffix, now)
    commits.start(tx, repository, author=author, now=now)
    operations = [AddFile(file.path, file.sha256, file.size, file.lfs, file.oid) for file in item.files]
    made = commits.commit(
        tx,
        repository,
        operations,
        author=author,
        title=f"Receive {item.repository} from {origin}",
        message=f"Revision {item.commit} there.",
        now=now,
    )
    if item.card is not None:
        source = services.objects.open_sha256(item.card.sha256)
        card = cards.parse(source.read(0, min(source.size, cards.MAX_SIZE + 1)))
        repositories.set_card(tx, repository, card.to_json())
    return repository, made


def _create(tx: Transaction, target: Target, suffix: str, now: float) -> Repository:
    for name in _names(target.repo_id.name, suffix):
        wanted = RepoId(target.repo_id.namespace, name, target.repo_id.type)
        try:
            return repositories.create(tx, wanted, private=target.private, now=now)
        except RepositoryExists:
            continue
    raise AssertionError("unreachable")


def _names(name: str, suffix: str) -> Iterator[str]:
    """The name, and others for where it is taken; all of them keep to the rules for names."""
    yield name
    for number in itertools.count():
        ending = f"-{suffix}-{number}" if number else f"-{suffix}"
        yield name[: NAME_LIMIT - len(ending)].rstrip("-.") + ending


def is_taken(tx: Transaction, repo_id: RepoId) -> bool:
    """Whether a repository has that name already, whoever may read it."""
    return repositories.find(tx, repo_id) is not None
