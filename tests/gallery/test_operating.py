"""What those who run a hub see and do on its pages: offers, swaps, peers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tukar.exchange import peers, swaps
from tukar.exchange.requests import Wish
from tukar.exchange.states import Cause, Role, State, Swap
from tukar.exchange.swaps import Moved, Record
from tukar.hub import Hub
from tukar.usecases import request, swap

from .conftest import START, Publish, Visitor, app
from .markup import find
from .served import Served, served
from .swapped import FAR, Published, administrator, offered, published
from .test_login import token_of


@pytest.fixture
def operator(hub: Hub) -> Visitor:
    visitor = Visitor(app(hub))
    visitor.log_in(token_of(hub, "admin"))
    return visitor


@pytest.fixture
def offer(hub: Hub, publish: Publish) -> Record:
    publish("admin/child", {"README.md": b"---\nlicense: mit\n---\n"})
    wanted = request.make(hub.services, administrator(hub), Wish("A small base"), 86_400).request.id
    return offered(hub, ("far/base",), ("admin/child",), note="With thanks.\nSoon?", wanted=wanted)


@pytest.fixture
def trusted(hub: Hub) -> None:
    with hub.services.database.write() as tx:
        peers.add(tx, "rumah", "http://far.test", FAR.public, now=START)


def words(reply: httpx.Response) -> str:
    return " ".join(find(reply.text, "main")[0].text.split())


def state(hub: Hub, record: Record) -> Record:
    return swap.get(hub.services, administrator(hub), record.id).record


def offers(hub: Hub) -> list[Record]:
    who = administrator(hub)
    return [swap.get(hub.services, who, line.summary.id).record for line in swap.listing(hub.services, who)]


def problem(reply: httpx.Response) -> str:
    return " ".join(find(reply.text, "div", role="alert")[0].text.split())


# Who sees what

GETS = ["", "/receipt"]
POSTS = ["/accept", "/refuse", "/cancel"]


@pytest.mark.parametrize("who", [None, "ana", "admin reads"])
def test_a_swap_is_for_administrators_whether_it_is_there_or_not(hub: Hub, offer: Record, who: str | None) -> None:
    visitor = Visitor(app(hub))
    if who:
        visitor.log_in(token_of(hub, who.split()[0], "read" if "reads" in who else "write"))
    status = 403 if who else 401
    absent = "0" * 64
    for form, ways in ((False, GETS), (True, POSTS)):
        for way in ways:
            send = visitor.post if form else visitor.get
            answers = [send(f"/exchange/{id_}{way}") for id_ in (offer.id, absent)]
            assert [answer.status_code for answer in answers] == [status, status]
            assert answers[0].text.replace(offer.id, absent) == answers[1].text
            assert "rumah" not in answers[0].text
    for path in ("/exchange/offer", "/exchange/peers"):
        assert visitor.post(path, {"url": "http://far.test"}).status_code == status
    page = visitor.get("/exchange").text
    assert "rumah" not in page
    assert offer.id[:12] not in page
    assert state(hub, offer).swap.state is State.OFFERED


def test_who_is_not_logged_in_is_led_to_log_in_and_back(visitor: Visitor, offer: Record) -> None:
    for reply in (visitor.get(f"/exchange/{offer.id}"), visitor.post(f"/exchange/{offer.id}/accept", Referer="")):
        assert reply.status_code == 401
    reply = visitor.get(f"/exchange/{offer.id}")
    [link] = find(reply.text, "a", class_="button")
    assert link["href"] == f"/login?next=%2Fexchange%2F{offer.id}"
    page = f"http://hub.test:8080/exchange/{offer.id}"
    [link] = find(visitor.post(f"/exchange/{offer.id}/accept", Referer=page).text, "a", class_="button")
    assert link["href"] == f"/login?next=%2Fexchange%2F{offer.id}"


def test_a_token_that_may_not_administer_is_told_so(hub: Hub, visitor: Visitor) -> None:
    visitor.log_in(token_of(hub, "admin", "read"))
    assert "a token that may not administer this hub" in words(visitor.get("/exchange"))


# The list


def test_what_waits_comes_first(hub: Hub, operator: Visitor, offer: Record, publish: Publish) -> None:
    publish("admin/old", {"README.md": b"x"})
    published(hub, Published(("admin/old",), ("far/old",), ("admin/old",)))
    html = operator.get("/exchange").text
    lines = find(html, "li", class_="swap-line")
    assert ["waits" in line["class"] for line in lines] == [True, False]
    assert "You give admin/child You get far/base With thanks. Soon?" in " ".join(lines[0].text.split())
    assert [link["href"] for link in find(html, "a") if link["href"] == f"/exchange/{offer.id}"] != []
    assert "rumah" in find(html, "ul", class_="peers")[0].text
    assert FAR.public.fingerprint.grouped in [code.text for code in find(html, "code", class_="fingerprint")]
    assert {option["value"] for option in find(html, "option") if "datalist" in option.inside} == {
        "admin/child",
        "admin/old",
    }


# Offering


def filled(visitor: Visitor, **fields: object) -> dict[str, object]:
    """The form, as it is on the page and then filled in."""
    html = visitor.get("/exchange").text
    nonce = find(html, "input", name="nonce")[0]["value"]
    return {"nonce": nonce, "peer": "rumah", "days": "7", "note": "", "request": "", **fields}


def test_an_offer(hub: Hub, operator: Visitor, trusted: None, publish: Publish) -> None:
    publish("admin/one", {"README.md": b"x"})
    publish("admin/two", {"README.md": b"x"})
    form = filled(
        operator,
        give=["admin/one@main", "", "admin/two"],
        take=["far/base@v1", "datasets/far/words", ""],
        into=["admin/their-base", "", ""],
        note="Hello\r\nthere",
        days="3",
        private="on",
    )
    reply = operator.post("/exchange/offer", form)  # type: ignore[arg-type]
    [made] = offers(hub)
    assert (reply.status_code, reply.headers["location"]) == (303, f"/exchange/{made.id}")
    assert [str(item.repository) for item in made.offer.give] == ["admin/one", "admin/two"]
    asked = [(each.repository.type, str(each.repository), each.revision) for each in made.offer.take]
    assert asked == [("model", "far/base", "v1"), ("dataset", "far/words", "main")]
    assert [(str(place.repo_id), place.private) for place in made.targets.values()] == [
        ("admin/their-base", True),
        ("admin/words", True),
    ]
    assert (made.offer.note, made.offer.expires_at - made.offer.made_at) == ("Hello\nthere", 3 * 86_400)


def test_a_form_that_is_sent_twice_makes_one_offer(
    hub: Hub, operator: Visitor, trusted: None, publish: Publish
) -> None:
    publish("admin/one", {"README.md": b"x"})
    form = filled(operator, give="admin/one")
    replies = [operator.post("/exchange/offer", form) for _ in range(2)]  # type: ignore[arg-type]
    assert replies[0].headers["location"] == replies[1].headers["location"]
    assert len(offers(hub)) == 1
    operator.post("/exchange/offer", filled(operator, give="admin/one"))  # type: ignore[arg-type]
    assert len(offers(hub)) == 2


def test_a_form_that_is_sent_again_with_something_else_offers_it_the_next_time(
    hub: Hub, operator: Visitor, trusted: None, publish: Publish
) -> None:
    publish("admin/one", {"README.md": b"x"})
    publish("admin/two", {"README.md": b"x"})
    form = filled(operator, give="admin/one")
    operator.post("/exchange/offer", form)  # type: ignore[arg-type]
    form["give"] = "admin/two"
    reply = operator.post("/exchange/offer", form)  # type: ignore[arg-type]
    assert reply.status_code == 409
    assert "send it once more" in problem(reply)
    assert find(reply.text, "input", name="give")[0]["value"] == "admin/two"
    form["nonce"] = find(reply.text, "input", name="nonce")[0]["value"]
    assert operator.post("/exchange/offer", form).status_code == 303  # type: ignore[arg-type]
    assert [[str(item.repository) for item in made.offer.give] for made in offers(hub)] == [
        ["admin/two"],
        ["admin/one"],
    ]


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"peer": ""}, 400, "choose the hub"),
        ({"peer": "nobody"}, 404, "nobody"),
        ({"give": "admin/absent"}, 404, "admin/absent"),
        ({"give": "not a name"}, 400, "not a name"),
        ({"give": "admin/one@"}, 400, "no revision after the @"),
        ({"give": "admin/one@nowhere"}, 404, "nowhere"),
        ({"give": ["admin/one", "admin/one"]}, 400, "twice"),
        ({"give": "", "take": ""}, 400, "neither gives nor asks"),
        ({"take": "", "into": "admin/x"}, 400, "not asked for"),
        ({"take": "far/base", "into": "admin/one"}, 409, "admin/one exists here"),
        ({"days": "0"}, 400, "1 to 365 days"),
        ({"days": "366"}, 400, "1 to 365 days"),
        ({"days": "x"}, 400, "1 to 365 days"),
        ({"days": "-1"}, 400, "1 to 365 days"),
        ({"request": "12"}, 400, "request"),
        ({"nonce": "x"}, 400, "nonce"),
        ({"note": "x" * 4001}, 400, "4000"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_offer_is_said_and_what_was_typed_stays(
    hub: Hub,
    operator: Visitor,
    trusted: None,
    publish: Publish,
    fields: dict[str, object],
    status: int,
    told: str,
) -> None:
    publish("admin/one", {"README.md": b"x"})
    form = filled(operator, **({"give": "admin/one", "take": "far/x", "into": "", "note": 'A "word"'} | fields))
    reply = operator.post("/exchange/offer", form)  # type: ignore[arg-type]
    assert reply.status_code == status
    assert told in problem(reply)
    assert "--" not in problem(reply)
    kept = {
        field["name"]: field.attributes.get("value")
        for field in find(reply.text, "input")
        if "name" in field.attributes and not field.attributes.get("id", "").startswith("ask-")  # another form
    }
    for name in ("take", "into", "days", "nonce", "request"):
        assert kept[name] == form[name]
    assert find(reply.text, "textarea", name="note")[0].text == form["note"]
    assert offers(hub) == []


def test_another_row_keeps_what_was_typed_and_offers_nothing(
    hub: Hub, operator: Visitor, trusted: None, publish: Publish
) -> None:
    form = filled(operator, give=["a/b", ""], take=["far/x"], into=["admin/y"], more="give", note="stays")
    html = operator.post("/exchange/offer", form).text  # type: ignore[arg-type]
    assert [field["value"] for field in find(html, "input", name="give")] == ["a/b", "", ""]
    assert "autofocus" in find(html, "input", name="give")[-1].attributes
    assert [field["value"] for field in find(html, "input", name="into")] == ["admin/y"]
    assert find(html, "textarea", name="note")[0].text == "stays"
    html = operator.post("/exchange/offer", form | {"more": "take"}).text  # type: ignore[arg-type]
    assert [field["value"] for field in find(html, "input", name="take")] == ["far/x", ""]
    many = operator.post("/exchange/offer", form | {"give": [""] * 300}).text  # type: ignore[arg-type]
    assert len(find(many, "input", name="give")) == 101
    assert offers(hub) == []


def test_without_a_peer_there_is_nobody_to_offer_to(operator: Visitor) -> None:
    html = operator.get("/exchange").text
    assert find(html, "input", name="nonce") == []
    assert "An offer is made to a peer" in html


# Peers


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("far") / "hub") as far:
        yield far


def known(hub: Hub) -> list[tuple[str, str]]:
    with hub.services.database.read() as tx:
        return [(peer.name, peer.fingerprint.grouped) for peer in peers.listing(tx)]


def test_a_peer_is_compared_before_it_is_trusted(hub: Hub, operator: Visitor, far: Served) -> None:
    looked = operator.post("/exchange/peers", {"url": far.url, "name": "", "fingerprint": ""})
    assert looked.status_code == 200
    assert known(hub) == []
    form = {
        field["name"]: field.attributes.get("value") or ""
        for field in find(looked.text, "input")
        if "name" in field.attributes
    }
    sent = {name: form[name] for name in ("url", "name", "fingerprint", "shown")}
    assert sent["fingerprint"] == far.fingerprint
    careless = operator.post("/exchange/peers", sent)
    assert careless.status_code == 400
    assert "compare the fingerprint first" in problem(careless)
    assert far.fingerprint in careless.text
    assert known(hub) == []
    for _ in range(2):  # a second click changes nothing
        added = operator.post("/exchange/peers", sent | {"compared": "on", "name": "rumah"})
        assert (added.status_code, added.headers["location"]) == (303, "/exchange#peers")
        assert known(hub) == [("rumah", far.fingerprint)]


def test_who_was_told_the_fingerprint_need_not_look(hub: Hub, operator: Visitor, far: Served) -> None:
    wrong = FAR.public.fingerprint.grouped
    reply = operator.post("/exchange/peers", {"url": far.url, "name": "x", "fingerprint": wrong})
    assert reply.status_code == 403
    assert f"has the key {far.fingerprint}, not {wrong}" in problem(reply)
    assert find(reply.text, "input", name="fingerprint")[0]["value"] == wrong
    assert operator.post("/exchange/peers", {"url": far.url, "fingerprint": far.fingerprint.upper()}).status_code == 303
    assert [fingerprint for _, fingerprint in known(hub)] == [far.fingerprint]
    other = operator.post("/exchange/peers", {"url": far.url, "fingerprint": far.fingerprint, "name": "other"})
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("url", "status"), [("", 400), ("ftp://x", 400), ("javascript:alert(1)", 400), ("http://127.0.0.1:1", 503)]
)
def test_what_is_wrong_with_an_address(hub: Hub, operator: Visitor, url: str, status: int) -> None:
    reply = operator.post("/exchange/peers", {"url": url, "name": "typed", "fingerprint": ""})
    assert reply.status_code == status
    assert problem(reply)
    assert find(reply.text, "input", name="url")[0]["value"] == url
    assert find(reply.text, "input", name="name")[0]["value"] == "typed"
    assert known(hub) == []


# One swap


def test_an_offer_that_waits(operator: Visitor, offer: Record) -> None:
    page = operator.get(f"/exchange/{offer.id}")
    text = words(page)
    for part in (
        "Swap with rumah",
        "The other hub made this offer; you can accept or refuse it until its time runs out.",
        "admin/child",
        "Licence mit",
        "far/base",
        offer.offer.give[0].commit[:12],
        "With thanks. Soon?",
        "It answers a request of yours A small base",
        "Stands until 2026-01-08 00:00 UTC",
        FAR.public.fingerprint.grouped,
        offer.id,
    ):
        assert part in text
    assert find(page.text, "input", name="into")[0]["value"] == "admin/base"
    forms = [form["action"].rpartition("/")[2] for form in find(page.text, "form") if "main" in form.inside]
    assert forms == ["accept", "refuse"]
    assert find(page.text, "section", id="state")[0].attributes.get("data-live") is None


def test_a_place_that_is_free_is_suggested(operator: Visitor, offer: Record, publish: Publish) -> None:
    publish("admin/base", {"README.md": b"x"})
    html = operator.get(f"/exchange/{offer.id}").text
    assert find(html, "input", name="into")[0]["value"] == "admin/base-rumah"


def test_accepting(hub: Hub, operator: Visitor, offer: Record) -> None:
    form = {"into": "admin/mine", "private": "on"}
    for _ in range(2):  # a second click changes nothing
        reply = operator.post(f"/exchange/{offer.id[:12]}/accept", form)
        assert (reply.status_code, reply.headers["location"]) == (303, f"/exchange/{offer.id}")
    found = state(hub, offer)
    assert found.swap.state is State.ACCEPTED
    assert [(str(place.repo_id), place.private) for place in found.targets.values()] == [("admin/mine", True)]
    page = operator.get(f"/exchange/{offer.id}")
    assert "You accepted; what you were offered is on its way here" in words(page)
    assert "far/base as admin/mine private" in words(page)
    assert find(page.text, "section", id="state")[0]["data-live"] == f"/exchange/{offer.id}"
    assert [form["action"].rpartition("/")[2] for form in find(page.text, "form") if "main" in form.inside] == [
        "cancel"
    ]


def test_a_place_that_is_taken(hub: Hub, operator: Visitor, offer: Record) -> None:
    reply = operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/child", "private": "on"})
    assert reply.status_code == 409
    assert "admin/child exists here" in problem(reply)
    assert find(reply.text, "input", name="into")[0]["value"] == "admin/child"
    assert "checked" in find(reply.text, "input", name="private")[0].attributes
    assert state(hub, offer).swap.state is State.OFFERED


@pytest.mark.parametrize("into", ["nonsense", "a/b/c", "../x", "x" * 300, "login/x"])
def test_a_place_that_is_none(hub: Hub, operator: Visitor, offer: Record, into: str) -> None:
    reply = operator.post(f"/exchange/{offer.id}/accept", {"into": into})
    assert reply.status_code in (400, 403)
    assert find(reply.text, "input", name="into")[0]["value"] == into
    assert state(hub, offer).swap.state is State.OFFERED


def test_refusing(hub: Hub, operator: Visitor, offer: Record) -> None:
    for _ in range(2):
        reply = operator.post(f"/exchange/{offer.id}/refuse", {"reason": "The licence <b>does</b> not allow it."})
        assert reply.status_code == 303
    text = words(operator.get(f"/exchange/{offer.id}"))
    assert "You refused the offer: nothing was handed over" in text
    assert "The licence <b>does</b> not allow it." in text
    late = operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/base"})
    assert late.status_code == 409
    assert problem(late)


def test_cancelling(hub: Hub, operator: Visitor, offer: Record) -> None:
    operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/base"})
    for _ in range(2):
        assert operator.post(f"/exchange/{offer.id}/cancel", {"reason": "No"}).status_code == 303
    assert state(hub, offer).swap.state is State.CANCELLED
    page = operator.get(f"/exchange/{offer.id}")
    assert "You cancelled the swap" in words(page)
    assert [form for form in find(page.text, "form") if "main" in form.inside] == []


def test_what_cannot_be_done_keeps_what_was_typed(hub: Hub, operator: Visitor, trusted: None, publish: Publish) -> None:
    publish("admin/one", {"README.md": b"x"})
    operator.post("/exchange/offer", filled(operator, give="admin/one"))  # type: ignore[arg-type]
    [mine] = offers(hub)
    reply = operator.post(f"/exchange/{mine.id}/refuse", {"reason": "typed"})
    assert reply.status_code == 409
    assert problem(reply)
    accepted = operator.post(f"/exchange/{mine.id}/accept", {})
    assert (accepted.status_code, "this hub made that offer itself" in problem(accepted)) == (409, True)


@pytest.mark.parametrize("reason", ["x" * 4001, "a\x1b[2J", "\u202egnp.exe"])
@pytest.mark.parametrize("act", ["refuse", "cancel"])
def test_a_reason_that_the_other_hub_would_not_take(
    hub: Hub, operator: Visitor, offer: Record, act: str, reason: str
) -> None:
    if act == "cancel":
        operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/base"})
    reply = operator.post(f"/exchange/{offer.id}/{act}", {"reason": reason})
    assert reply.status_code == 400
    assert problem(reply)
    assert find(reply.text, "input", id=f"{act}-reason")[0]["value"] == reason
    assert "open" in find(reply.text, "details", class_="end")[0].attributes
    assert state(hub, offer).is_open


@pytest.mark.parametrize("ending", [Cause.EXPIRED, Cause.PEER])
def test_an_offer_that_nobody_accepted_in_time(hub: Hub, operator: Visitor, offer: Record, ending: Cause) -> None:
    ended = Swap(Role.ACCEPTOR, State.CANCELLED, settled=True, ending=ending)
    with hub.services.database.write() as tx:
        swaps.save(tx, offer.with_(swap=ended, changed_at=offer.offer.expires_at + 1.0))
    for path in ("/exchange", f"/exchange/{offer.id}"):
        page = operator.get(path)
        assert "The offer expired before it was accepted: nothing was handed over" in words(page)
        assert [span.text for span in find(page.text, "span", class_="state-expired")] == ["expired"]
        assert find(page.text, "span", class_="state-cancelled") == []
    with hub.services.database.write() as tx:
        swaps.save(tx, offer.with_(swap=ended, changed_at=offer.offer.expires_at - 1.0))
    assert ("expired" in words(operator.get("/exchange"))) is (ending is Cause.EXPIRED)


def test_how_far_it_is(hub: Hub, operator: Visitor, offer: Record) -> None:
    operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/base"})
    with hub.services.database.write() as tx:
        found = swaps.get(tx, offer.id)
        swaps.save(tx, found.with_(moved=Moved(2_000, 1_000, 8_000), error="the other hub is <away>"))
    text = words(operator.get(f"/exchange/{offer.id}"))
    assert re.search(r"2.00.kB came over the wire 1.00.kB did not have to of 8.00.kB", text)
    assert "It does not go on now: the other hub is <away>" in text


def test_a_swap_that_is_done_has_a_receipt(hub: Hub, operator: Visitor, visitor: Visitor, publish: Publish) -> None:
    publish("admin/child", {"README.md": b"x"})
    publish("admin/base", {"README.md": b"x"})
    done = published(hub, Published(("admin/child",), ("far/base",), ("admin/base",)))
    page = operator.get(f"/exchange/{done.id}")
    [link] = find(page.text, "a", class_="button")
    assert link["download"] == f"{done.id[:12]}.receipt.json"
    reply = operator.get(link["href"])
    assert done.receipt is not None
    assert reply.content == done.receipt.encode()
    assert reply.headers["content-disposition"] == f'attachment; filename="{done.id[:12]}.receipt.json"'
    assert visitor.get(link["href"]).status_code == 401
    assert "You gave" in words(page)


@pytest.mark.parametrize("id_", ["0" * 64, "abc", "%00", "%FF", "..%2Fx", "nothing"])
def test_a_swap_that_is_not_there(operator: Visitor, id_: str) -> None:
    for reply in (operator.get(f"/exchange/{id_}"), operator.post(f"/exchange/{id_}/accept")):
        assert reply.status_code == 404


def test_there_is_no_receipt_before_the_end(operator: Visitor, offer: Record) -> None:
    assert operator.get(f"/exchange/{offer.id}/receipt").status_code == 404


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/exchange/offer", "/exchange"),
        ("/exchange/peers", "/exchange"),
        ("/exchange/abcdef/accept", "/exchange/abcdef"),
    ],
)
def test_the_address_of_a_form_leads_back_to_its_page(operator: Visitor, path: str, to: str) -> None:
    reply = operator.get(path)
    assert (reply.status_code, reply.headers["location"]) == (303, to)


HARMFUL = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u200fgnp.exe"]


@pytest.mark.parametrize("text", HARMFUL)
def test_words_from_the_other_hub_do_no_harm(hub: Hub, operator: Visitor, text: str) -> None:
    offer = offered(hub, ("far/base",), ("admin/absent",), note=text)
    for path in ("/exchange", f"/exchange/{offer.id}"):
        html = operator.get(path).text
        assert [script["src"].partition("?")[0] for script in find(html, "script")] == ["/static/script.js"]
        assert find(html, "img", src="x") == []
        assert "\u200f" not in html


def test_what_is_asked_for_and_not_here_is_said(hub: Hub, operator: Visitor) -> None:
    offer = offered(hub, ("far/base",), ("admin/absent",))
    assert "not here: it cannot be handed over" in words(operator.get(f"/exchange/{offer.id}"))
    reply = operator.post(f"/exchange/{offer.id}/accept", {"into": "admin/base"})
    assert reply.status_code == 404
    assert "admin/absent" in problem(reply)


def test_what_is_private_here_is_offered_only_with_a_tick(
    hub: Hub, operator: Visitor, trusted: None, publish: Publish
) -> None:
    publish("admin/secret", {"README.md": b"mine"}, private=True)
    typed = {"nonce": "a" * 32, "peer": "rumah", "give": "admin/secret", "days": "7"}
    refused = operator.post("/exchange/offer", typed)
    assert refused.status_code == 403
    assert "private here: admin/secret" in problem(refused)
    assert "tick that below" in problem(refused)
    assert offers(hub) == []
    assert operator.post("/exchange/offer", typed | {"give_private": "on"}).status_code == 303
    (made,) = offers(hub)
    assert "private here" in words(operator.get(f"/exchange/{made.id}"))


def test_what_is_private_here_is_accepted_only_with_a_tick(hub: Hub, operator: Visitor, publish: Publish) -> None:
    publish("admin/secret", {"README.md": b"mine"}, private=True)
    record = offered(hub, ("far/base",), ("admin/secret",))
    page = operator.get(f"/exchange/{record.id}")
    assert find(page.text, "input", name="give_private")
    refused = operator.post(f"/exchange/{record.id}/accept", {"into": "admin/base"})
    assert (refused.status_code, state(hub, record).swap.state) == (403, State.OFFERED)
    assert (
        operator.post(f"/exchange/{record.id}/accept", {"into": "admin/base", "give_private": "on"}).status_code == 303
    )
    assert state(hub, record).swap.state is State.ACCEPTED


def test_an_offer_that_was_not_delivered_says_so(operator: Visitor, hub: Hub, trusted: None, publish: Publish) -> None:
    publish("admin/base", {"README.md": b"ours"})
    made = operator.post("/exchange/offer", {"nonce": "b" * 32, "peer": "rumah", "give": "admin/base", "days": "7"})
    assert "has not been reached yet" in words(operator.get(made.headers["location"]))
