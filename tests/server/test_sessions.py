"""What the cookie of a browser's session is good for: pages, and nothing that is for programs."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from .site import Site, regular_file


@pytest.fixture(scope="module")
def private(site: Site) -> str:
    repository = site.repository(private=True, name="for-browsers")
    site.commit(repository, [regular_file("notes.txt", b"secret words"), regular_file("run.html", b"<script>")])
    return repository


@contextmanager
def browser(site: Site, who: str | None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, headers={"Accept": "text/html"}) as client:
        if who:
            reply = client.post("/login", data={"token": site.tokens[who]}, headers={"Origin": site.url})
            assert reply.status_code == 303
        yield client


def test_the_cookie_counts_for_no_program(site: Site, private: str) -> None:
    with browser(site, "alice") as alice, browser(site, "admin") as admin:
        assert alice.get(f"/{private}").status_code == 200
        assert alice.get(f"/{private}/resolve/main/notes.txt").status_code == 404
        assert alice.get(f"/api/models/{private}").status_code == 404
        assert alice.get("/api/whoami-v2").status_code == 401
        assert private not in alice.get("/api/models").text
        made = alice.post("/api/repos/create", json={"name": "by-cookie"})
        assert made.status_code in (401, 403)
        for path in ("swaps", "peers", "users", "stats"):
            assert admin.get(f"/api/tukar/{path}").status_code in (401, 403)


def test_a_page_s_link_to_a_private_file_is_for_who_may_read_it(site: Site, private: str) -> None:
    path = f"/{private}/blob/main/notes.txt"
    with browser(site, "alice") as alice, browser(site, "bob") as bob, browser(site, None) as nobody:
        mine = alice.get(path)
        assert (mine.status_code, mine.content) == (200, b"secret words")
        assert mine.headers["cache-control"] == "private, no-cache"
        assert mine.headers["vary"] == "Cookie"
        assert mine.headers["cross-origin-resource-policy"] == "same-origin"
        part = alice.get(path, headers={"Range": "bytes=7-"})
        assert (part.status_code, part.content) == (206, b"words")
        assert alice.get(path, headers={"If-None-Match": mine.headers["etag"]}).status_code == 304
        assert bob.get(path).status_code == 404
        gone = nobody.get(path)
        assert (gone.status_code, gone.headers["location"]) == (302, f"/{private}/resolve/main/notes.txt")
        assert site.get(path, "alice").status_code == 302  # a token is for programs, and there is an address for them
        assert alice.post(path, headers={"Origin": site.url}).status_code == 405


def test_what_a_repository_holds_acts_for_nobody(site: Site, private: str) -> None:
    with browser(site, "alice") as alice:
        reply = alice.get(f"/{private}/blob/main/run.html")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["absent.txt", "%00", "..%2Fnotes.txt"])
def test_a_file_that_is_not_there_is_a_page(site: Site, private: str, path: str) -> None:
    with browser(site, "alice") as alice:
        reply = alice.get(f"/{private}/blob/main/{path}")
    assert reply.status_code in (400, 404)
    assert reply.headers["content-type"].startswith("text/html")


def test_the_file_of_a_public_model_is_where_programs_find_it(site: Site) -> None:
    reply = site.get("/alice/model/blob/refs%2Fpr%2F1/a%20b/c.txt")
    assert (reply.status_code, reply.headers["location"]) == (302, "/alice/model/resolve/refs%2Fpr%2F1/a%20b/c.txt")
