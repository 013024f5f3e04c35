"""What the hub does not do yet is refused with 501 and a message that the client shows."""

import re
from pathlib import Path
from typing import Any

import pytest

from .client import Client, ClientFailure
from .conftest import CORE
from .files import model

# What the hub allows does not depend on how bytes travel.
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("client", CORE, indirect=True)]

NOT_YET: list[tuple[str, dict[str, Any]]] = [
    ("create_branch", {"branch": "b"}),
    ("delete_branch", {"branch": "b"}),
    ("create_tag", {"tag": "v1"}),
    ("delete_tag", {"tag": "v1"}),
    ("create_pull_request", {"title": "t"}),
    ("create_discussion", {"title": "t"}),
    ("get_repo_discussions", {}),
    ("update_repo_settings", {"private": True}),
    ("update_repo_settings", {"gated": "auto"}),
    ("super_squash_history", {}),
]


def assert_refused(answer: Any, what: str) -> None:
    assert isinstance(answer, ClientFailure), f"{what} gave {answer}"
    assert answer.status == 501, f"{what} raised {answer}"
    told = answer.message.partition("\n\n")[2] or answer.message.partition("\n")[2]
    assert re.search(r"\b(no|not)\b", told), f"{what} does not say what is missing: {answer.message}"


def test_what_is_missing_says_so(client: Client, created: str) -> None:
    answers = client.calls(*[(method, arguments | {"repo_id": created}) for method, arguments in NOT_YET])
    for (method, _), answer in zip(NOT_YET, answers, strict=True):
        assert_refused(answer, method)


def test_a_move_says_so(client: Client, created: str) -> None:
    assert_refused(client.calls(("move_repo", {"from_id": created, "to_id": f"{created}-2"}))[0], "move_repo")


def test_a_list_with_a_filter_says_so(client: Client, created: str) -> None:
    assert_refused(client.calls(("list_models", {"filter": "text-classification"}))[0], "list_models")


def test_a_pull_request_or_a_copy_in_a_commit_says_so(client: Client, created: str, tmp_path: Path) -> None:
    client.api("upload_folder", repo_id=created, folder_path=str(model(tmp_path / "model")))
    for options in (
        {"create_pr": True, "delete": ["config.json"]},
        {"copy": {"model.safetensors": "copy.safetensors"}},
    ):
        with pytest.raises(ClientFailure) as failure:
            client.run("commit", repo_id=created, message="m", **options)
        assert_refused(failure.value, str(options))
