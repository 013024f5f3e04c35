"""What operators do on the page with peers and with requests: manage, ask, answer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tukar.exchange import peers, swaps
from tukar.exchange.requests import Wish
from tukar.exchange.states import State
from tukar.exchange.swaps import Record
from tukar.hub import Hub
from tukar.signing import Fingerprint
from tukar.usecases import keys, peer, request

from .conftest import START, Publish, Visitor, app
from .markup import find
from .served import Served, served
from .swapped import FAR, administrator, offered
from .test_login import token_of
from .test_operating import filled, offers, problem

SURE = {"sure": "on"}


@pytest.fixture
def operator(hub: Hub) -> Visitor:
    visitor = Visitor(app(hub))
    visitor.log_in(token_of(hub, "admin"))
    return visitor


@pytest.fixture
def rumah(hub: Hub) -> None:
    with hub.services.database.write() as tx:
        peers.add(tx, "rumah", "http://far.test", FAR.public, now=START)


@pytest.fixture
def far(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub that runs, and is the peer ``far``."""
    with served(tmp_path_factory.mktemp("far") / "hub") as far:
        peer.add(hub.services, administrator(hub), far.url, Fingerprint.parse(far.fingerprint), "far")
        yield far


def states(hub: Hub) -> dict[str, str]:
    with hub.services.database.read() as tx:
        return {each.name: each.state for each in peers.listing(tx)}


def asked(hub: Hub) -> list[Wish]:
    return [entry.request.wish for entry in request.listing(hub.services, administrator(hub))]


def words(reply: httpx.Response) -> str:
    return " ".join(find(reply.text, "main")[0].text.split())


@pytest.fixture
def open_swap(hub: Hub) -> Record:
    return offered(hub, ("far/base",))


PATHS = [
    "/exchange/peers/rumah/refresh",
    "/exchange/peers/rumah/revoke",
    "/exchange/peers/rumah/remove",
    "/exchange/requests",
    "/exchange/requests/abcdef/withdraw",
]


@pytest.mark.parametrize("who", [None, "ana", "admin reads"])
def test_it_is_for_administrators(hub: Hub, rumah: None, who: str | None) -> None:
    visitor = Visitor(app(hub))
    if who:
        visitor.log_in(token_of(hub, who.split()[0], "read" if "reads" in who else "write"))
    status = 403 if who else 401
    for path in PATHS:
        assert visitor.post(path, SURE | {"text": "x", "days": "1"}).status_code == status
    assert visitor.get("/exchange/peers/rumah").status_code == status
    assert states(hub) == {"rumah": "trusted"}
    assert asked(hub) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_form_from_elsewhere_does_nothing(hub: Hub, operator: Visitor, rumah: None, path: str) -> None:
    assert operator.post(path, SURE | {"text": "x", "days": "1"}, Origin="http://evil.test").status_code == 403
    assert states(hub) == {"rumah": "trusted"}
    assert asked(hub) == []


@pytest.mark.parametrize("path", PATHS)
def test_the_address_of_a_form_leads_back(operator: Visitor, path: str) -> None:
    reply = operator.get(path)
    assert (reply.status_code, reply.headers["location"]) == (303, "/exchange")


# Peers


def test_revoking_ends_what_can_be_ended(hub: Hub, operator: Visitor, open_swap: Record) -> None:
    careless = operator.post("/exchange/peers/rumah/revoke")
    assert (careless.status_code, "say that you are sure" in problem(careless)) == (400, True)
    assert states(hub) == {"rumah": "trusted"}
    assert operator.post("/exchange/peers/rumah/revoke", SURE).status_code == 303
    assert states(hub) == {"rumah": "revoked"}
    with hub.services.database.read() as tx:
        assert swaps.get(tx, open_swap.id).swap.state is State.CANCELLED
    html = operator.get("/exchange").text
    actions = [form["action"].rpartition("/")[2] for form in find(html, "form") if "/peers/" in form["action"]]
    assert actions == ["refresh", "remove"]


def test_removing(hub: Hub, operator: Visitor, open_swap: Record) -> None:
    early = operator.post("/exchange/peers/rumah/remove", SURE)
    assert early.status_code == 409
    assert "1 swap with 'rumah' is open" in problem(early)
    assert "revoke the peer" in problem(early)
    assert "tukar" not in problem(early)
    operator.post("/exchange/peers/rumah/revoke", SURE)
    assert operator.post("/exchange/peers/rumah/remove", SURE).status_code == 303
    assert states(hub) == {}
    gone = operator.post("/exchange/peers/rumah/remove", SURE)
    assert (gone.status_code, "the page Exchange lists them" in words(gone)) == (404, True)


