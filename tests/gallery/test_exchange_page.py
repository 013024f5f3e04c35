"""What everybody may know of a hub's dealings with others: who it is, and what it asks for."""

from __future__ import annotations

import pytest

from tukar.errors import Invalid
from tukar.exchange import identity as identities
from tukar.exchange.requests import Evaluation, Wish
from tukar.hub import Hub
from tukar.types import check_namespace
from tukar.usecases import keys, request

from .conftest import Publish, Visitor
from .markup import find
from .swapped import Published, administrator, published

DAY = 86_400


def ask(hub: Hub, text: str, *, seconds: int = 90 * DAY, **wish: object) -> str:
    return request.make(hub.services, administrator(hub), Wish(text, **wish), seconds).request.id  # type: ignore[arg-type]


def page(visitor: Visitor) -> str:
    reply = visitor.get("/exchange")
    assert reply.status_code == 200
    return reply.text


def codes(html: str) -> list[str]:
    return [code.text for code in find(html, "code")]


def test_who_the_hub_is(hub: Hub, visitor: Visitor) -> None:
    with hub.services.database.read() as tx:
        fingerprint = identities.current(tx).public.fingerprint.grouped
    html = page(visitor)
    assert fingerprint in codes(html)
    assert f"tukar peer add http://hub.test:8080 \\\n  --fingerprint {fingerprint}" in codes(html)
    assert find(html, "details", class_="earlier") == []
    keys.rotate(hub.services, administrator(hub))
    changed = page(visitor)
    earlier = find(changed, "details", class_="earlier")[0].text
    assert "1 earlier key" in earlier
    assert fingerprint in earlier
    assert f"--fingerprint {fingerprint}" not in changed


def test_what_it_asks_for(hub: Hub, visitor: Visitor) -> None:
    told = Evaluation("ab" * 32, "recall@1", "0.83")
    id_ = ask(hub, "A model\nfor\x1b health", task="t-task", licence="mit", base_model="a/b", evaluation=told)
    html = page(visitor)
    (wish,) = find(html, "p", class_="wish")
    assert wish.text == "A model for\\u001b health"
    assert {"t-task", "licence mit", "made from a/b"} <= {" ".join(li.text.split()) for li in find(html, "li")}
    assert "at least 0.83 recall@1" in " ".join(html_text(html).split())
    assert "ab" * 32 in codes(html)
    assert f"tukar swap offer PEER --give NAMESPACE/NAME \\\n  --request {id_[:12]}" in codes(html)


def html_text(html: str) -> str:
    return find(html, "main")[0].text


def test_requests_that_ended_are_not_there(hub: Hub, visitor: Visitor) -> None:
    gone = ask(hub, "gone")
    ask(hub, "soon over", seconds=1)  # every look at the clock is a minute later
    stays = ask(hub, "stays")
    request.withdraw(hub.services, administrator(hub), gone)
    assert [p.text for p in find(page(visitor), "p", class_="wish")] == ["stays"]
    request.withdraw(hub.services, administrator(hub), stays)
    html = page(visitor)
    assert find(html, "ul", class_="requests") == []
    assert "Nobody asks for a model here now" in html_text(html)


def test_what_is_not_for_everybody_is_not_there(hub: Hub, publish: Publish, visitor: Visitor) -> None:
    publish("ana/base", {"README.md": b"x"})
    record = published(hub, Published(("ana/base",), (), ()), peer="a-secret-friend")
    html = page(visitor)
    assert "a-secret-friend" not in html
    assert record.id[:12] not in html
    assert "ana/base" not in html
    assert {"tukar swap inbox", "tukar swap status", "tukar peer list"} <= set(codes(html))


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnp.exe"])
def test_words_from_elsewhere_do_no_harm(hub: Hub, visitor: Visitor, text: str) -> None:
    ask(hub, text, task=text, licence=text, base_model=text, evaluation=Evaluation("ab" * 32, text, "1"))
    html = page(visitor)
    assert [script["src"].partition("?")[0] for script in find(html, "script")] == ["/static/script.js"]
    assert "\u202e" not in html
    assert find(html, "img", src="x") == []


def test_long_words_are_cut(hub: Hub, visitor: Visitor) -> None:
    ask(hub, "x" * 4000, task="y" * 200)
    assert len(find(page(visitor), "p", class_="wish")[0].text) == 1001


def test_every_page_leads_there(visitor: Visitor) -> None:
    assert find(visitor.get("/").text, "a", href="/exchange") != []


@pytest.mark.parametrize("name", ["exchange", "Exchange"])
def test_nobody_owns_the_name(name: str) -> None:
    with pytest.raises(Invalid, match="reserved"):
        check_namespace(name)
