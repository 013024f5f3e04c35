"""Files: what HEAD and GET of ``resolve`` tell and send."""

import hashlib

import httpx
import pytest

from tukar.testing.xet import MadeXorb, made_file

from .site import Site, regular_file

LFS = b"large" * 300
XET = MadeXorb((b"first" * 300, b"second" * 300))
TEXT = b"# a card\n"


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\x00" % len(data) + data).hexdigest()


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    name = site.repository()
    site.push_lfs(name, "lfs.bin", LFS)
    site.push_xet(name, "d/xet.bin", XET.run())
    files = {
        "README.md": TEXT,
        "empty.txt": b"",
        "page.html": b"<script>",
        "image.svg": b"<svg/>",
        "d/x y+%é.txt": b"y",
    }
    site.commit(name, [regular_file(path, data) for path, data in files.items()]).raise_for_status()
    return name


@pytest.fixture(scope="module")
def head(site: Site, repository: str) -> str:
    return str(site.get(f"/api/models/{repository}").json()["sha"])


def both(site: Site, repository: str, path: str, **arguments: object) -> tuple[httpx.Response, httpx.Response]:
    """HEAD and GET, which tell the same."""
    address = f"/{repository}/resolve/main/{path}"
    answers = [site.call(method, address, **arguments) for method in ("HEAD", "GET")]
    for answer in answers:
        del answer.headers["date"]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].headers == answers[1].headers
    assert answers[0].content == b""
    assert int(answers[1].headers["Content-Length"]) == len(answers[1].content)
    return answers[0], answers[1]


def test_a_regular_file(site: Site, repository: str, head: str) -> None:
    _, answer = both(site, repository, "README.md")
    assert answer.content == TEXT
    assert answer.headers["ETag"] == f'"{git_oid(TEXT)}"'
    assert answer.headers["X-Repo-Commit"] == head
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "X-Linked-Etag" not in answer.headers
    assert "X-Xet-Hash" not in answer.headers
    assert "Content-Encoding" not in answer.headers


def test_an_lfs_file(site: Site, repository: str) -> None:
    _, answer = both(site, repository, "lfs.bin")
    digest = hashlib.sha256(LFS).hexdigest()
    assert answer.content == LFS
    assert answer.headers["ETag"] == answer.headers["X-Linked-Etag"] == f'"{digest}"'
    assert answer.headers["X-Linked-Size"] == str(len(LFS))
    assert "X-Xet-Hash" not in answer.headers


def test_a_xet_file(site: Site, repository: str, head: str) -> None:
    _, answer = both(site, repository, "d/xet.bin")
    assert answer.content == XET.run().data
    assert answer.headers["X-Xet-Hash"] == str(made_file(XET.run()).hash)
    route = f"{site.url}/api/models/{repository}/xet-read-token/{head}"
    assert answer.headers["Link"] == f'<{route}>; rel="xet-auth"'
    assert site.http.get(route).json()["accessToken"]


