"""What a model's page tells of how its files are stored, and of whose tensors they are differences to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tukar.catalog.values import ANONYMOUS
from tukar.hub import Hub
from tukar.server.admin import encodings_value
from tukar.testing.relations import fresh, stored, tuned
from tukar.types import RepoId
from tukar.usecases import encodings, repacking, repositories, stats

from .conftest import Publish, Visitor, app, open_empty, publisher
from .markup import find
from .swapped import administrator
from .test_login import token_of
from .test_model_page import rows

BASE = fresh(3)
HIDDEN = "a model that is deleted, or that you may not read"


def fill(hub: Hub) -> None:
    """A private base, and a public child of it."""
    publish = publisher(hub)
    publish("ana/secret-base", {"weights/base.safetensors": stored(BASE)}, private=True)
    publish("ben/child", {"model.safetensors": stored(tuned(BASE, 4))})
    repacking.run(hub.services, lambda _: None)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that no test changes."""
    with open_empty(tmp_path_factory.mktemp("family")) as hub:
        fill(hub)
        yield hub


@pytest.fixture
def own(hub: Hub) -> Hub:
    """Another one, to be changed."""
    fill(hub)
    return hub


def named(hub: Hub, name: str) -> Visitor:
    visitor = Visitor(app(hub))
    visitor.log_in(token_of(hub, name, "write" if name == "admin" else "read"))
    return visitor


def summary(html: str) -> str:
    return " ".join(find(html, "small", class_="kin")[0].text.split())


@pytest.mark.parametrize("name", ["ana", "admin"])
def test_who_may_read_the_parent_is_led_to_it(family: Hub, name: str) -> None:
    html = named(family, name).get("/ben/child").text
    assert summary(html).startswith("3 tensors as differences to ana/secret-base weights/base.safetensors: ")
    links = [link for link in find(html, "a") if link["href"] == "/ana/secret-base#files"]
    assert len(links) == 4, "of the file, and of each tensor"
    assert [row[5] for row in rows(html, "tensors")].count("difference to ana/secret-base") == 3


def test_others_never_see_the_parent_s_name(family: Hub) -> None:
    for html in (Visitor(app(family)).get("/ben/child").text, named(family, "ben").get("/ben/child").text):
        assert "secret" not in html
        assert "weights/base" not in html
        assert f"3 tensors as differences to {HIDDEN}: " in summary(html)
        assert [row[5] for row in rows(html, "tensors")].count("difference") == 3


def test_nor_does_a_program(family: Hub) -> None:
    def told(who: object) -> str:
        found = stats.repository_sizes(family.services, who, RepoId.parse("ben/child"), "main")  # type: ignore[arg-type]
        return str(encodings_value(family.services, who, found))  # type: ignore[arg-type]

    assert "secret" not in told(ANONYMOUS)
    assert "weights/base" not in told(ANONYMOUS)
    parent = "{'type': 'model', 'repository': 'ana/secret-base', 'path': 'weights/base.safetensors', 'tensor': 'embed'}"
    assert parent in told(administrator(family))


def test_a_public_copy_is_named_in_place_of_the_private_original(own: Hub, publish: Publish, visitor: Visitor) -> None:
    publish("zoe/copy", {"model.safetensors": stored(BASE)})
    assert summary(visitor.get("/ben/child").text).startswith("3 tensors as differences to zoe/copy: ")


def test_a_deleted_parent_has_no_name(own: Hub) -> None:
    repositories.delete(own.services, administrator(own), RepoId.parse("ana/secret-base"))
    html = named(own, "admin").get("/ben/child").text
    assert "secret" not in html
    assert HIDDEN in summary(html)


def test_what_came_as_it_is_needs_no_words(publish: Publish, visitor: Visitor) -> None:
    publish("ben/child", {"model.safetensors": stored(BASE), "config.json": b"{}"})
    html = visitor.get("/ben/child").text
    assert find(html, "small", class_="kin") == []
    assert {row[5] for row in rows(html, "tensors")} <= {"as it is", "compressed"}


def test_a_parent_whose_file_is_in_the_history_alone(own: Hub, publish: Publish) -> None:
    publish("ana/secret-base", {"weights/base.safetensors": stored(fresh(8))})
    assert "differences to ana/secret-base: " in summary(named(own, "ana").get("/ben/child").text)


def test_the_sums_are_those_of_the_file(family: Hub) -> None:
    found = stats.repository_sizes(family.services, administrator(family), RepoId.parse("ben/child"), "main")
    [(entry, size)] = found.files
    assert entry.sha256 is not None
    [told] = encodings.summaries(family.services, administrator(family), [entry.sha256]).values()
    assert sum(share.stored for share in told.shares) == size.stored
    assert sum(share.raw for share in told.shares) == size.raw
    assert [kin.count for kin in told.kin] == [3]


def test_a_content_under_two_names_counts_once(hub: Hub, publish: Publish) -> None:
    content = stored(BASE)
    publish("ben/twice", {"a.safetensors": content, "b.safetensors": content})
    found = stats.repository_sizes(hub.services, ANONYMOUS, RepoId.parse("ben/twice"), "main")
    told = encodings_value(hub.services, ANONYMOUS, found)
    assert told["raw_bytes"] == len(content)
    assert told["stored_bytes"] == told["files"][0]["stored_bytes"] == told["files"][1]["stored_bytes"] > 0
