"""What an object store's errors become, and which addresses are taken."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import obstore.store
import pytest

from tukar.errors import Invalid, NotFound, Unavailable
from tukar.storage.base import Stat
from tukar.storage.remote import ObjectStoreStorage
from tukar.testing.storage import get, give_up, noise, put

KEYS = {"region": "nowhere", "access_key_id": "a", "secret_access_key": "b"}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/some/prefix", {"region": "eu-central-1"}),
        ("gs://bucket/some/prefix", {}),
        ("az://container/some/prefix", {"account_name": "account"}),
    ],
)
def test_addresses_of_object_stores_are_taken(url: str, options: dict[str, str]) -> None:
    assert isinstance(ObjectStoreStorage.from_url(url, **options), ObjectStoreStorage)


@pytest.mark.parametrize("url", ["file:///tmp", "memory:///", "ftp://host/x", "bucket", "", "s3://", "s3:///prefix"])
def test_other_addresses_are_invalid(url: str) -> None:
    with pytest.raises(Invalid):
        ObjectStoreStorage.from_url(url)


def test_an_unknown_option_is_invalid() -> None:
    with pytest.raises(Invalid, match="colour"):
        ObjectStoreStorage.from_url("s3://bucket", colour="blue")


@pytest.fixture
def unreachable() -> Iterator[ObjectStoreStorage]:
    """A store at a port of this machine at which nobody answers."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield ObjectStoreStorage.from_url(
            "s3://bucket",
            endpoint=f"http://127.0.0.1:{reserved.getsockname()[1]}",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
            **KEYS,
        )


def test_a_store_out_of_reach_is_unavailable(unreachable: ObjectStoreStorage) -> None:
    calls = [
        lambda: unreachable.stat("a"),
        lambda: unreachable.read("a", 0, 10),
        lambda: unreachable.read("a", 0, 0),
        lambda: list(unreachable.list()),
        lambda: unreachable.delete("a"),
        lambda: put(unreachable, "a", b"bytes"),
        lambda: put(unreachable, "a", noise(20 << 20)),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert "\n" not in caught.value.message


def test_the_key_is_the_path_of_the_object() -> None:
    memory = obstore.store.MemoryStore()
    storage = ObjectStoreStorage(memory)
    put(storage, "packs/ab/c", b"bytes")
    assert list(storage.list("packs/ab")) == [Stat("packs/ab/c", 5)]
    assert bytes(memory.get("packs/ab/c").bytes()) == b"bytes"


def test_an_upload_of_several_parts_that_breaks_off_is_no_object() -> None:
    memory = obstore.store.MemoryStore()
    storage = ObjectStoreStorage(memory)
    give_up(storage, "a", noise(40 << 20))
    with pytest.raises(NotFound):
        storage.stat("a")
    put(storage, "a", noise(20 << 20))
    assert get(storage, "a") == noise(20 << 20)


def test_the_hub_starts_without_obstore() -> None:
    script = """
import sys
sys.modules["obstore"] = None
from tukar.errors import Unsupported
from tukar.storage.remote import ObjectStoreStorage
try:
    ObjectStoreStorage.from_url("s3://bucket")
except Unsupported as error:
    assert "tukar[s3]" in error.hint
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
