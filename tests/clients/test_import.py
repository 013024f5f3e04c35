"""`tukar import` through each generation of the library that it uses, from a hub with Xet."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .client import Client
from .environments import Environment
from .files import digests, model
from .hub import ADMIN_TOKEN, TUKAR, Hub
from .traffic import Traffic

# What the library says that it is, and the environment that has it: none for the one that Tukar is installed with.
LIBRARIES = (("hf_hub/2.", None), pytest.param("hf_hub/0.36", "0.36-xet", marks=pytest.mark.slow))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub that it comes to."""
    own = Hub(tmp_path_factory.mktemp("own") / "data")
    own.start()
    yield own
    own.stop()


@pytest.mark.parametrize(("agent", "library"), LIBRARIES)
def test_what_a_stock_client_pushed_is_imported(
    hub: Hub,
    own: Hub,
    newest: Client,
    environments: Callable[[str], Environment],
    repository: str,
    seed: int,
    tmp_path: Path,
    agent: str,
    library: str | None,
) -> None:
    folder = model(tmp_path / "model", seed)
    newest.api("create_repo", repo_id=repository, private=True)
    newest.api("upload_folder", repo_id=repository, folder_path=str(folder))
    (tmp_path / "token").write_text(hub.token("admin", "read"))
    settings = {"HF_ENDPOINT": own.url, "HF_TOKEN": ADMIN_TOKEN, "HOME": str(tmp_path), "PATH": os.defpath}
    if library is not None:  # in front of the one that is installed, whose other packages do for both
        settings["PYTHONPATH"] = str(next(environments(library).folder.glob("lib/python3*/site-packages")))
    with Traffic(hub.port) as traffic:
        options = ("--from", traffic.url, "--from-token-file", tmp_path / "token", "--json")
        command = [str(argument) for argument in (TUKAR, "import", repository, *options)]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)
        requests = list(traffic.requests)
    assert done.returncode == 0, done.stderr
    assert set(digests(folder)) == {file["path"] for file in json.loads(done.stdout)["files"]}
    assert any(agent in request.headers.get("user-agent", "") for request in requests)
    assert any("/reconstructions/" in request.target for request in requests)
    back = newest.through(own.url).forgetful(tmp_path / "back")
    assert digests(back.api("snapshot_download", repo_id=repository)) == digests(folder)
