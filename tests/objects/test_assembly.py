"""Files are made of objects that arrived, and only if they come out as they were announced."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.errors import Corrupt
from tukar.objects import holds, index, manifests, stream
from tukar.objects.arrivals import Arrivals
from tukar.objects.assembly import Assembly
from tukar.objects.index import FreedMeanwhile
from tukar.objects.packs import MANIFEST, object_hasher
from tukar.objects.reading import Blocks
from tukar.objects.sources import BytesSource
from tukar.objects.tables import files, objects
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest, Manifest, Part

from .stores import NOW, Store, noise, sha256_of

MODEL, OTHER = tiny_safetensors(0), noise(5000, 3)
OWNER = "swap:1"


@pytest.fixture
def giver(make_store) -> Store:
    store = make_store()
    store.land(MODEL, OTHER)
    return store


@pytest.fixture
def taker(make_store, giver: Store, tmp_path: Path) -> Store:
    """Has all objects of the giver, and no file."""
    store = make_store()
    hand_over(giver, store, tmp_path)
    return store


def hand_over(giver: Store, taker: Store, folder: Path) -> None:
    with giver.database.read() as tx:
        wanted = [Digest(row[0]) for row in tx.execute(sa.select(objects.c.digest))]
        found = index.locate(tx, wanted)
    with Arrivals(taker.database, taker.storage, folder, OWNER, NOW) as arrivals:
        arrivals.take(
            stream.send(Blocks(giver.storage), found.__getitem__, wanted), dict.fromkeys(wanted, 0), lambda _: None
        )
        arrivals.seal()


def manifest_digest(store: Store, content: bytes) -> Digest:
    query = sa.select(objects.c.digest).join_from(files, objects).where(files.c.sha256 == sha256_of(content))
    return Digest(store.rows(query)[0][0])


def assembly(store: Store) -> Assembly:
    return Assembly(store.database, store.storage, OWNER, NOW)


def announce(store: Store, made: Manifest, held: bool = True) -> Digest:
    """A manifest as a liar would send it: stored among the others, and held."""
    data = manifests.encode(made)
    digest = Digest(object_hasher(MANIFEST).update(data).digest())
    liar = Store(store.database, store.storage)
    with liar.landing() as landing:
        landing._packing.add(digest, MANIFEST, _view(data), lambda: lambda: None)
        landing._packing.close(lambda: None)
        with store.database.write() as tx:
            landing._sealed = True
            landing.register(tx)
            if held:
                holds.touch(tx, OWNER, NOW)
                holds.hold_objects(tx, OWNER, list(index.locate_ids(tx, [digest]).values()))
    return digest


def _view(data: bytes):
    from tukar.codecs.base import TensorView

    return TensorView(BytesSource(data))


def make(taker: Store, digest: Digest, content: bytes, on_progress=lambda _: None) -> None:
    assembly(taker).assemble(sha256_of(content), len(content), digest, on_progress)


def held_files(taker: Store) -> set[str]:
    with taker.database.read() as tx:
        return set(holds.files_of(tx, OWNER))


def test_a_file_is_put_together_and_held(giver: Store, taker: Store) -> None:
    seen: list[int] = []
    make(taker, manifest_digest(giver, MODEL), MODEL, seen.append)
    assert sum(seen) == len(MODEL)
    assert taker.read(sha256_of(MODEL)) == MODEL
    assert held_files(taker) == {sha256_of(MODEL)}


def test_a_file_that_is_here_is_held(giver: Store, taker: Store) -> None:
    taker.land(OTHER)
    make(taker, manifest_digest(giver, OTHER), OTHER)
    assert held_files(taker) == {sha256_of(OTHER)}
    assert taker.count(files) == 1


def test_what_is_stored_for_others_is_no_part(giver: Store, make_store, tmp_path: Path) -> None:
    """Who knows the manifest of a file that is here, and sends no more than that, gets nothing."""
    store = make_store()
    store.land(MODEL)
    digest = manifest_digest(giver, MODEL)
    with store.database.write() as tx:
        holds.touch(tx, OWNER, NOW)
        holds.hold_objects(tx, OWNER, list(index.locate_ids(tx, [digest]).values()))
    with pytest.raises(FreedMeanwhile) as known:
        make(store, digest, MODEL)
    lie = Manifest(sha256_of(OTHER), len(OTHER), "opaque", (Part(Digest.of(OTHER), len(OTHER)),))
    with pytest.raises(FreedMeanwhile) as unknown:
        make(store, announce(store, lie), OTHER)
    assert str(known.value) == str(unknown.value)
    assert held_files(store) == set()


def test_the_manifest_itself_must_be_the_owners(giver: Store, taker: Store) -> None:
    right = assembly(taker).manifest(manifest_digest(giver, MODEL), sha256_of(MODEL), len(MODEL))
    other = Manifest(right.sha256, right.size, "opaque", right.parts)
    with pytest.raises(FreedMeanwhile):
        make(taker, announce(taker, other, held=False), MODEL)


def test_other_bytes_are_not_taken_for_a_file_that_is_here(taker: Store) -> None:
    taker.land(MODEL)
    lie = Manifest(sha256_of(MODEL), len(OTHER), "opaque", (Part(Digest.of(OTHER), len(OTHER)),))
    with pytest.raises(Corrupt, match="as announced"):
        assembly(taker).assemble(sha256_of(MODEL), len(OTHER), announce(taker, lie))
    assert held_files(taker) == set()


@pytest.mark.parametrize("lie", ["sha256", "size"])
def test_the_manifest_of_another_file_is_refused(giver: Store, taker: Store, lie: str) -> None:
    digest = manifest_digest(giver, MODEL)
    sha256 = sha256_of(OTHER) if lie == "sha256" else sha256_of(MODEL)
    with pytest.raises(Corrupt, match="another file"):
        assembly(taker).manifest(digest, sha256, len(MODEL) - (lie == "size"))


def test_content_is_no_manifest(giver: Store, taker: Store) -> None:
    with pytest.raises(Corrupt, match="no manifest"):
        assembly(taker).manifest(Digest.of(OTHER), sha256_of(OTHER), len(OTHER))


def test_parts_in_another_order_are_found_out(giver: Store, taker: Store) -> None:
    right = assembly(taker).manifest(manifest_digest(giver, MODEL), sha256_of(MODEL), len(MODEL))
    lie = Manifest(right.sha256, right.size, right.format, tuple(reversed(right.parts)))
    with pytest.raises(Corrupt, match="as announced"):
        make(taker, announce(taker, lie), MODEL)
    assert not taker.has(sha256_of(MODEL))


def test_parts_of_another_length_are_found_out(giver: Store, taker: Store) -> None:
    right = assembly(taker).manifest(manifest_digest(giver, MODEL), sha256_of(MODEL), len(MODEL))
    first, second, *rest = right.parts
    parts = (Part(first.digest, first.length - 1), Part(second.digest, second.length + 1), *rest)
    lie = Manifest(right.sha256, right.size, right.format, parts)
    with pytest.raises(Corrupt, match="does not fit"):
        make(taker, announce(taker, lie), MODEL)


def test_a_manifest_is_no_part(giver: Store, taker: Store) -> None:
    digest = manifest_digest(giver, OTHER)
    size = taker.rows(sa.select(objects.c.size).where(objects.c.digest == digest))[0][0]
    lie = Manifest("0" * 64, size, "opaque", (Part(digest, size),))
    with pytest.raises(Corrupt, match="does not fit"):
        assembly(taker).assemble("0" * 64, size, announce(taker, lie))


def test_a_missing_part_is_to_be_asked_for_again(make_store) -> None:
    nowhere = make_store()
    lie = Manifest(sha256_of(OTHER), len(OTHER), "opaque", (Part(Digest.of(OTHER), len(OTHER)),))
    with pytest.raises(FreedMeanwhile):
        make(nowhere, announce(nowhere, lie), OTHER)
    with pytest.raises(FreedMeanwhile):
        make(nowhere, Digest.of(b""), OTHER)
