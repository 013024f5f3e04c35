"""What the hub does not have yet says so with 501, and why."""

import pytest

from .site import Site

CALLS = [
    ("POST", "/api/models/{}/branch/dev", "branches"),
    ("DELETE", "/api/models/{}/branch/dev", "branches"),
    ("POST", "/api/models/{}/tag/main", "tags"),
    ("DELETE", "/api/models/{}/tag/v1", "tags"),
    ("GET", "/api/models/{}/discussions", "pull requests"),
    ("POST", "/api/models/{}/discussions", "pull requests"),
    ("GET", "/api/models/{}/discussions/1?diff=1", "pull requests"),
    ("POST", "/api/models/{}/discussions/1/merge", "pull requests"),
    ("PUT", "/api/models/{}/settings", "settings"),
    ("POST", "/api/models/{}/super-squash/main", "squashing"),
    ("GET", "/api/models/{}/lfs-files", "LFS files"),
    ("POST", "/api/models/{}/lfs-files/batch", "copies"),
    ("POST", "/api/models/{}/lfs-files/duplicate", "copies"),
    ("GET", "/api/models/{}/user-access-request/pending", "gated"),
    ("GET", "/api/models/{}/safetensors-metadata/model.safetensors", "safetensors"),
    ("POST", "/api/repos/move", "moving"),
    ("GET", "/api/settings/webhooks", "webhooks"),
    ("POST", "/oauth/device", "browser"),
    ("POST", "/oauth/token", "browser"),
]


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    return site.repository()


@pytest.mark.parametrize(("method", "address", "word"), CALLS)
def test_it_is_said_that_it_is_not_there(site: Site, repository: str, method: str, address: str, word: str) -> None:
    answer = site.call(method, address.format(repository), "alice")
    assert answer.status_code == 501
    assert word in answer.headers["X-Error-Message"]
    assert answer.json() == {"error": answer.headers["X-Error-Message"]}


@pytest.mark.parametrize(("method", "address", "word"), [call for call in CALLS if "{}" in call[1]])
def test_a_missing_repository_is_still_missing(site: Site, method: str, address: str, word: str) -> None:
    answer = site.call(method, address.format("alice/missing"), "alice")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")


def test_telemetry_is_taken_and_dropped(site: Site) -> None:
    answer = site.post("/v1/telemetry", headers={"Authorization": "Bearer of-xet"}, content=b"anything")
    assert answer.status_code == 200
    assert isinstance(answer.json(), dict)
