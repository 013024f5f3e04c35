"""The page of the storage: for who runs the hub alone; encoding anew is paused there, and goes on."""

from __future__ import annotations

import pytest

from tukar.hub import Hub
from tukar.jobs import queue
from tukar.jobs.values import Progress
from tukar.testing.relations import fresh, stored, tuned
from tukar.usecases import repacking

from .conftest import Publish, Visitor, app
from .markup import Element, find
from .swapped import administrator
from .test_login import AWAY, token_of
from .test_operating import words

BASE = fresh(3)


@pytest.fixture
def operator(hub: Hub) -> Visitor:
    visitor = Visitor(app(hub))
    visitor.log_in(token_of(hub, "admin"))
    return visitor


@pytest.fixture
def family(publish: Publish) -> None:
    publish("ana/base", {"model.safetensors": stored(BASE)})
    publish("ana/child", {"model.safetensors": stored(tuned(BASE, 4))})


def standing(hub: Hub) -> repacking.Standing:
    return repacking.standing(hub.services, administrator(hub))


def button(operator: Visitor) -> Element:
    [found] = find(operator.get("/storage").text, "button", name="paused")
    return found


@pytest.mark.parametrize(("name", "role", "status"), [("ana", "write", 403), ("admin", "read", 403), (None, "", 401)])
def test_it_is_for_administrators(hub: Hub, visitor: Visitor, family: None, name: str, role: str, status: int) -> None:
    if name:
        visitor.log_in(token_of(hub, name, role))  # type: ignore[arg-type]
    assert visitor.get("/storage").status_code == status
    assert visitor.post("/storage/repack", {"paused": "yes"}).status_code == status
    assert not standing(hub).paused
    assert find(visitor.get("/").text, "a", href="/storage") == []


def test_it_is_in_their_menu(operator: Visitor) -> None:
    assert find(operator.get("/").text, "a", href="/storage") != []


def test_an_empty_hub(operator: Visitor) -> None:
    told = words(operator.get("/storage"))
    assert "Everything has been looked at." in told
    assert "Nothing is stored yet." in told


def test_what_there_is_before_and_after(hub: Hub, operator: Visitor, family: None) -> None:
    told = words(operator.get("/storage"))
    assert "It begins by itself within some minutes." in told
    assert "0 B of 101 kB looked at · 2 files are left" in told
    repacking.run(hub.services, lambda _: None)
    reply = operator.get("/storage")
    assert "Everything has been looked at. 101 kB of 101 kB looked at Pause it" in words(reply)
    assert " not needed" in words(reply)
    assert "difference3" in [row.text[:11] for row in find(reply.text, "tr")]


def test_it_is_paused_and_goes_on(hub: Hub, operator: Visitor, family: None) -> None:
    pressed = button(operator)
    assert (pressed.text, pressed["value"]) == ("Pause it", "yes")
    reply = operator.post("/storage/repack", {"paused": "yes"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/storage")
    assert standing(hub).paused
    assert "It is paused." in words(operator.get("/storage"))
    assert repacking.run(hub.services, lambda _: None).files == 0
    pressed = button(operator)
    assert (pressed.text, pressed["value"]) == ("Go on with it", "no")
    operator.post("/storage/repack", {"paused": "no"})
    assert not standing(hub).paused
    assert "It is under way." in words(operator.get("/storage")), "the job is due at once"


def test_how_far_it_is_is_told_and_what_fails(hub: Hub, operator: Visitor, family: None) -> None:
    with hub.services.database.write() as tx:
        queue.submit(tx, repacking.JOB, now=0.0, max_attempts=1)
        job = queue.claim(tx, [repacking.JOB], "tests", 0.0, 60.0)
        assert job is not None
        queue.report(tx, job, Progress(10_000, 101_000, "1.0 MB saved so far"))
    told = words(operator.get("/storage"))
    assert "It is under way." in told
    assert "10.0 kB of 101 kB in this run · 1.0 MB saved so far" in told
    with hub.services.database.write() as tx:
        queue.fail(tx, job, "the disk is <gone>", 1.0)
    assert "It failed the last time: the disk is <gone>" in words(operator.get("/storage"))


@pytest.mark.parametrize("form", [{}, {"paused": "perhaps"}])
def test_another_form(hub: Hub, operator: Visitor, form: dict[str, str]) -> None:
    assert operator.post("/storage/repack", form).status_code == 400
    assert not standing(hub).paused


def test_a_form_from_elsewhere_does_nothing(hub: Hub, operator: Visitor) -> None:
    assert operator.post("/storage/repack", {"paused": "yes"}, **AWAY).status_code == 403
    assert not standing(hub).paused


def test_the_form_s_address_leads_back(operator: Visitor) -> None:
    reply = operator.get("/storage/repack")
    assert (reply.status_code, reply.headers["location"]) == (303, "/storage")