def test_an_empty_file(site: Site, repository: str) -> None:
    _, answer = both(site, repository, "empty.txt")
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "0")
    _, answer = both(site, repository, "empty.txt", headers={"Range": "bytes=0-100000"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */0")


@pytest.mark.parametrize(
    ("span", "cut"), [("bytes=0-99", slice(0, 100)), ("bytes=8-", slice(8, None)), ("bytes=-1", slice(-1, None))]
)
def test_a_range(site: Site, repository: str, span: str, cut: slice) -> None:
    for path, content in (("lfs.bin", LFS), ("d/xet.bin", XET.run().data)):
        _, answer = both(site, repository, path, headers={"Range": span})
        places = range(len(content))[cut]
        assert answer.status_code == 206
        assert answer.content == content[cut]
        assert answer.headers["Content-Range"] == f"bytes {places[0]}-{places[-1]}/{len(content)}"


def test_a_range_out_of_reach(site: Site, repository: str) -> None:
    _, answer = both(site, repository, "lfs.bin", headers={"Range": f"bytes={len(LFS)}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(LFS)}"


def test_several_ranges_get_the_whole(site: Site, repository: str) -> None:
    _, answer = both(site, repository, "lfs.bin", headers={"Range": "bytes=0-1,5-6"})
    assert (answer.status_code, answer.content) == (200, LFS)


def test_a_client_that_has_it_is_told_so(site: Site, repository: str, head: str) -> None:
    tag = f'"{hashlib.sha256(LFS).hexdigest()}"'
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = site.resolve(repository, "lfs.bin", headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["X-Repo-Commit"] == head
    for condition in ('"other"', tag.strip('"'), ""):
        assert site.resolve(repository, "lfs.bin", headers={"If-None-Match": condition}).status_code == 200


def test_a_client_goes_on_only_with_the_same_file(site: Site, repository: str) -> None:
    tag = f'"{hashlib.sha256(LFS).hexdigest()}"'
    for condition, status in ((tag, 206), ('"other"', 200), ("Sat, 01 Jan 2022 00:00:00 GMT", 200), (f"W/{tag}", 200)):
        answer = site.resolve(repository, "lfs.bin", headers={"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status_code == status, condition


def test_a_missing_file_names_the_commit(site: Site, repository: str, head: str) -> None:
    for path in ("missing.txt", "d", "README.md/x", "lfs.bin/"):
        answer = site.call("HEAD", f"/{repository}/resolve/main/{path}")
        assert (answer.status_code, answer.content) == (404, b"")
        assert answer.headers["X-Error-Code"] == "EntryNotFound"
        assert answer.headers["X-Repo-Commit"] == head
        assert answer.headers["X-Error-Message"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("alice/missing/resolve/main/a", "RepoNotFound"),
        ("gpt2/resolve/main/config.json", "RepoNotFound"),
        ("datasets/squad/resolve/main/a/b.json", "RepoNotFound"),
        ("datasets/{}/resolve/main/README.md", "RepoNotFound"),
        ("{}/resolve/missing/README.md", "RevisionNotFound"),
        ("{}/resolve/0000000000000000000000000000000000000000/README.md", "RevisionNotFound"),
        ("{}/resolve/main/no%20such%20file", "EntryNotFound"),
    ],
)
def test_what_is_missing_has_a_code(site: Site, repository: str, address: str, code: str) -> None:
    answer = site.get("/" + address.format(repository))
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, code)


def test_a_repository_may_be_called_like_a_route(site: Site) -> None:
    for name in ("resolve", "tree", "revision", "commits"):
        repository = site.repository(name=name)
        site.commit(repository, [regular_file("a.txt", b"a")]).raise_for_status()
        assert site.resolve(repository, "a.txt").content == b"a"
        assert site.get(f"/api/models/{repository}/tree/main").json()[0]["path"] == "a.txt"
        assert site.get(f"/api/models/{repository}/revision/main").json()["id"] == repository


def test_names_with_anything_in_them(site: Site, repository: str) -> None:
    answer = site.raw("GET", f"/{repository}/resolve/main/d/x%20y%2B%25%C3%A9.txt")
    assert answer.status == 200
    assert answer.getheader("content-disposition").endswith('filename="x y+%?.txt"')
    assert "filename*=UTF-8''x%20y%2B%25%C3%A9.txt" in answer.getheader("content-disposition")


def test_older_states_stay(site: Site, repository: str, head: str) -> None:
    other = site.repository()
    first = site.commit(other, [regular_file("a.txt", b"one")]).json()["commitOid"]
    site.commit(other, [regular_file("a.txt", b"two")]).raise_for_status()
    for revision in (first, first[:10]):
        answer = site.get(f"/{other}/resolve/{revision}/a.txt")
        assert (answer.content, answer.headers["X-Repo-Commit"]) == (b"one", first)
    assert site.get(f"/{repository}/resolve/{first}/README.md").status_code == 404


@pytest.mark.parametrize("path", ["page.html", "image.svg", "README.md", "lfs.bin"])
def test_nothing_runs_in_the_hubs_own_name(site: Site, repository: str, path: str) -> None:
    answer = site.resolve(repository, path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not answer.headers["Content-Type"].startswith("text/html")


def test_pages_elsewhere_may_not_read_it(site: Site, repository: str) -> None:
    answer = site.resolve(repository, "README.md", headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_datasets_and_spaces(site: Site) -> None:
    for kind in ("dataset", "space"):
        made = site.post("/api/repos/create", "alice", json={"name": "same-name", "type": kind}).json()
        assert made["url"] == f"{site.url}/{kind}s/alice/same-name"
        body = b'{"key": "header", "value": {"summary": "s"}}\n'
        body += b'{"key": "file", "value": {"path": "k.txt", "content": "%s"}}\n' % kind.encode()
        answer = site.post(f"/api/{kind}s/alice/same-name/commit/main", "alice", content=body)
        assert answer.json()["commitUrl"].startswith(f"{made['url']}/commit/")
        assert site.get(f"/{kind}s/alice/same-name/resolve/main/k.txt").text == kind
        assert site.get("/alice/same-name/resolve/main/k.txt").status_code == 404
