"""The client remembers what a hub once accepted and does not send it again; a hub that lost it must not let it starve.

hf_xet keeps every accepted shard for weeks, and every xorb of a session that did not finish, in folders named after the
CAS URL. Each test here makes the hub forget something that a client still counts on, then pushes with the same caches:
the push succeeds at the first try, and a machine that has never met the hub pulls it byte for byte.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .client import Client, ClientFailure
from .conftest import KINDS
from .environments import Environment
from .files import digests, noise, sharded_model, write
from .hub import ADMIN_TOKEN, Hub
from .traffic import Traffic

pytestmark = pytest.mark.slow

# hf_xet notes uploaded xorbs every 20 s or 64 xorbs; noting each at once is the case that is hardest for the hub.
EAGER = {"HF_XET_DATA_SESSION_XORB_METADATA_FLUSH_MAX_COUNT": "1"}


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub of the test's own, which it may stop, damage and replace."""
    hub = Hub(tmp_path / "hub" / "data")
    hub.data.parent.mkdir()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(params=["2.4-xet", "2.4-xet eager", "0.36-lfs", "0.36-xet"])
def pusher(
    request: pytest.FixtureRequest, own_hub: Hub, environments: Callable[[str], Environment], tmp_path: Path
) -> Client:
    """A client whose home stays the same through the test."""
    kind, _, eager = request.param.partition(" ")
    name, settings = KINDS[kind]
    settings = settings | (EAGER if eager else {})
    return Client(environments(name), tmp_path / "pusher", own_hub.url, ADMIN_TOKEN, settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sharded model, and a file that fills a xorb of its own."""
    return write(sharded_model(tmp_path / "model", rows=2000), {"large.bin": noise(77, 9_000_000)})


def push(client: Client, repository: str, folder: Path) -> None:
    client.api("create_repo", repo_id=repository, exist_ok=True)
    client.api("upload_folder", repo_id=repository, folder_path=str(folder))


def assert_pulls(client: Client, repository: str, folder: Path, home: Path) -> None:
    snapshot = client.forgetful(home).api("snapshot_download", repo_id=repository)
    assert digests(snapshot) == digests(folder)


@pytest.mark.parametrize("target", ["admin/first", "admin/second"])
def test_after_deletion_and_garbage_collection(
    pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path, target: str
) -> None:
    push(pusher, "admin/first", folder)
    pusher.api("delete_repo", repo_id="admin/first")
    own_hub.collect_garbage()
    push(pusher, target, folder)
    assert_pulls(pusher, target, folder, tmp_path / "reader")


def test_after_some_files_went(pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path) -> None:
    """Part of what the client's shard names is still there, part is not."""
    push(pusher, "admin/kept", write(tmp_path / "part", {"large.bin": noise(77, 9_000_000)}))
    push(pusher, "admin/gone", folder)
    pusher.api("delete_repo", repo_id="admin/gone")
    own_hub.collect_garbage()
    push(pusher, "admin/again", folder)
    assert_pulls(pusher, "admin/again", folder, tmp_path / "reader")


@pytest.mark.parametrize("collected", [False, True])
def test_after_a_refused_commit(pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path, collected: bool) -> None:
    """The bytes were accepted, the commit was not: the client counts on bytes that nothing refers to."""
    pusher.api("create_repo", repo_id="admin/model")
    add = {name: str(folder / name) for name in digests(folder)}
    with pytest.raises(ClientFailure) as failure:
        pusher.run("commit", repo_id="admin/model", message="m", add=add, parent_commit="0" * 40)
    assert failure.value.status == 412
    if collected:
        own_hub.collect_garbage()
    push(pusher, "admin/model", folder)
    assert_pulls(pusher, "admin/model", folder, tmp_path / "reader")


def test_after_an_interrupted_push(
    own_hub: Hub, environments: Callable[[str], Environment], folder: Path, tmp_path: Path
) -> None:
    """The xorbs arrived and the client noted it, the shard did not: the next session counts them as sent."""
    settings = EAGER | {"HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms", "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1"}
    with Traffic(own_hub.port) as traffic:
        pusher = Client(environments("2.4-xet"), tmp_path / "pusher", traffic.url, ADMIN_TOKEN, settings)
        traffic.cut(lambda request: request.target.endswith("/shards"), after=0, times=1000)
        with pytest.raises(ClientFailure):
            push(pusher, "admin/model", folder)
        assert traffic.asked("POST", "/xorbs/")
        traffic.heal()
        own_hub.collect_garbage()
        push(pusher, "admin/model", folder)
        assert_pulls(pusher, "admin/model", folder, tmp_path / "reader")


def test_after_a_restored_backup(pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path) -> None:
    before = sharded_model(tmp_path / "before", seed=500)
    push(pusher, "admin/before", before)
    own_hub.back_up(tmp_path / "backup")
    push(pusher, "admin/after", folder)
    own_hub.restore(tmp_path / "backup")
    push(pusher, "admin/after", folder)
    assert_pulls(pusher, "admin/after", folder, tmp_path / "reader")
    assert_pulls(pusher, "admin/before", before, tmp_path / "reader")


def test_after_a_restart(pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path) -> None:
    push(pusher, "admin/model", folder)
    own_hub.stop()
    own_hub.start()
    write(folder, {"more.bin": noise(78, 500_000)})
    push(pusher, "admin/model", folder)
    assert_pulls(pusher, "admin/model", folder, tmp_path / "reader")


def test_with_another_data_folder_at_the_same_address(
    pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path
) -> None:
    push(pusher, "admin/model", folder)
    own_hub.replace_data(tmp_path / "hub" / "fresh")
    push(pusher, "admin/model", folder)
    assert_pulls(pusher, "admin/model", folder, tmp_path / "reader")


def test_after_a_check_found_damage(pusher: Client, own_hub: Hub, folder: Path, tmp_path: Path) -> None:
    """The hub has the file, and cannot read it: it has to be sent again, although the client knows that it was."""
    push(pusher, "admin/model", folder)
    for pack in (own_hub.data / "objects" / "packs").rglob("*/*"):
        flip(pack, pack.stat().st_size // 3)
    assert own_hub.check()["fault_count"] > 0
    push(pusher, "admin/model", folder)
    assert_pulls(pusher, "admin/model", folder, tmp_path / "reader")
    own_hub.collect_garbage()
    assert own_hub.check()["fault_count"] == 0


def flip(path: Path, byte: int) -> None:
    """One bit of a file the other way."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(byte)
        before = file.read(1)[0]
        file.seek(byte)
        file.write(bytes([before ^ 1]))
