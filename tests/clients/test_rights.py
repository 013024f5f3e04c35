"""Who sees and changes what, as the stock clients tell it."""

from pathlib import Path

import pytest

from .client import Client, ClientFailure
from .conftest import CORE
from .files import digests, model
from .hub import Hub

# What the hub allows does not depend on how bytes travel.
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("client", CORE, indirect=True)]

READS: list[tuple[str, dict[str, object]]] = [
    ("model_info", {}),
    ("list_repo_tree", {}),
    ("get_paths_info", {"paths": ["config.json"]}),
    ("list_repo_refs", {}),
    ("list_repo_commits", {}),
    ("hf_hub_download", {"filename": "config.json"}),
    ("hf_hub_download", {"filename": "model.safetensors"}),
    ("snapshot_download", {}),
    ("auth_check", {}),
]


@pytest.fixture(scope="module")
def users(hub: Hub) -> dict[str, str]:
    """Tokens: Ada's and Bob's, and one of Ada's that may only read."""
    return {"ada": hub.user("ada"), "bob": hub.user("bob"), "ada reads": hub.token("ada", "read")}


@pytest.fixture
def owned(client: Client, users: dict[str, str], repository: str, tmp_path: Path) -> tuple[Client, str, Path]:
    """Ada's client, her repository's name (not created), a model."""
    return client.with_token(users["ada"]), repository.replace("admin/", "ada/"), model(tmp_path / "model")


def refusals(client: Client, repository: str, calls: list[tuple[str, dict[str, object]]]) -> list[ClientFailure]:
    answers = client.calls(*[(method, arguments | {"repo_id": repository}) for method, arguments in calls])
    for (method, _), answer in zip(calls, answers, strict=True):
        assert isinstance(answer, ClientFailure), f"{method} gave {answer}"
    return [answer for answer in answers if isinstance(answer, ClientFailure)]


def test_a_private_repository_is_the_owners_alone(
    owned: tuple[Client, str, Path], users: dict[str, str], tmp_path: Path
) -> None:
    ada, repository, folder = owned
    ada.api("create_repo", repo_id=repository, private=True)
    ada.api("upload_folder", repo_id=repository, folder_path=str(folder))
    assert ada.api("model_info", repo_id=repository)["private"] is True
    reader = ada.with_token(users["ada reads"]).forgetful(tmp_path / "reader")
    assert digests(reader.api("snapshot_download", repo_id=repository)) == digests(folder)
    for other in (ada.with_token(users["bob"]), ada.with_token(None)):
        stranger = other.forgetful(tmp_path / "stranger")
        for failure in refusals(stranger, repository, READS):
            assert "RepositoryNotFoundError" in failure.classes


def test_a_public_repository_is_read_without_a_token(owned: tuple[Client, str, Path], tmp_path: Path) -> None:
    ada, repository, folder = owned
    ada.api("create_repo", repo_id=repository, private=False)
    ada.api("upload_folder", repo_id=repository, folder_path=str(folder))
    anyone = ada.with_token(None).forgetful(tmp_path / "anyone")
    answers = anyone.calls(*[(method, arguments | {"repo_id": repository}) for method, arguments in READS])
    assert not [answer for answer in answers if isinstance(answer, ClientFailure)]
    assert digests(answers[-2]) == digests(folder)


def test_nobody_else_changes_a_repository(
    owned: tuple[Client, str, Path], users: dict[str, str], tmp_path: Path
) -> None:
    ada, repository, folder = owned
    ada.api("create_repo", repo_id=repository, private=False)
    ada.api("upload_folder", repo_id=repository, folder_path=str(folder))
    weights = str(model(tmp_path / "another", seed=9) / "model.safetensors")
    writes: list[tuple[str, dict[str, object]]] = [
        ("upload_file", {"path_or_fileobj": weights, "path_in_repo": "w.safetensors"}),
        ("upload_folder", {"folder_path": str(folder)}),
        ("delete_file", {"path_in_repo": "config.json"}),
        ("delete_repo", {}),
        ("create_repo", {}),
    ]
    for token in ("bob", "ada reads", None):
        other = ada.with_token(users[token] if token else None).forgetful(tmp_path / f"home {token}")
        assert {failure.status for failure in refusals(other, repository, writes)} <= {401, 403, 404, 409}
    reader = ada.forgetful(tmp_path / "reader")
    assert digests(reader.api("snapshot_download", repo_id=repository)) == digests(folder)


def test_nobody_creates_in_anothers_name(owned: tuple[Client, str, Path], users: dict[str, str]) -> None:
    ada, repository, _ = owned
    failure = refusals(ada.with_token(users["bob"]), repository, [("create_repo", {})])[0]
    assert failure.status == 403
    assert isinstance(ada.calls(("model_info", {"repo_id": repository}))[0], ClientFailure)