def test_looking_for_a_new_key(hub: Hub, operator: Visitor, far: Served) -> None:
    same = operator.post("/exchange/peers/far/refresh")
    assert (same.status_code, "It still has the key that is known here." in words(same)) == (200, True)
    keys.rotate(far.hub.services, administrator(far.hub))
    new = operator.post("/exchange/peers/far/refresh")
    assert "It has a new key, and was followed to it." in words(new)
    assert far.fingerprint in words(new)


def test_a_peer_that_does_not_answer(operator: Visitor, hub: Hub) -> None:
    with hub.services.database.write() as tx:
        peers.add(tx, "rumah", "http://127.0.0.1:1", FAR.public, now=START)
    reply = operator.post("/exchange/peers/rumah/refresh")
    assert reply.status_code == 503
    assert "http://127.0.0.1:1" in problem(reply)
    assert operator.get("/exchange/peers/rumah").status_code == 503


# What a peer asks for


def test_a_request_of_a_peer_is_answered(hub: Hub, operator: Visitor, far: Served, publish: Publish) -> None:
    publish("admin/one", {"README.md": b"x"})
    assert "It asks for nothing now." in words(operator.get("/exchange/peers/far"))
    wish = Wish("A <b>small</b> model", licence="mit")
    made = request.make(far.hub.services, administrator(far.hub), wish, 86_400).request
    page = operator.get("/exchange/peers/far")
    assert "A <b>small</b> model" in words(page)
    assert made.id[:12] in words(page)
    [link] = find(page.text, "a", class_="button")
    form = operator.get(link["href"].partition("#")[0]).text
    assert find(form, "input", id="offer-request")[0]["value"] == made.id
    [chosen] = [option for option in find(form, "option") if "selected" in option.attributes]
    assert chosen["value"] == "far"
    typed = filled(operator, peer="far", give="admin/one", take="", into="", request=made.id[:8])
    assert operator.post("/exchange/offer", typed).status_code == 303  # type: ignore[arg-type]
    assert [each.offer.request for each in offers(hub)] == [made.id]
    unknown = operator.post("/exchange/offer", typed | {"request": "abcdef"})  # type: ignore[arg-type]
    assert (unknown.status_code, "no request 'abcdef'" in problem(unknown)) == (404, True)


@pytest.mark.parametrize("text", ['"><script>', "x" * 500, "%00"])
def test_what_comes_with_the_address_does_no_harm(operator: Visitor, rumah: None, text: str) -> None:
    reply = operator.get(f"/exchange?request={text}&peer={text}")
    assert reply.status_code == 200
    assert [script["src"].partition("?")[0] for script in find(reply.text, "script")] == ["/static/script.js"]


# What this hub asks for


WISH = {"text": "A small\r\nmodel", "task": "t", "licence": "mit", "base_model": "a/b", "days": "30"}
MEASURE = {"sha256": "AB" * 32, "metric": "recall@1", "at_least": "0.83"}


def test_asking(hub: Hub, operator: Visitor, visitor: Visitor) -> None:
    for _ in range(2):  # a second click asks for nothing more
        reply = operator.post("/exchange/requests", WISH | MEASURE)
        assert (reply.status_code, reply.headers["location"]) == (303, "/exchange#requests")
    [wish] = asked(hub)
    assert (wish.text, wish.task, wish.licence, wish.base_model) == ("A small\nmodel", "t", "mit", "a/b")
    assert wish.evaluation is not None
    assert wish.evaluation.sha256 == "ab" * 32
    assert "A small model" in words(visitor.get("/exchange"))
    assert find(visitor.get("/exchange").text, "textarea", id="ask-text") == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": ""}, "say in words"),
        ({"days": "0"}, "1 to 365 days"),
        ({"days": "soon"}, "a whole number, as in 7"),
        ({"metric": "recall@1"}, "go together"),
        (MEASURE | {"sha256": "no"}, "sha256"),
        (MEASURE | {"at_least": "much"}, "write it as 0.83"),
        ({"task": "x" * 201}, "task"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_said_and_stays(hub: Hub, operator: Visitor, fields: dict[str, str], told: str) -> None:
    form = {**dict.fromkeys(MEASURE, ""), **WISH, **fields}
    reply = operator.post("/exchange/requests", form)
    assert reply.status_code == 400
    assert told in problem(reply)
    kept = {
        field["name"]: field["value"] for field in find(reply.text, "input") if "ask-" in field.attributes.get("id", "")
    }
    assert kept == {name: value for name, value in form.items() if name != "text"}
    assert asked(hub) == []


def test_withdrawing(hub: Hub, operator: Visitor) -> None:
    operator.post("/exchange/requests", WISH)
    [entry] = request.listing(hub.services, administrator(hub))
    path = f"/exchange/requests/{entry.request.id}/withdraw"
    careless = operator.post(path)
    assert (careless.status_code, "say that you are sure" in problem(careless)) == (400, True)
    assert operator.post(path, SURE).status_code == 303
    assert asked(hub) == []
    assert operator.post("/exchange/requests/abcdef0123/withdraw", SURE).status_code == 404
