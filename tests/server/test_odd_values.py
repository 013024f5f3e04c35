"""Bodies that are not what they should be: refused by name, never a failure of the hub."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .site import Site

DEEP: Any = 0
for _ in range(900):
    DEEP = [DEEP]

ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "x" * 3000,
    "\ud800",
    "a\x00b",
    "../../etc/passwd",
    [],
    [None],
    {},
    {"key": {}},
    DEEP,
]
# One of each kind goes in every run, all of them in the long one.
SOME = pytest.param([True, 10**30, "\ud800", [None], {}], id="some")
ALL = pytest.param(ODD, id="all", marks=pytest.mark.slow)
OID = "ab" * 32


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    changed = deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return changed


def variants(value: Any, odds: list[Any]) -> Iterator[Any]:
    """The document with each of its values replaced by every odd one, and with each of its keys missing."""
    for path in places(value):
        for odd in odds:
            yield replaced(value, path, odd)
        if path and isinstance(path[-1], str):
            changed = deepcopy(value)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            yield changed


def check(answer: httpx.Response) -> None:
    """An answer that a client understands, whatever it asked."""
    assert answer.status_code != 500, answer.text
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    if answer.status_code >= 400:
        assert isinstance(answer.json(), dict)
        assert answer.headers["X-Error-Message"].isascii()
        assert answer.json()["error"]


JSON_BODIES: dict[str, tuple[str, str, str, Any]] = {
    "create": ("POST", "/api/repos/create", "bob", {"name": "b", "organization": "bob", "type": "model",
                                                    "private": True, "visibility": "private"}),
    "delete": ("DELETE", "/api/repos/delete", "bob", {"name": "c", "organization": "bob", "type": "model"}),
    "preupload": (
        "POST",
        "/api/models/{}/preupload/main",
        "alice",
        {"files": [{"path": "a/b.bin", "sample": "AAAA", "size": 3}], "gitIgnore": "*.txt"},
    ),
    "LFS batch": (
        "POST",
        "/{}.git/info/lfs/objects/batch",
        "alice",
        {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [{"oid": OID, "size": 3}],
         "hash_algo": "sha256", "ref": {"name": "main"}},
    ),
    "validate-yaml": ("POST", "/api/validate-yaml", "alice", {"content": "---\na: 1\n---\n", "repoType": "model"}),
    "users": ("POST", "/api/tukar/users", "admin", {"name": "carol", "admin": False}),
    "tokens": ("POST", "/api/tukar/users/bob/tokens", "bob", {"name": "t", "role": "read"}),
    "jobs": ("POST", "/api/tukar/jobs", "admin", {"kind": "check", "payload": {"grace": 1, "upload_window": 2}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    return site.repository()


@pytest.mark.parametrize("odds", [SOME, ALL])
@pytest.mark.parametrize("name", JSON_BODIES)
def test_any_value_may_be_odd(site: Site, repository: str, name: str, odds: list[Any]) -> None:
    method, address, who, valid = JSON_BODIES[name]
    for body in variants(valid, odds):
        content = json.dumps(body).encode()
        check(site.call(method, address.format(repository), who, content=content))


LINES: list[dict[str, Any]] = [
    {"key": "header", "value": {"summary": "s", "description": "d", "parentCommit": "0" * 40}},
    {"key": "file", "value": {"path": "a.txt", "content": "YQ==", "encoding": "base64"}},
    {"key": "lfsFile", "value": {"path": "a.bin", "algo": "sha256", "oid": OID, "size": 1}},
    {"key": "deletedFile", "value": {"path": "a.txt"}},
    {"key": "deletedFolder", "value": {"path": "a/"}},
]


@pytest.mark.parametrize("odds", [SOME, ALL])
@pytest.mark.parametrize("at", range(len(LINES)), ids=[line["key"] for line in LINES])
def test_any_value_of_a_commit_may_be_odd(site: Site, repository: str, at: int, odds: list[Any]) -> None:
    for odd in variants(LINES[at], odds):
        lines = [{"key": "header", "value": {"summary": "s"}}, odd] if at else [odd]
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        check(site.post(f"/api/models/{repository}/commit/main", "alice", content=body))


def bodies() -> list[bytes]:
    nested = b"[" * 200_000
    return [
        b"",
        b" ",
        b"{",
        b'{"files": [',
        b"[1, 2",
        b"NaN",
        b'{"size": NaN}',
        b'{"name": Infinity}',
        b'{"name": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        nested,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"name": ' + b"9" * 5000 + b"}",
        b'"' + b"a" * 100_000 + b'"',
        b"name=x&type=model",
        b"<xml/>",
    ]


@pytest.mark.parametrize("body", bodies(), ids=lambda body: repr(body[:20]))
def test_what_is_no_json_is_told_so(site: Site, repository: str, body: bytes) -> None:
    for method, address, who, _ in JSON_BODIES.values():
        answer = site.call(method, address.format(repository), who, content=body)
        check(answer)
        assert answer.status_code in (400, 403, 501)
    for line in (body, b'{"key": "header", "value": {"summary": "s"}}\n' + body):
        check(site.post(f"/api/models/{repository}/commit/main", "alice", content=line))


def test_the_last_of_keys_that_come_twice_counts(site: Site) -> None:
    answer = site.post("/api/repos/create", "bob", content=b'{"name": "first", "name": "last"}')
    assert answer.json()["name"] == "bob/last"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def objects(names: list[str]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), VALUES, max_size=len(names))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_json_at_all(site: Site, repository: str, data: st.DataObject) -> None:
    method, address, who, valid = data.draw(st.sampled_from(list(JSON_BODIES.values())))
    body = data.draw(objects(list(valid)) | VALUES)
    check(site.call(method, address.format(repository), who, content=json.dumps(body).encode()))


FIELDS = ["path", "oid", "size", "content", "summary", "encoding"]


@st.composite
def commit_lines(draw: st.DrawFn) -> dict[str, Any]:
    return {"key": draw(st.sampled_from(LINES))["key"], "value": draw(objects(FIELDS))}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(commit_lines(), max_size=4))
def test_any_lines_of_a_commit(site: Site, repository: str, lines: list[Any]) -> None:
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    check(site.post(f"/api/models/{repository}/commit/main", "alice", content=body))


# Text that comes back


@pytest.mark.parametrize(
    "card",
    [
        '---\ntags: ["\\ud800"]\n---\n',
        "---\nscore: .nan\nother: .inf\nmore: 1e400\n---\n",
        "---\nbig: 99999999999999999999999999\n---\n",
        "---\na: *b\n---\n",
        "---\n" + "[" * 5000 + "\n---\n",
        '---\ntags: "\\0"\nlicense: "\\udfff\\u202e"\n---\n',
        "---\n? [a]\n: b\n---\n",
        "---\nbase_model: [[1], {a: b}, null, 1.5, true]\nlicense: {a: b}\nlanguage: no\n---\n",
        "---\n2024: yes\nnull: 1\n---\n",
    ],
)
def test_no_card_breaks_the_lists_that_show_it(site: Site, card: str) -> None:
    repository = site.repository()
    operations = [("file", {"path": "README.md", "content": card, "encoding": "utf-8"})]
    answer = site.commit(repository, operations)
    assert answer.status_code == 200, answer.text
    for address in (f"/api/models/{repository}", f"/api/models?search={repository}&full=true"):
        found = site.get(address)
        assert found.status_code == 200
        assert repository in found.text


@pytest.mark.parametrize(
    "name", ["a\u202eb.txt", "日本語 & <b>.txt", "\u2028", "a\x80b", "emoji 😀.md", '"quoted".txt', "%41%2F"]
)
def test_any_name_of_a_file_goes_round(site: Site, name: str) -> None:
    repository = site.repository()
    content = ("file", {"path": name, "content": "x", "encoding": "utf-8"})
    site.commit(repository, [content]).raise_for_status()
    quoted = quote(name, safe="")
    answer = site.get(f"/{repository}/resolve/main/{quoted}")
    assert (answer.status_code, answer.content) == (200, b"x")
    assert answer.headers["Content-Disposition"].isascii()
    listed = site.get(f"/api/models/{repository}/tree/main").json()
    assert name in [entry["path"] for entry in listed]
    assert site.post(f"/api/models/{repository}/paths-info/main", data={"paths": name}).json()[0]["path"] == name
    missing = site.get(f"/{repository}/resolve/main/{quoted}x")
    assert missing.status_code == 404
    assert missing.headers["X-Error-Message"].isascii()
