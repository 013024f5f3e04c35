"""What moves, and that it arrives whole: unchanged, large, equal and oddly named files."""

from pathlib import Path

import pytest

from .client import Client
from .conftest import MakeClient
from .files import digest, digests, noise, safetensors, sharded_model, write
from .hub import Hub
from .traffic import Traffic

pytestmark = pytest.mark.slow

ODD_NAMES = [
    "a b/c  d.bin",
    "ünï/çødé-日本-🤗.bin",
    "100%.bin",
    "%41%2F.bin",
    "c+d=e&f.bin",
    "q?r#s.json",
    'it\'s "quoted".txt',
    "semi;colon,comma.json",
    "[brackets]{braces}(parens).json",
    "~tilde$dollar!bang@at.txt",
    ".hidden/.dot.bin",
    "..two/dots..bin",
    "very/" * 20 + "deep.bin",
]


@pytest.mark.parametrize(
    ("kind", "taken", "up", "down"),
    [
        ("2.4-xet", "Xet", ("POST", "/v1/xorbs/"), ("GET", "/reconstructions/")),
        ("2.4-lfs", "LFS", ("POST", "/info/lfs/objects/batch"), ("GET", "/resolve/")),
        ("0.36-lfs", "LFS", ("POST", "/info/lfs/objects/batch"), ("GET", "/resolve/")),
    ],
)
def test_each_client_takes_its_route(
    make_client: MakeClient,
    repository: str,
    hub: Hub,
    tmp_path: Path,
    seed: int,
    kind: str,
    taken: str,
    up: tuple[str, str],
    down: tuple[str, str],
) -> None:
    """Or the other tests would say nothing about Xet, or nothing about LFS."""
    local = write(tmp_path, {"w.bin": noise(seed, 300_000)}) / "w.bin"
    with Traffic(hub.port) as traffic:
        client = make_client(kind).through(traffic.url)
        client.api("create_repo", repo_id=repository)
        client.api("upload_file", path_or_fileobj=str(local), path_in_repo="w.bin", repo_id=repository)
        assert traffic.asked(*up), f"not pushed by {taken}"
        assert bool(traffic.asked("PUT")) is (taken == "LFS")
        traffic.forget()
        path = client.api("hf_hub_download", repo_id=repository, filename="w.bin")
        assert traffic.asked(*down), f"not pulled by {taken}"
    assert digest(Path(path)) == digest(local)


def test_what_the_hub_has_does_not_move_again(
    client: Client, created: str, hub: Hub, tmp_path: Path, seed: int
) -> None:
    folder = write(tmp_path / "model", {"a.bin": noise(seed, 3_000_000), "b/c.bin": noise(seed + 1, 3_000_000)})
    with Traffic(hub.port) as traffic:
        behind = client.through(traffic.url)
        behind.api("upload_folder", repo_id=created, folder_path=str(folder))
        assert traffic.sent() > 6_000_000
        traffic.forget()
        behind.api("upload_folder", repo_id=created, folder_path=str(folder))
        assert traffic.requests
        assert traffic.sent() < 100_000
        assert not traffic.asked("POST", "/xorbs/")
        assert not traffic.asked("PUT")


def test_a_file_of_several_xorbs(client: Client, created: str, tmp_path: Path) -> None:
    """150 MB that do not compress: at least three xorbs of at most 64 MiB, and two reconstruction ranges when asked."""
    large = tmp_path / "large.bin"
    with large.open("wb") as stream:
        for seed in range(15):
            stream.write(noise(seed, 10_000_000))
    client.api("upload_file", path_or_fileobj=str(large), path_in_repo="large.bin", repo_id=created)
    fresh = client.forgetful(tmp_path / "another machine")
    assert digest(Path(fresh.api("hf_hub_download", repo_id=created, filename="large.bin"))) == digest(large)


def test_equal_content_under_several_names(client: Client, created: str, tmp_path: Path) -> None:
    same, empty = noise(1, 400_000), b""
    files = {"a.bin": same, "b/b.bin": same, "a.txt": b"x", "b.txt": b"x", "e.bin": empty, "e.txt": empty}
    folder = write(tmp_path / "model", files)
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    assert digests(client.api("snapshot_download", repo_id=created)) == digests(folder)


def test_equal_content_in_another_repository(client: Client, created: str, tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "model")
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    client.api("create_repo", repo_id=f"{created}-2")
    client.api("upload_folder", repo_id=f"{created}-2", folder_path=str(folder))
    client.api("delete_repo", repo_id=created)
    fresh = client.forgetful(tmp_path / "another machine")
    assert digests(fresh.api("snapshot_download", repo_id=f"{created}-2")) == digests(folder)


def test_odd_file_names(client: Client, created: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {name: noise(n, 5000) for n, name in enumerate(ODD_NAMES)})
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    assert digests(client.api("snapshot_download", repo_id=created)) == digests(folder)
    one_by_one = client.calls(*[("hf_hub_download", {"repo_id": created, "filename": name}) for name in ODD_NAMES])
    assert [digest(Path(path)) for path in one_by_one] == [digest(folder / name) for name in ODD_NAMES]
    paths = client.api("get_paths_info", repo_id=created, paths=ODD_NAMES)
    assert {entry["path"] for entry in paths} == set(ODD_NAMES)
    listed = client.api("list_repo_tree", repo_id=created, path_in_repo="ünï")
    assert [entry["path"] for entry in listed] == ["ünï/çødé-日本-🤗.bin"]


def test_an_open_file_and_bytes_in_memory(client: Client, created: str, tmp_path: Path) -> None:
    local = write(tmp_path, {"w.bin": noise(1, 300_000)}) / "w.bin"
    client.run("upload_open_file", local=str(local), path_in_repo="w.bin", repo_id=created)
    client.run("upload_bytes", text="{}\n" * 9, path_in_repo="t.json", repo_id=created)
    files = client.api("snapshot_download", repo_id=created)
    assert digest(Path(files) / "w.bin") == digest(local)
    assert (Path(files) / "t.json").read_text() == "{}\n" * 9


def test_files_that_are_no_valid_weights(client: Client, created: str, tmp_path: Path) -> None:
    """A hub that reads tensors must keep what only looks like them."""
    whole = safetensors({"w": ("BF16", [4, 8], noise(1, 64))})
    files = {
        "cut.safetensors": whole[:-10],
        "longer.safetensors": whole + b"trailing",
        "huge-header.safetensors": b"\xff" * 8 + whole,
        "tiny.safetensors": b"\x01\x00",
        "text.safetensors": b"not tensors at all\n",
        "cut.gguf": b"GGUF\x03\x00\x00\x00" + b"\xff" * 24,
        "zeros.safetensors": bytes(100_000),
    }
    folder = write(tmp_path / "model", files)
    client.api("upload_folder", repo_id=created, folder_path=str(folder))
    assert digests(client.api("snapshot_download", repo_id=created)) == digests(folder)
