"""Two hubs come to know each other: over HTTP, as their operators do it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tukar.exchange import identity, peers
from tukar.signing import IdentityDocument, SigningKey

from .site import Site
from .site import site as new_site


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    with ExitStack() as stack:
        yield [stack.enter_context(new_site(tmp_path / name)) for name in ("ours", "theirs")]


@pytest.fixture
def ours(sites: list[Site]) -> Site:
    return sites[0]


@pytest.fixture
def theirs(sites: list[Site]) -> Site:
    return sites[1]


def document(site: Site) -> IdentityDocument:
    return IdentityDocument.parse(site.get("/api/tukar/identity").raise_for_status().content)


def fingerprint(site: Site) -> str:
    return document(site).current.fingerprint


def add(ours: Site, theirs: Site, who: str = "admin", **changes: Any) -> httpx.Response:
    body = {"url": theirs.url, "fingerprint": fingerprint(theirs), "name": "acme", **changes}
    return ours.post("/api/tukar/peers", who, json=body)


def listed(site: Site) -> list[dict[str, Any]]:
    found = site.get("/api/tukar/peers", "admin").raise_for_status().json()
    return [{name: value for name, value in each.items() if name != "earlier"} for each in found]


def test_anybody_may_see_who_a_hub_is(ours: Site) -> None:
    answer = ours.get("/api/tukar/identity")
    assert answer.headers["content-type"] == "application/json"
    with ours.hub.services.database.read() as tx:
        assert answer.content == identity.document(tx).encode()
        assert b"PRIVATE" in identity.current(tx).to_pem()
    assert b"PRIVATE" not in answer.content


def test_a_peer_is_added_by_its_fingerprint(ours: Site, theirs: Site) -> None:
    shown = ours.post("/api/tukar/peers/look", "admin", json={"url": theirs.url + "/"}).raise_for_status().json()
    assert listed(ours) == []
    assert shown["fingerprint"] == document(theirs).current.fingerprint.grouped
    added = add(ours, theirs, fingerprint=shown["fingerprint"].upper(), name=None).raise_for_status().json()
    assert added["name"] == shown["name"] == f"127.0.0.1-{httpx.URL(theirs.url).port}"
    assert (added["url"], added["state"], added["fingerprint"]) == (theirs.url, "trusted", shown["fingerprint"])
    assert listed(ours) == [added]


def test_another_key_than_the_one_told_is_not_trusted(ours: Site, theirs: Site) -> None:
    told = SigningKey.generate().public.fingerprint
    answer = add(ours, theirs, fingerprint=told)
    assert answer.status_code == 403
    for named in (told.grouped, document(theirs).current.fingerprint.grouped):
        assert named in answer.json()["error"]
    assert listed(ours) == []


def test_a_fingerprint_that_was_replaced_is_asked_for_again(ours: Site, theirs: Site) -> None:
    told = fingerprint(theirs)
    theirs.post("/api/tukar/identity/rotate", "admin").raise_for_status()
    answer = add(ours, theirs, fingerprint=told)
    assert answer.status_code == 403
    assert "ask its operator" in answer.json()["error"]
    assert listed(ours) == []


NONSENSE: tuple[dict[str, Any], ...] = (
    {"fingerprint": "abcd"},
    {"fingerprint": None},
    {"url": None},
    {"url": "file:///etc/passwd"},
    {"url": "http://user:password@127.0.0.1:9"},
    {"name": ""},
    {"name": "../x"},
    {"name": 7},
)


def test_what_makes_no_sense_is_refused(ours: Site, theirs: Site) -> None:
    assert [add(ours, theirs, **changes).status_code for changes in NONSENSE] == [400] * len(NONSENSE)
    assert listed(ours) == []


def test_a_hub_is_a_peer_once_whatever_its_key(ours: Site, theirs: Site) -> None:
    add(ours, theirs).raise_for_status()
    for _ in range(2):
        again = add(ours, theirs, name="other")
        assert again.status_code == 409
        assert "acme" in again.json()["error"]
        theirs.post("/api/tukar/identity/rotate", "admin").raise_for_status()


def test_a_hub_is_no_peer_of_itself(ours: Site) -> None:
    ours.post("/api/tukar/identity/rotate", "admin").raise_for_status()
    assert add(ours, ours).status_code == 409


def test_a_hub_that_does_not_answer_is_not_added(ours: Site) -> None:
    answer = ours.post("/api/tukar/peers/look", "admin", json={"url": "http://127.0.0.1:9"})
    assert answer.status_code == 503
    assert "http://127.0.0.1:9" in answer.json()["error"]
    assert "HF_ENDPOINT" not in answer.json()["error"]


def test_keys_are_listed_with_their_times(ours: Site) -> None:
    before = ours.get("/api/tukar/identity/keys", "admin").raise_for_status().json()
    assert before == {
        "fingerprint": document(ours).current.fingerprint.grouped,
        "since": before["since"],
        "earlier": [],
    }
    ours.clock.now += 86_400
    after = ours.post("/api/tukar/identity/rotate", "admin").raise_for_status().json()
    assert after["earlier"] == [{"fingerprint": before["fingerprint"], "since": before["since"]}]
    assert after["since"] > before["since"]
    assert after["fingerprint"] == document(ours).current.fingerprint.grouped != before["fingerprint"]


def test_a_new_key_is_followed_when_asked(ours: Site, theirs: Site) -> None:
    added = add(ours, theirs).raise_for_status().json()
    assert ours.post("/api/tukar/peers/acme/refresh", "admin").raise_for_status().json() == added
    for _ in range(2):
        theirs.post("/api/tukar/identity/rotate", "admin").raise_for_status()
    followed = ours.post("/api/tukar/peers/acme/refresh", "admin").raise_for_status().json()
    assert followed == added | {"fingerprint": document(theirs).current.fingerprint.grouped}
    assert listed(ours) == [followed]


def test_a_hub_in_the_place_of_another_is_not_followed(ours: Site, theirs: Site) -> None:
    with ours.hub.services.database.write() as tx:
        peers.add(tx, "acme", theirs.url, SigningKey.generate().public, now=0.0)
    answer = ours.post("/api/tukar/peers/acme/refresh", "admin")
    assert answer.status_code == 403
    assert "Ask its operator" in answer.json()["error"]


def test_a_revoked_peer_stays_listed_until_it_is_removed(ours: Site, theirs: Site) -> None:
    added = add(ours, theirs).raise_for_status().json()
    for _ in range(2):
        revoked = ours.post("/api/tukar/peers/ACME/revoke", "admin").raise_for_status().json()
    assert [revoked] == listed(ours) == [added | {"state": "revoked"}]
    assert add(ours, theirs, name="again").status_code == 409
    assert ours.call("DELETE", "/api/tukar/peers/acme", "admin").status_code == 200
    assert listed(ours) == []
    assert add(ours, theirs).raise_for_status().json()["state"] == "trusted"


def test_a_peer_that_is_none_is_not_found(ours: Site) -> None:
    asked = (("POST", "/refresh"), ("POST", "/revoke"), ("DELETE", ""))
    found = [ours.call(method, f"/api/tukar/peers/nobody{path}", "admin").status_code for method, path in asked]
    assert found == [404] * 3


def test_only_administrators_look_after_peers(ours: Site, theirs: Site) -> None:
    add(ours, theirs).raise_for_status()
    before = (listed(ours), document(ours))
    body = {"url": theirs.url, "fingerprint": fingerprint(theirs)}
    asked = (
        ("GET", "identity/keys"),
        ("POST", "identity/rotate"),
        ("GET", "peers"),
        ("POST", "peers"),
        ("POST", "peers/look"),
        ("POST", "peers/acme/refresh"),
        ("POST", "peers/acme/revoke"),
        ("DELETE", "peers/acme"),
    )
    for who, status in ((None, 401), ("alice", 403), ("admin reads", 403)):
        found = [ours.call(method, f"/api/tukar/{path}", who, json=body).status_code for method, path in asked]
        assert found == [status] * len(asked)
    assert (listed(ours), document(ours)) == before
