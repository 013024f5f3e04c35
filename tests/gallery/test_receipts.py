"""The receipts on a model's page: what it was swapped for, and with whom; and who may see that."""

from __future__ import annotations

import pytest

from tukar.catalog.values import Identity
from tukar.exchange import receipts as offline
from tukar.hub import Hub
from tukar.signing import Envelope
from tukar.types import RepoId
from tukar.usecases import repositories, swap

from .conftest import Publish, Visitor
from .markup import find
from .swapped import FAR, Published, administrator, published


def told(html: str) -> list[str]:
    titles = find(html, "span", class_="commit-title")
    return [" ".join(each.text.split()) for each in titles if "Receive" in each.text or "Hand" in each.text]


@pytest.mark.parametrize("offerer", [True, False])
def test_what_it_was_received_for_and_from_whom(hub: Hub, publish: Publish, visitor: Visitor, offerer: bool) -> None:
    publish("ana/base", {"README.md": b"x"})
    publish("ana/child", {"README.md": b"x"})
    swapped = Published(gave=("ana/base",), got=("far/child",), here=("ana/child",))
    record = published(hub, swapped, offerer=offerer)
    child = visitor.get("/ana/child").text
    assert told(child) == ["Received from rumah in exchange for ana/base"]
    assert [a.text for a in find(child, "a", href="/ana/base")] == ["ana/base"]
    assert FAR.public.fingerprint.grouped in {code.text for code in find(child, "code", class_="fingerprint")}
    (link,) = find(child, "a", download=f"{record.id[:12]}.receipt.json")
    assert f"tukar receipt verify {link['download']}" in {code.text for code in find(child, "code")}
    base = visitor.get("/ana/base").text
    assert told(base) == ["Handed over to rumah in exchange for far/child"]
    assert find(base, "a", href="#receipts") != []


def test_the_link_is_the_receipt(hub: Hub, publish: Publish, visitor: Visitor) -> None:
    publish("ana/base", {"README.md": b"x"})
    record = published(hub, Published(("ana/base",), (), ()))
    html = visitor.get("/ana/base").text
    assert told(html) == ["Handed over to rumah as a gift"]
    (link,) = find(html, "a", download=f"{record.id[:12]}.receipt.json")
    reply = visitor.get(link["href"])
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-disposition"] == f'attachment; filename="{record.id[:12]}.receipt.json"'
    assert offline.verify(Envelope.parse(reply.content)).swap == record.id
    assert visitor.get(link["href"][:-1]).status_code == 404
    assert visitor.get("/ana/none/receipts/x").status_code == 404
    assert visitor.get("/ana/base/receipts/%22%0d%0aX").status_code == 404


def test_a_model_without_receipts_has_no_such_part(publish: Publish, visitor: Visitor) -> None:
    publish("ana/base", {"README.md": b"x"})
    html = visitor.get("/ana/base").text
    assert find(html, "section", id="receipts") == []
    assert find(html, "a", href="#receipts") == []


@pytest.mark.parametrize("hidden", ["private", "deleted"])
def test_a_receipt_that_names_what_one_may_not_see_is_not_there(
    hub: Hub, publish: Publish, visitor: Visitor, hidden: str
) -> None:
    publish("ana/secret", {"README.md": b"x"}, private=hidden == "private")
    publish("ana/child", {"README.md": b"x"})
    record = published(hub, Published(("ana/secret",), ("far/child",), ("ana/child",)))
    if hidden == "deleted":
        repositories.delete(hub.services, administrator(hub), RepoId.parse("ana/secret"))
    reply = visitor.get("/ana/child")
    assert reply.status_code == 200
    assert "secret" not in reply.text
    assert record.id[:12] not in reply.text
    assert visitor.get(f"/ana/child/receipts/{record.id}").status_code == 404
    child = RepoId.parse("ana/child")
    assert [r.id for r in swap.receipts(hub.services, administrator(hub), child)] == [record.id]
    assert swap.receipts(hub.services, Identity(None, "read"), child) == []


def test_the_newest_comes_first_and_names_are_escaped(hub: Hub, publish: Publish, visitor: Visitor) -> None:
    publish("ana/base", {"README.md": b"x"})
    records = [published(hub, Published(("ana/base",), (), ()), number=number) for number in range(3)]
    html = visitor.get("/ana/base").text
    links = [a["download"] for a in find(html, "a") if "download" in a.attributes]
    assert links == [f"{record.id[:12]}.receipt.json" for record in reversed(records)]
    assert find(html, "a", href="#receipts")[0].text.split() == ["Receipts", "3"]
