"""Addresses and headers that are not what they should be."""

import http.client
import json

import pytest

from tukar.testing.xet import MadeXorb

from .site import Site, regular_file

TRICKS = [
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "a/../../b",
    "./a",
    "a//b",
    "/a",
    "//etc/passwd",
    "%00",
    "a%00.txt",
    "%ff%fe",
    "%",
    "%zz",
    "%C0%AE%C0%AE/",
    "a" * 5000,
    "/".join(["d"] * 3000),
    "%F0%9F%98%80",
    "~root/.ssh",
    "${HOME}",
    "a;b=c",
    ".git/config",
]
READS = [
    "/{}/resolve/main/{trick}",
    "/{}/resolve/{trick}/a.txt",
    "/datasets/{}/resolve/main/{trick}",
    "/api/models/{}/tree/main/{trick}",
    "/api/models/{}/tree/{trick}",
    "/api/models/{}/revision/{trick}",
    "/api/models/{}/commits/{trick}",
    "/api/models/{}/xet-read-token/{trick}",
    "/api/tukar/models/{}/sizes/{trick}",
    "/api/models/alice/{trick}",
    "/api/models/{trick}",
    "/api/{trick}",
    "/{trick}",
    "/xet/xorbs/{trick}",
    "/xet/0/1/v1/reconstructions/{trick}",
    "/lfs/upload/{trick}",
]


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    name = site.repository()
    site.commit(name, [regular_file("a.txt", b"a"), regular_file("d/e.txt", b"e")]).raise_for_status()
    return name


def check(answer: http.client.HTTPResponse, allowed: tuple[int, ...]) -> None:
    assert answer.status in allowed, answer.body  # type: ignore[attr-defined]
    if answer.status >= 400 and answer.getheader("content-type") == "application/json":
        assert isinstance(json.loads(answer.body), dict)  # type: ignore[attr-defined]
        assert (answer.getheader("x-error-message") or "").isascii()


@pytest.mark.parametrize("address", READS)
def test_no_path_leads_out_of_a_repository(site: Site, repository: str, address: str) -> None:
    for trick in TRICKS:
        for method in ("GET", "HEAD"):
            answer = site.raw(method, address.format(repository, trick=trick), site.headers("alice"))
            if method == "GET":
                assert b"root:" not in answer.body  # type: ignore[attr-defined]
                check(answer, (307, 400, 401, 403, 404, 405))


def test_a_revision_with_a_slash_is_one_segment(site: Site, repository: str) -> None:
    for revision, status in (("refs%2Fheads%2Fmain", 200), ("refs/heads/main", 404), ("refs%2Fpr%2F1", 404)):
        answer = site.raw("GET", f"/{repository}/resolve/{revision}/a.txt")
        assert answer.status == status
    answer = site.raw("GET", f"/{repository}/resolve/refs%2Fpr%2F1/a.txt")
    assert answer.getheader("x-error-code") == "RevisionNotFound"


# fmt: off
RANGES = [
    "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-0", "bytes=0-0,2-3", "items=0-1", "bytes=-0", "bytes=9-",
    "bytes=" + "9" * 5000 + "-", "bytes=0-" + "9" * 20, "bytes=18446744073709551614-", "\x80", "bytes=\xb2-",
]
# fmt: on


@pytest.mark.parametrize("value", RANGES)
def test_odd_ranges_are_left_out_or_out_of_reach(site: Site, repository: str, value: str) -> None:
    answer = site.raw("GET", f"/{repository}/resolve/main/a.txt", {"Range": value})
    check(answer, (200, 206, 416))
    found = site.push_xet(repository, "x.bin", MadeXorb((b"x" * 50,)).run())
    xet = site.xet("read", repository, None)
    target = xet.url.removeprefix(site.url) + f"/v2/reconstructions/{found}"
    check(site.raw("GET", target, xet.headers | {"Range": value}), (200, 416))


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\tx", "Bearer \xff\xfe", "Bearer " + "a" * 8000, "x", "Bearer a b"],
)
def test_odd_credentials_are_wrong_credentials(site: Site, repository: str, value: str) -> None:
    for address in (f"/api/models/{repository}", "/api/whoami-v2", "/xet/0/1/v2/reconstructions/" + "5" * 64):
        answer = site.raw("GET", address, {"Authorization": value})
        if value == "" and "models" in address:
            assert answer.status == 200  # as without the header
        else:
            assert answer.status == 401
            assert answer.getheader("www-authenticate") == "Bearer"


