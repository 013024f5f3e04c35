"""Who may not see a repository cannot tell it from one that is not there, whatever they ask."""

import re
from collections.abc import Iterable, Iterator

import httpx
import pytest
import sqlalchemy as sa
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tukar.catalog import tables
from tukar.server.app import build_app
from tukar.testing.relations import fresh, stored, tuned
from tukar.testing.xet import MadeXorb
from tukar.usecases import repacking

from .site import Site, regular_file

FILL = {
    "type": "models",
    "revision": "main",
    "path": "weights.bin",
    "branch": "main",
    "tag": "v1",
    "rest": "1",
    "upload": "0" * 64,
}
STRANGERS = [None, "bob", "bob reads", "admin reads"]


def addresses(site: Site) -> Iterator[tuple[str, str]]:
    """Every route that names a repository, with each of its methods."""
    for path, methods in routes(build_app(site.hub).routes):
        if "{namespace}" in path:
            address = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: FILL.get(found[1], "{" + found[1] + "}"), path)
            for method in sorted(methods - {"HEAD"}):
                yield method, address


def routes(found: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    for route in found:
        if isinstance(route, Mount) and isinstance(route.app, StaticFiles):
            continue  # the same for everyone
        if isinstance(route, Mount):
            yield from routes(route.routes, prefix + route.path)
        else:
            assert isinstance(route, Route), f"a route of another kind: teach this test about {route}"
            yield prefix + route.path, set(route.methods or ())


def bodies(address: str) -> list[bytes]:
    """Bodies that the route would take, and one that it would not."""
    known = {
        "preupload": b'{"files": [{"path": "weights.bin", "size": 1, "sample": ""}]}',
        "objects/batch": b'{"operation": "upload", "objects": [{"oid": "%s", "size": 1}]}' % (b"1" * 64),
        "commit": b'{"key": "header", "value": {"summary": "x"}}\n',
        "paths-info": b"paths=weights.bin",
        "objects/read": b'{"objects": ["%s"]}' % (b"1" * 64),
        "missing": b'{"objects": ["%s"]}' % (b"1" * 64),
        "objects/uploads": b'{"files": [{"sha256": "%s", "size": 1, "manifest": "%s"}]}' % (b"1" * 64, b"1" * 64),
    }
    return [body for word, body in known.items() if word in address] + [b""]


@pytest.fixture(scope="module")
def private(site: Site) -> str:
    repository = site.repository(private=True, name="private-model")
    site.push_xet(repository, "weights.bin", MadeXorb((b"secret" * 200,)).run())
    site.commit(repository, [regular_file("README.md", b"---\nlicense: secret-licence\n---\n")]).raise_for_status()
    return repository


def seen(response: httpx.Response, name: str) -> tuple[object, ...]:
    def plain(text: str) -> str:
        return text.replace(name, "NAME")

    headers = {key: plain(value) for key, value in response.headers.items() if key not in ("date", "content-length")}
    return response.status_code, headers, plain(response.text)


def test_there_are_many_routes_to_a_repository(site: Site) -> None:
    """So that the test below cannot pass by finding none."""
    found = {address for _, address in addresses(site)}
    assert len(found) > 25
    assert "/{namespace}/{name}/resolve/main/weights.bin" in found


@pytest.mark.parametrize("who", [None, "bob", *(pytest.param(who, marks=pytest.mark.slow) for who in STRANGERS[2:])])
def test_every_route_answers_as_for_a_missing_repository(site: Site, private: str, who: str | None) -> None:
    namespace, name = private.split("/")
    for method, address in addresses(site):
        for body in bodies(address):
            answers = []
            for each in (name, "missing-model"):
                target = address.replace("{namespace}", namespace).replace("{name}", each)
                answers.append(seen(site.call(method, target, who, content=body), each))
            assert answers[0] == answers[1], f"{method} {address}"
            assert answers[0][0] in (302, 400, 404, 501), f"{method} {address}"
            assert "secret" not in str(answers[0])


@pytest.mark.parametrize("who", STRANGERS)
def test_a_namespace_in_another_case_makes_no_difference(site: Site, private: str, who: str | None) -> None:
    assert site.get(f"/api/models/{private.upper()}", who).status_code == 404
    assert site.get(f"/api/models/{private.upper()}", "alice").status_code == 200


def test_a_wrong_token_is_told_before_anything_else(site: Site, private: str) -> None:
    wrong = {"Authorization": "Bearer tukar_wrong"}
    for name in (private, "alice/missing", site.repository()):
        answer = site.get(f"/api/models/{name}", headers=wrong)
        assert answer.status_code == 401
        assert answer.headers["X-Error-Message"] == "Invalid credentials in Authorization header"
        assert "X-Error-Code" not in answer.headers


@pytest.mark.parametrize("who", STRANGERS)
def test_lists_and_searches_leave_it_out(site: Site, private: str, who: str | None) -> None:
    everything = site.get("/api/models", who).text
    assert private not in everything
    for query in ("search=private-model", "author=alice&search=private", "author=alice", "limit=1000&full=true"):
        assert private not in site.get(f"/api/models?{query}", who).text
    assert private in site.get("/api/models?search=private-model", "alice").text
    assert private in site.get("/api/models?search=private-model", "admin").text


def test_pages_of_a_list_do_not_count_it(site: Site, private: str) -> None:
    """A page that were filtered after it was cut would be short."""
    for _ in range(2):
        site.repository()
    page = site.get("/api/models?limit=2&author=alice", "bob")
    assert len(page.json()) == 2


@pytest.mark.parametrize("who", ["bob", "bob reads", "admin reads", None])
def test_nobody_learns_the_name_by_trying_to_take_it(site: Site, private: str, who: str | None) -> None:
    answers = [
        site.post("/api/repos/create", who, json={"name": name, "organization": "alice"})
        for name in (private.split("/")[1], "free-name")
    ]
    assert answers[0].status_code in (401, 403)
    assert answers[0].text == answers[1].text
    answers = [
        site.call("DELETE", "/api/repos/delete", who, json={"name": name, "organization": "alice"})
        for name in (private.split("/")[1], "free-name")
    ]
    assert seen(answers[0], private.split("/")[1]) == seen(answers[1], "free-name")


@pytest.mark.parametrize("who", ["bob", "bob reads", "admin reads"])
def test_nobody_learns_who_the_others_are(site: Site, who: str) -> None:
    for name in ("alice", "nobody-at-all"):
        for method, address in (("GET", "tokens"), ("DELETE", "tokens/write-1")):
            answer = site.call(method, f"/api/tukar/users/{name}/{address}", who)
            assert answer.status_code == 403
            assert name not in answer.text
    for address in ("users", "stats", "repack", "jobs/1"):
        assert site.get(f"/api/tukar/{address}", who).status_code == 403


def test_what_a_tensor_is_a_difference_to_is_told_to_who_may_read_it(site: Site) -> None:
    base = fresh(11)
    secret = site.repository("alice", private=True)
    public = site.repository("bob")
    site.commit(secret, [regular_file("hidden.safetensors", stored(base))]).raise_for_status()
    site.commit(public, [regular_file("model.safetensors", stored(tuned(base, 12)))]).raise_for_status()
    repacking.run(site.hub.services, lambda _: None)
    parents = {}
    for who in (None, "bob", "admin reads", "alice", "alice reads", "admin"):
        answer = site.get(f"/api/tukar/models/{public}/encodings/main", who)
        tensors = [tensor for file in answer.json()["files"] for tensor in file["tensors"]]
        assert [tensor["encoding"] for tensor in tensors].count("delta") == 3
        parents[who] = [tensor["parent"] for tensor in tensors if tensor["parent"]]
        assert (secret in answer.text) == ("hidden" in answer.text) == bool(parents[who])
    told = {"type": "model", "repository": secret, "path": "hidden.safetensors", "tensor": "embed"}
    assert [bool(found) for found in parents.values()] == [False, False, False, True, True, True]
    assert parents["alice"][0] == told


def test_the_owner_and_an_administrator_read_it(site: Site, private: str) -> None:
    for who in ("alice", "alice reads", "admin"):
        assert site.resolve(private, "weights.bin", who).content == b"secret" * 200
        assert site.get(f"/api/models/{private}", who).json()["private"] is True


def test_an_administrator_reads_it_through_xet_too(site: Site, private: str) -> None:
    reader = site.xet("read", private, "admin")
    found = site.entry(private, "weights.bin", "admin")["xetHash"]
    url, span = reader.first_url(found)
    assert b"secret" in site.http.get(url, headers={"Range": span}).content


def test_it_is_invisible_from_the_moment_it_becomes_private(site: Site) -> None:
    """What was given out before is looked at again; only addresses of chunks live on, for an hour."""
    repository = site.repository()
    found = site.push_xet(repository, "a.bin", MadeXorb((b"once public" * 100,)).run())
    readers = [site.xet("read", repository, who) for who in (None, "bob")]
    assert [reader.reconstruction(found).status_code for reader in readers] == [200, 200]
    url, span = readers[0].first_url(found)
    with site.hub.services.database.write() as tx:
        mine = tables.repositories.c.name == repository.split("/")[1]
        tx.execute(sa.update(tables.repositories).where(mine).values(private=True))
    for reader in readers:
        answer = reader.reconstruction(found)
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert site.resolve(repository, "a.bin", "bob").status_code == 404
    assert site.http.get(url, headers={"Range": span}).status_code == 206
    site.clock.now += 3601
    assert site.http.get(url, headers={"Range": span}).status_code == 403
