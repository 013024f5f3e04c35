"""A stock client pushes a folder while the hub is killed: the same push again succeeds, and every byte comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from .client import StockClient
from .contents import content
from .process import Server
from .remote import Remote

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """That of the newest client's environment, which the tests of clients build."""
    folder = Path(request.config.getoption("--client-envs", default=None) or ROOT / ".venvs")
    found = folder / "client-2.4-xet" / "bin" / "python"
    if not found.exists():
        pytest.skip("the client's environment is not built: run tests/clients once")
    return found


@pytest.fixture
def server(scratch: Path) -> Iterator[Server]:
    made = Server(scratch / "data")
    made.start()
    yield made
    made.kill()


def make_folder(folder: Path, seed: int) -> dict[str, bytes]:
    """Files that all pushes share, and some that are new; what is in the folder."""
    random = Random(seed)
    shared = {"config.json": "text 3", "shared.bin": "noise 5", "a/model.safetensors": "model 1"}
    files = {path: content(name) for path, name in shared.items()}
    files["new.bin"] = random.randbytes(random.randrange(200_000, 3_000_000))
    files["sub/new.safetensors"] = content(f"model {seed + 40}")
    files["notes.txt"] = f"push {seed}\n".encode()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return files


def found(folder: Path) -> dict[str, bytes]:
    visible = (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in visible}


def push_and_kill(client: StockClient, server: Server, repository: str, folder: Path, random: Random) -> None:
    """Whether the push gets through or not, the hub is killed and started again."""
    with client.begin("upload_folder", repo_id=repository, folder_path=str(folder), commit_message="push"):
        seconds = 1.0 + random.random() * 2
        if random.random() < 0.6:
            server.arm(random.randrange(1, 250))
            seconds = 8.0  # it may not get that far
        timer = threading.Timer(seconds, server.process.kill)
        timer.start()
        server.process.wait()
        timer.cancel()
        server.start()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_push_is_tried_again(server: Server, python: Path, scratch: Path, seed: int) -> None:
    client, hub = StockClient(python, scratch / "home", server.url), Remote(server.url)
    files, repository = make_folder(scratch / "pushed", seed), f"admin/pushed-{seed}"
    hub.create(repository)
    push_and_kill(client, server, repository, scratch / "pushed", Random(seed))
    client.call("upload_folder", repo_id=repository, folder_path=str(scratch / "pushed"), commit_message="push")
    pull = {"repo_id": repository, "local_dir": str(scratch / "pulled")}
    client.call("snapshot_download", **pull)
    assert {path: found(scratch / "pulled").get(path) for path in files} == files
    assert hub.check() == []
    hub.collect(0, 0)
    assert hub.check() == []
    hub.close()
