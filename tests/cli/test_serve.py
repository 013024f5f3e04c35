"""Starting and stopping a hub."""

import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tukar.cli.access_log import redacted

from .files import noise, write
from .hub import ADMIN_TOKEN, TUKAR, Commands, HubProcess


def _serve(*arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
    command = [str(TUKAR), "serve", *map(str, arguments)]
    return subprocess.run(command, env=kept | settings, capture_output=True, text=True, timeout=60, check=False)


def test_a_taken_port_is_told_before_the_data_folder_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _serve("--data", tmp_path / "data", "--port", port)
    assert done.returncode == 1
    assert f"tukar: port {port} of 127.0.0.1 is taken\nhint: choose another with --port" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    done = _serve("--data", tmp_path / "data", "--host", host, "--port", 0)
    assert done.returncode == 1
    assert f"cannot listen on port 0 of {host}" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_data_folder_in_use(hub: HubProcess) -> None:
    done = _serve("--data", hub.data, "--port", 0)
    assert done.returncode == 1
    assert "another process has the data folder" in done.stderr


def test_a_setting_that_makes_no_sense(tmp_path: Path) -> None:
    done = _serve("--data", tmp_path / "data", "--port", 0, TUKAR_LOG_LEVEL="loud")
    assert done.returncode == 1
    assert "loud" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_first_start_tells_the_token_and_no_other_does(tmp_path: Path, tukar: Commands) -> None:
    hub = HubProcess(tmp_path / "data", settings={}).start()
    assert hub.greeting.keys() == {"url", "network_url", "data", "admin_token"}
    assert hub.greeting["data"] == str(tmp_path / "data")
    administrator = tukar.at(hub.url).as_(hub.greeting["admin_token"])
    assert [user["name"] for user in administrator.json("user", "list")] == ["admin"]
    assert hub.stop(signal.SIGINT) == 0
    assert hub.start().greeting["admin_token"] is None
    hub.stop()
    assert "tukar_" not in hub.log.read_text()


def test_a_given_token_is_not_told(hub: HubProcess, tukar: Commands) -> None:
    assert hub.greeting["admin_token"] is None
    assert tukar.as_(ADMIN_TOKEN)("stats").code == 0


def _told(count: int, *arguments: object) -> list[str]:
    """The first lines that a hub prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUKAR_"))}
    command = [str(TUKAR), "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(count)]
    process.terminate()
    process.communicate()
    assert process.returncode == 0
    return lines


def test_what_people_are_told(tmp_path: Path) -> None:
    lines = _told(4, "--data", tmp_path / "data")
    assert lines[0].startswith("Tukar serves http://127.0.0.1:")
    assert lines[1] == f"Data folder: {tmp_path / 'data'}"
    assert "only this once" in lines[2]
    assert lines[3].startswith("tukar_")


def test_a_hub_for_other_machines_says_how_they_reach_it(tmp_path: Path) -> None:
    lines = _told(3, "--data", tmp_path / "data", "--host", "0.0.0.0")
    assert lines[0].startswith("Tukar serves http://127.0.0.1:")
    told, _, address = lines[1].rpartition(": ")
    assert told == "It listens on all interfaces; from other machines"
    host, _, port = address.removeprefix("http://").rpartition(":")
    assert host not in ("", "0.0.0.0")
    assert port == lines[0].rpartition(":")[2]
    with socket.create_server((host, 0)):  # it is this machine's
        pass
    assert lines[2] == f"Data folder: {tmp_path / 'data'}"


def test_a_hub_for_this_machine_alone_names_no_other_address(hub: HubProcess) -> None:
    assert hub.greeting["network_url"] is None


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_it_stops_with_requests_under_way(tmp_path: Path, tukar: Commands, number: signal.Signals) -> None:
    hub = HubProcess(tmp_path / "data").start()
    tukar.at(hub.url).json("push", write(tmp_path / "m", {"w.bin": noise(80, 32 << 20)}), "admin/m")
    address = ("127.0.0.1", int(hub.url.rpartition(":")[2]))
    with (
        socket.create_connection(address),
        socket.create_connection(address) as down,
        socket.create_connection(address) as up,
    ):
        down.sendall(b"GET /admin/m/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert down.recv(100).startswith(b"HTTP/1.1 200")
        head = f"POST /api/models/admin/m/commit/main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        up.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\nbeginning")
        assert hub.stop(number) == 0
    log = hub.log.read_text()
    assert "given up" not in log
    assert "Traceback" not in log, log
    hub.start()
    assert tukar.at(hub.url).json("check")["fault_count"] == 0
    hub.stop()


def test_it_takes_as_many_files_as_the_system_lets_it(hub: HubProcess) -> None:
    soft, hard = resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def send_lfs(url: str, data: bytes) -> None:
    """Upload to an address that the hub signs."""
    asked = {"operation": "upload", "objects": [{"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}]}
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
    batch = urllib.request.Request(
        f"{url}/admin/m.git/info/lfs/objects/batch", json.dumps(asked).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(batch) as reply:
        address = json.load(reply)["objects"][0]["actions"]["upload"]["href"]
    with urllib.request.urlopen(urllib.request.Request(address, data, method="PUT")) as reply:
        assert reply.status == 200


def test_requests_are_logged_at_level_debug_without_what_is_signed(tmp_path: Path, tukar: Commands) -> None:
    hub = HubProcess(tmp_path / "data", settings={"TUKAR_ADMIN_TOKEN": ADMIN_TOKEN, "TUKAR_LOG_LEVEL": "debug"}).start()
    tukar.at(hub.url).json("push", write(tmp_path / "m", {"w.bin": noise(81, 100)}), "admin/m")
    send_lfs(hub.url, noise(82, 100))
    with urllib.request.urlopen(f"{hub.url}/api/models?search=secret") as reply:
        json.load(reply)
    hub.stop()
    lines = [line for line in hub.log.read_text().splitlines() if "tukar.access" in line]
    assert any("PUT /lfs/upload/*** 200" in line for line in lines)
    assert any("GET /api/models 200" in line for line in lines)
    assert "secret" not in hub.log.read_text()
    assert ADMIN_TOKEN not in hub.log.read_text()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (b"/ready", "/ready"),
        (b"/xet/xorbs/abc.def", "/xet/xorbs/***"),
        (b"/lfs/parts/abc.def/3", "/lfs/parts/***/3"),
        (b"/lfs/upload/abc?x=1", "/lfs/upload/***"),
        (b"/a/b/resolve/main/%0a?token=1", "/a/b/resolve/main/%0a"),
        (b"/\xff\n", "/\\xff\ufffd"),
    ],
)
def test_paths_as_they_are_logged(path: bytes, told: str) -> None:
    assert redacted(path) == told