@pytest.mark.parametrize(
    "host", ["[", "a b", 'evil"><script>', "x:99999", "x:y", "é", "", "a" * 3000, "http://x/", "[::1]:80"]
)
def test_an_odd_host_breaks_nothing(site: Site, repository: str, host: str) -> None:
    for address in (
        f"/api/models/{repository}",
        "/missing",
        f"/api/models/{repository}/xet-read-token/main",
        "/api/models?limit=1",
    ):
        answer = site.raw("GET", address, {"Host": host.encode().decode("latin-1")})
        check(answer, (200, 400, 404))
        assert "<script>" not in (answer.getheader("link") or "")


# fmt: off
LISTS = [
    "limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=%D9%A3", "cursor=x", "cursor=nan:1", "cursor=1e400:1",
    "cursor=1.0:99999999999999999999", "sort=likes", "filter=a", "gated=true", "search=%00", "author=%ff",
    "search=%25_%5C", "&&&=&",
]
# fmt: on


@pytest.mark.parametrize("query", [*LISTS, "search=" + "a" * 5000])
def test_odd_queries_of_a_list(site: Site, query: str) -> None:
    check(site.raw("GET", f"/api/models?{query}"), (200, 400, 501))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "cursor=-1", "cursor=x", "cursor=" + "9" * 50, "recursive=maybe&expand=2"]
)
def test_odd_queries_of_a_tree(site: Site, repository: str, query: str) -> None:
    check(site.raw("GET", f"/api/models/{repository}/tree/main?{query}"), (200, 400))
    check(site.raw("GET", f"/api/models/{repository}/commits/main?{query.replace('cursor', 'p')}"), (200, 400))


# fmt: off
FORMS = [
    b"", b"paths", b"paths=", b"paths=%00", b"paths=%ff", b"\xff\xfe", b"&" * 5000, b"paths=a&" * 9000,
    b"paths=../../etc/passwd", b"paths=/a.txt&paths=d/&paths=d//e.txt", b"paths=" + b"a/" * 50_000,
    b"paths=%ED%A0%80",
]
# fmt: on


@pytest.mark.parametrize("form", FORMS, ids=lambda form: repr(form[:20]))
def test_odd_forms(site: Site, repository: str, form: bytes) -> None:
    answer = site.post(f"/api/models/{repository}/paths-info/main", content=form)
    assert answer.status_code in (200, 400)


def test_a_form_has_a_largest_number_of_fields(site: Site, repository: str) -> None:
    answer = site.post(f"/api/models/{repository}/paths-info/main", content=b"paths=a&" * 10_001)
    assert answer.status_code == 400
    assert "10000" in answer.json()["error"]


def test_numbers_of_jobs_and_parts_may_be_large(site: Site) -> None:
    for number in (2**63 - 1, 2**63, 10**40):
        for method in ("GET", "DELETE"):
            assert site.call(method, f"/api/tukar/jobs/{number}", "admin").status_code == 404
        assert site.http.put(f"/lfs/parts/none/{number}", content=b"").status_code == 403


def test_an_unknown_address_or_method_is_an_error_of_the_hub(site: Site, repository: str) -> None:
    for method, address in (
        ("GET", "/api/nothing"),
        ("GET", f"/api/models/{repository}/nothing"),
        ("GET", "/api/agent-harnesses"),
    ):
        answer = site.call(method, address)
        assert (answer.status_code, set(answer.json())) == (404, {"error"})
        assert answer.headers["X-Error-Message"]
    answer = site.call("PATCH", f"/api/models/{repository}")
    assert (answer.status_code, set(answer.json())) == (405, {"error"})
    assert "GET" in answer.headers["Allow"]
    assert site.call("OPTIONS", f"/{repository}/resolve/main/a.txt").status_code == 405
