"""The clients' own command line, `hf`, with nothing set but the endpoint and a token."""

import subprocess
from pathlib import Path

import pytest

from .client import Client
from .conftest import CORE
from .files import digests, sharded_model
from .hub import Hub

pytestmark = pytest.mark.slow
each_core_client = pytest.mark.parametrize("client", CORE, indirect=True)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@each_core_client
def test_upload_creates_and_download_brings_it_back(client: Client, repository: str, hub: Hub, tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "model")
    told = succeeded(client.hf("upload", repository, folder, "--commit-message", "From the command line"))
    assert f"{hub.url}/{repository}" in told
    succeeded(client.hf("download", repository, "--local-dir", tmp_path / "local"))
    assert digests(tmp_path / "local") == digests(folder)
    assert client.api("list_repo_commits", repo_id=repository)[0]["title"] == "From the command line"


@each_core_client
def test_one_file_and_a_choice_of_files(client: Client, repository: str, tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "model")
    succeeded(client.hf("upload", repository, folder / "config.json", "deep/config.json"))
    succeeded(client.hf("upload", repository, folder, ".", "--include", "*.onnx"))
    succeeded(client.hf("download", repository, "deep/config.json", "--local-dir", tmp_path / "one"))
    succeeded(client.hf("download", repository, "--include", "onnx/*", "--local-dir", tmp_path / "some"))
    assert digests(tmp_path / "one") == {"deep/config.json": digests(folder)["config.json"]}
    assert digests(tmp_path / "some") == {name: sha for name, sha in digests(folder).items() if name.endswith(".onnx")}


@each_core_client
def test_who_i_am(client: Client) -> None:
    assert "admin" in succeeded(client.hf("auth", "whoami"))


def test_repositories_are_created_and_deleted(newest: Client, repository: str) -> None:
    succeeded(newest.hf("repos", "create", repository, "--private"))
    assert newest.api("model_info", repo_id=repository)["private"] is True
    again = newest.hf("repos", "create", repository)
    assert again.returncode == 1
    succeeded(newest.hf("repos", "create", repository, "--exist-ok"))
    succeeded(newest.hf("repos", "delete", repository, "--yes"))
    assert newest.hf("repos", "delete", repository, "--yes").returncode == 1


def test_failures_end_with_a_status_and_a_sentence(newest: Client, repository: str) -> None:
    missing = newest.hf("download", repository)
    assert missing.returncode == 1
    assert f"'{repository}' not found" in missing.stderr
    newest.hf("repos", "create", repository)
    tag = newest.hf("repos", "tag", "create", repository, "v1")
    assert tag.returncode == 1
    assert "501" in tag.stderr
