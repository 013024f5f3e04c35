"""Xet as its client can be set: older protocol versions, high performance, several ranges in one request."""

from dataclasses import replace
from pathlib import Path

import pytest

from .client import Client
from .files import digests, noise, write

pytestmark = pytest.mark.slow

SETTINGS = {
    "as installed": {},
    "version 1": {"HF_XET_CLIENT_SHARD_API_VERSION": "1", "HF_XET_CLIENT_RECONSTRUCTION_API_VERSION": "1"},
    "version 2": {"HF_XET_CLIENT_SHARD_API_VERSION": "2", "HF_XET_CLIENT_RECONSTRUCTION_API_VERSION": "2"},
    "high performance": {"HF_XET_HIGH_PERFORMANCE": "1"},
    "several ranges at once": {"HF_XET_CLIENT_ENABLE_MULTIRANGE_FETCHING": "1"},
    "no direct grants": {"HF_XET_CLIENT_LEGACY_DIRECT_XORB_UPLOAD": "1"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_files_that_share_pieces_come_back(
    newest: Client, repository: str, tmp_path: Path, seed: int, settings: dict[str, str]
) -> None:
    """The second file is made of far-apart pieces of the first, so one xorb serves it in several ranges."""
    client = replace(newest, settings=settings)
    first = noise(seed, 3_000_000)
    second = first[2_400_000:] + noise(seed + 1, 700_000) + first[:600_000] + first[1_200_000:1_800_000]
    client.api("create_repo", repo_id=repository)
    for number, content in enumerate((first, second)):
        part = write(tmp_path / str(number), {f"{number}.bin": content})
        client.api("upload_folder", repo_id=repository, folder_path=str(part))
        write(tmp_path / "all", {f"{number}.bin": content})
    reader = client.forgetful(tmp_path / "reader")
    assert digests(reader.api("snapshot_download", repo_id=repository)) == digests(tmp_path / "all")


def test_a_file_of_one_byte_and_files_around_a_chunk(
    newest: Client, repository: str, tmp_path: Path, seed: int
) -> None:
    """Xet cuts chunks of 8 KiB to 128 KiB."""
    sizes = [1, 7, 8191, 8192, 8193, 65536, 131071, 131072, 131073]
    folder = write(tmp_path / "model", {f"{size}.bin": noise(seed, size) for size in sizes})
    write(folder, {f"zeros-{size}.bin": bytes(size) for size in (1, 131073, 1_000_000)})
    newest.api("create_repo", repo_id=repository)
    newest.api("upload_folder", repo_id=repository, folder_path=str(folder))
    reader = newest.forgetful(tmp_path / "reader")
    assert digests(reader.api("snapshot_download", repo_id=repository)) == digests(folder)
