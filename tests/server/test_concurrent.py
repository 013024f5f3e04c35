"""Many at once: histories stay linear, identical uploads are stored once, nothing is lost."""

import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import sqlalchemy as sa

from tukar.objects.tables import files, objects
from tukar.testing.xet import MadeXorb, made_file, made_shard
from tukar.usecases.collect import collect

from .site import Site, regular_file

MANY = 8
_T = TypeVar("_T")


def at_once(task: Callable[[int], _T], count: int = MANY) -> list[_T]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(task, range(count)))


def history(site: Site, repository: str) -> list[str]:
    return [item["id"] for item in site.get(f"/api/models/{repository}/commits/main").json()]


@pytest.fixture
def repository(site: Site) -> str:
    return site.repository()


def test_commits_follow_each_other(site: Site, repository: str) -> None:
    made = at_once(lambda number: site.commit(repository, [regular_file(f"{number}.txt", b"%d" % number)]))
    assert {answer.status_code for answer in made} == {200}
    found = history(site, repository)
    assert len(found) == len(set(found)) == MANY + 1
    assert {answer.json()["commitOid"] for answer in made} == set(found[:-1])
    tree = site.get(f"/api/models/{repository}/tree/main").json()
    assert {entry["path"] for entry in tree} == {f"{number}.txt" for number in range(MANY)}


def test_of_commits_on_top_of_the_same_one_wins(site: Site, repository: str) -> None:
    (head,) = history(site, repository)

    def commit(number: int) -> int:
        return site.commit(repository, [regular_file("a.txt", b"%d" % number)], parentCommit=head).status_code

    assert sorted(at_once(commit)) == [200] + [412] * (MANY - 1)
    assert len(history(site, repository)) == 2


def test_the_same_commit_many_times_at_once_is_one(site: Site, repository: str) -> None:
    made = at_once(lambda _: site.commit(repository, [regular_file("a.txt", b"a")]).json()["commitOid"])
    assert len(set(made)) == 1
    assert len(history(site, repository)) == 2


def test_the_same_file_through_lfs(site: Site) -> None:
    data = secrets.token_bytes(50_000)
    repositories = [site.repository("alice" if number % 2 else "bob") for number in range(MANY)]

    def push(number: int) -> bytes:
        site.push_lfs(repositories[number], "a.bin", data)
        owner = repositories[number].split("/")[0]
        return site.resolve(repositories[number], "a.bin", owner).content

    assert set(at_once(push)) == {data}
    with site.hub.services.database.read() as tx:
        same = files.c.sha256 == hashlib.sha256(data).hexdigest()
        assert tx.execute(sa.select(sa.func.count()).select_from(files).where(same)).scalar_one() == 1


def test_the_same_file_through_xet(site: Site) -> None:
    made = MadeXorb((secrets.token_bytes(50_000), secrets.token_bytes(30_000)))
    repositories = [site.repository("alice" if number % 2 else "bob") for number in range(MANY)]

    def push(number: int) -> bytes:
        site.push_xet(repositories[number], "a.bin", made.run())
        owner = repositories[number].split("/")[0]
        return site.resolve(repositories[number], "a.bin", owner).content

    assert set(at_once(push)) == {made.run().data}


def test_different_files_with_the_same_content_in_them(site: Site, repository: str) -> None:
    shared = secrets.token_bytes(40_000)
    mine = [MadeXorb((shared, secrets.token_bytes(100))) for _ in range(MANY)]
    at_once(lambda number: site.push_xet(repository, f"{number}.bin", mine[number].run()))
    for number, made in enumerate(mine):
        assert site.resolve(repository, f"{number}.bin").content == made.run().data


def test_one_name_is_given_once(site: Site) -> None:
    answers = at_once(lambda _: site.post("/api/repos/create", "alice", json={"name": "wanted"}))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (MANY - 1)
    assert {answer.json()["url"] for answer in answers} == {f"{site.url}/alice/wanted"}


def test_uploads_and_gc_at_once(own_site: Site) -> None:
    """Whatever gc frees meanwhile, what was committed is there."""
    site = own_site
    repository = site.repository()

    def task(number: int) -> None:
        if number % 2:
            made = MadeXorb((secrets.token_bytes(5000),))
            site.push_xet(repository, f"{number}.bin", made.run())
            assert site.resolve(repository, f"{number}.bin").content == made.run().data
        else:
            collect(site.hub.services, grace=0, upload_window=600)

    at_once(task, 12)
    collect(site.hub.services, grace=0, upload_window=0)
    assert {site.resolve(repository, f"{number}.bin").status_code for number in range(1, 12, 2)} == {200}
    with site.hub.services.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(objects)).scalar_one() == 12


def test_a_repository_that_is_deleted_while_it_is_written_to(site: Site) -> None:
    """Each commit stands in the repository or finds none."""
    name = "comes-and-goes"
    site.repository(name=name)
    body = {"name": name, "organization": "alice"}

    def task(number: int) -> int:
        if number == 3:
            return site.call("DELETE", "/api/repos/delete", "alice", json=body).status_code
        return site.commit(f"alice/{name}", [regular_file(f"{number}", b"x")]).status_code

    assert set(at_once(task)) <= {200, 404}
    assert site.get(f"/api/models/alice/{name}").status_code == 404


def test_a_shard_that_is_sent_twice_at_once(site: Site, repository: str) -> None:
    made, writer = MadeXorb((secrets.token_bytes(20_000),)), site.xet("write", repository, "alice")
    writer.post_xorb(made).raise_for_status()
    body = made_shard(made_file(made.run()))
    assert {answer.status_code for answer in at_once(lambda _: writer.post_shard(body))} == {200}
