"""A file that a check found damaged is asked for again, and whole once it was sent."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tukar.testing.xet import MadeXorb
from tukar.usecases.check import check

from .site import Site, regular_file
from .site import site as new_site

PATH = "data.bin"


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    with new_site(tmp_path / "hub") as made:
        yield made


def push_lfs(site: Site, repository: str, data: bytes) -> None:
    site.push_lfs(repository, PATH, data)


def push_xet(site: Site, repository: str, data: bytes) -> None:
    xorb = MadeXorb((data[:3000], data[3000:]))
    site.push_xet(repository, PATH, xorb.run())


def push_regular(site: Site, repository: str, data: bytes) -> None:
    site.commit(repository, [regular_file(PATH, data)]).raise_for_status()


def spoil(site: Site, data: bytes) -> None:
    """Flip a bit of the data where it is stored."""
    for path in (site.hub.config.data / "objects" / "packs").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if (start := content.find(data[:64])) >= 0:
            path.chmod(0o600)
            path.write_bytes(content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :])
            return
    raise AssertionError("it is in no pack")


def offered_oid(site: Site, repository: str, data: bytes) -> str | None:
    files = {"files": [{"path": PATH, "size": len(data), "sample": ""}]}
    answer = site.post(f"/api/models/{repository}/preupload/main", "alice", json=files)
    (item,) = answer.raise_for_status().json()["files"]
    return None if item["oid"] is None else str(item["oid"])


@pytest.mark.parametrize("push", [push_lfs, push_xet, push_regular])
def test_what_is_sent_again_is_whole(site: Site, push: Callable[[Site, str, bytes], None]) -> None:
    data, repository = secrets.token_bytes(6000), site.repository()
    push(site, repository, data)
    assert offered_oid(site, repository, data) is not None
    spoil(site, data)
    assert [fault.files for fault in check(site.hub.services)] != []
    assert site.resolve(repository, PATH).content != data
    assert offered_oid(site, repository, data) is None
    push(site, repository, data)
    assert site.resolve(repository, PATH).content == data
    assert offered_oid(site, repository, data) is not None
    assert {name for fault in check(site.hub.services) for name in fault.files} == set()


def test_clients_forget_the_xorbs_that_they_sent(site: Site) -> None:
    data, repository = secrets.token_bytes(6000), site.repository()
    push_xet(site, repository, data)
    before = site.xet("write", repository, "alice").url
    list(check(site.hub.services))
    assert site.xet("write", repository, "alice").url == before
    spoil(site, data)
    list(check(site.hub.services))
    assert site.xet("write", repository, "alice").url != before
