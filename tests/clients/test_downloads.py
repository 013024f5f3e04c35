"""Pulls: the client's cache, pinned commits, broken connections, and headers of weight files."""

import zlib
from pathlib import Path

import pytest

from .client import Client, ClientFailure
from .conftest import MakeClient
from .files import digest, digests, model, noise, sharded_model, weights, write
from .hub import Hub
from .traffic import Request, Traffic

pytestmark = pytest.mark.slow

# Both clients write pieces of 10 MiB, so that is what they have of an answer cut after 12 MB.
CUT = 12_000_000
WRITTEN = 10 * 1024 * 1024


def is_content(request: Request) -> bool:
    """Whether the answer carries a file's bytes, by the plain route or through Xet."""
    return request.method == "GET" and ("/resolve/" in request.target or "range" in request.headers)


def test_what_is_cached_is_not_fetched_again(client: Client, created: str, hub: Hub, tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "model")
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    with Traffic(hub.port) as traffic:
        reader = client.forgetful(tmp_path / "reader").through(traffic.url)
        first = reader.api("snapshot_download", repo_id=created)
        assert any(map(is_content, traffic.requests))
        traffic.forget()
        second = reader.api("snapshot_download", repo_id=created)
        assert traffic.requests
        assert not any(map(is_content, traffic.requests))
    assert first == second
    assert digests(second) == digests(folder)


def test_only_what_changed_is_fetched(client: Client, created: str, hub: Hub, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"a.bin": noise(1, 50_000), "b.bin": noise(2, 50_000)})
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    with Traffic(hub.port) as traffic:
        reader = client.forgetful(tmp_path / "reader").through(traffic.url)
        reader.api("snapshot_download", repo_id=created)
        fetches = len(list(filter(is_content, traffic.requests)))
        write(folder, {"b.bin": noise(3, 50_000)})
        client.api("upload_folder", repo_id=created, folder_path=str(folder))
        traffic.forget()
        assert digests(reader.api("snapshot_download", repo_id=created)) == digests(folder)
        assert 0 < len(list(filter(is_content, traffic.requests))) < fetches


def test_the_newest_client_verifies_what_it_has(newest: Client, repository: str, tmp_path: Path) -> None:
    """`hf cache verify`: git blob ids of small files and sha256 of large ones, against the tree."""
    newest.api("create_repo", repo_id=repository)
    newest.api("upload_folder", repo_id=repository, folder_path=str(sharded_model(tmp_path / "model")))
    local = newest.api("snapshot_download", repo_id=repository, local_dir=str(tmp_path / "local"))
    verdict = newest.api("verify_repo_checksums", repo_id=repository, local_dir=local)
    assert verdict["checked_count"] == 10
    assert not verdict["mismatches"]
    assert not verdict["missing_paths"]
    write(tmp_path / "local", {"config.json": b"changed"})
    verdict = newest.api("verify_repo_checksums", repo_id=repository, local_dir=local)
    assert [each["path"] for each in verdict["mismatches"]] == ["config.json"]


def test_a_broken_download_goes_on_where_it_stopped(
    make_client: MakeClient, hub: Hub, repository: str, tmp_path: Path
) -> None:
    """The newest client goes on within the call."""
    client = make_client("2.4-lfs")
    local = pushed_weights(client, repository, tmp_path)
    with Traffic(hub.port) as traffic:
        traffic.cut(is_content, after=CUT)
        path = client.through(traffic.url).api("hf_hub_download", repo_id=repository, filename="w.bin")
        assert digest(Path(path)) == digest(local)
        assert starts(traffic) == [0, WRITTEN]


def test_a_later_run_goes_on_where_a_broken_one_stopped(
    make_client: MakeClient, hub: Hub, repository: str, tmp_path: Path
) -> None:
    """0.36 keeps the part it has and asks for the rest when it is called again."""
    client = make_client("0.36-lfs")
    local = pushed_weights(client, repository, tmp_path)
    with Traffic(hub.port) as traffic:
        traffic.cut(is_content, after=CUT)
        download = ("hf_hub_download", {"repo_id": repository, "filename": "w.bin"})
        broken = client.through(traffic.url).calls(download)[0]
        assert isinstance(broken, ClientFailure)
        path = client.through(traffic.url).calls(download)[0]
        assert digest(Path(path)) == digest(local)
        assert starts(traffic) == [0, WRITTEN]


def test_a_broken_xet_download_is_whole_in_the_end(newest: Client, hub: Hub, repository: str, tmp_path: Path) -> None:
    local = pushed_weights(newest, repository, tmp_path)
    with Traffic(hub.port) as traffic:
        traffic.cut(is_content, after=CUT)
        reader = newest.forgetful(tmp_path / "reader").through(traffic.url)
        path = reader.api("hf_hub_download", repo_id=repository, filename="w.bin")
        assert len(list(filter(is_content, traffic.requests))) > 1
    assert digest(Path(path)) == digest(local)


def pushed_weights(client: Client, repository: str, tmp_path: Path) -> Path:
    local = write(tmp_path, {"w.bin": noise(zlib.crc32(repository.encode()), 24_000_000)}) / "w.bin"
    client.api("create_repo", repo_id=repository)
    client.api("upload_file", path_or_fileobj=str(local), path_in_repo="w.bin", repo_id=repository)
    return local


def starts(traffic: Traffic) -> list[int]:
    """Where each fetch of content began."""
    ranges = [request.headers.get("range", "bytes=0-") for request in filter(is_content, traffic.requests)]
    return [int(each.removeprefix("bytes=").split("-")[0]) for each in ranges]


@pytest.mark.parametrize("make", [model, sharded_model])
def test_the_header_of_weights_is_read_alone(client: Client, created: str, tmp_path: Path, make: object) -> None:
    assert callable(make)
    client.api("upload_folder", repo_id=created, folder_path=str(make(tmp_path / "model")))
    metadata = client.api("get_safetensors_metadata", repo_id=created)
    seeds = (1,) if make is model else (2, 3)
    expected = {name: (dtype, shape) for seed in seeds for name, (dtype, shape, _) in weights(seed).items()}
    told = {
        name: (tensor["dtype"], tensor["shape"])
        for file in metadata["files_metadata"].values()
        for name, tensor in file["tensors"].items()
    }
    assert told == expected
    assert metadata["weight_map"].keys() == expected.keys()
    assert metadata["sharded"] is (make is sharded_model)
