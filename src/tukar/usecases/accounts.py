"""Accounts: the first administrator, users, tokens."""

from __future__ import annotations

import logging
from typing import Final

from tukar.catalog import repositories, rights, tokens, users
from tukar.catalog.values import ANONYMOUS, Identity, Role, User
from tukar.errors import Conflict, Refused, Unauthenticated
from tukar.exchange import swaps
from tukar.usecases.services import Services

ADMIN: Final = "admin"
_FIRST: Final = "first"

_log = logging.getLogger(__name__)


def prepare_admin(services: Services, given_token: str) -> str | None:
    """Make the administrator if there is none; returns their token if one was made up, which is never shown again.

    With ``given_token`` that is their token, now and at every start.
    """
    with services.database.write() as tx:
        now = services.clock()
        admin = users.find(tx, ADMIN)
        is_new = admin is None
        if admin is None:
            admin = users.create(tx, ADMIN, now=now, is_admin=True)
        if given_token:
            if len(given_token) < tokens.STRONG:
                _log.warning("the administrator's token has fewer than %d characters: use a longer one", tokens.STRONG)
            tokens.adopt(tx, admin, _FIRST, "write", given_token, now=now)
            return None
        return tokens.create(tx, admin, _FIRST, "write", now=now) if is_new else None


def authenticate(services: Services, token: str | None) -> Identity:
    """Who comes with this token; anonymous without one. Unauthenticated if it is nobody's."""
    if token is None:
        return ANONYMOUS
    with services.database.read() as tx:
        return tokens.authenticate(tx, token)


def require_user(identity: Identity) -> User:
    """The asker; Unauthenticated if they did not say who they are."""
    if identity.user is None:
        raise Unauthenticated("this needs a token", hint="set HF_TOKEN, or log in with `hf auth login`")
    return identity.user


def require_admin(identity: Identity) -> User:
    """The asker, an administrator with a token that may write; Refused for anyone else."""
    user = require_user(identity)
    if not rights.may_administer(identity):
        raise Refused("only an administrator may do this", hint="use an administrator's token with the role 'write'")
    return user


def add_user(services: Services, identity: Identity, name: str, *, is_admin: bool = False) -> User:
    """Add a user; Conflict if the name is taken."""
    require_admin(identity)
    with services.database.write() as tx:
        return users.create(tx, name, now=services.clock(), is_admin=is_admin)


def list_users(services: Services, identity: Identity) -> list[User]:
    """Everyone."""
    require_admin(identity)
    with services.database.read() as tx:
        return users.listing(tx)


def remove_user(services: Services, identity: Identity, name: str) -> None:
    """Forget a user; their tokens end, and nothing of theirs goes to the next of that name.

    Raises:
        NotFound: there is none.
        Conflict: they own repositories; they take part in a swap that is open, or one is to publish in their
            namespace; or they are the first administrator, who stays: so there always is one.
    """
    require_admin(identity)
    with services.database.write() as tx:
        user = users.get(tx, name)
        if user.name == ADMIN:
            raise Conflict(
                f"{ADMIN!r} cannot be removed: the hub always has this administrator",
                hint=f"revoke their tokens instead: `tukar token list {ADMIN}`",
            )
        waiting = swaps.depends_on(tx, user.id, user.name)
        if waiting:
            raise Conflict(
                f"{len(waiting)} {'swap' if len(waiting) == 1 else 'swaps'} of {user.name!r}, or into their namespace, "
                f"{'is' if len(waiting) == 1 else 'are'} open: {waiting[0][:12]}{'' if len(waiting) == 1 else ' …'}",
                hint="wait until it has ended, or cancel it: `tukar swap cancel`; "
                "until then, `tukar token revoke` keeps the user out",
            )
        owned = repositories.count_in(tx, user.name)
        if owned:
            raise Conflict(
                f"{user.name!r} owns {owned} {'repository' if owned == 1 else 'repositories'}",
                hint=f"delete them first: `tukar ls {user.name}/` lists them, `hf repos delete` deletes one; "
                "until then, `tukar token revoke` keeps the user out",
            )
        users.delete(tx, user)


def _holder(identity: Identity, name: str) -> None:
    if not (identity.is_called(name) and identity.role == "write"):
        require_admin(identity)


def add_token(services: Services, identity: Identity, user: str, name: str, role: Role) -> str:
    """Make a token for oneself or, as an administrator, for anyone; it is never shown again."""
    _holder(identity, user)
    with services.database.write() as tx:
        return tokens.create(tx, users.get(tx, user), name, role, now=services.clock())


def list_tokens(services: Services, identity: Identity, user: str) -> list[tokens.Token]:
    """The tokens of oneself or, for an administrator, of anyone; without the secret."""
    _holder(identity, user)
    with services.database.read() as tx:
        return tokens.listing(tx, users.get(tx, user))


def revoke_token(services: Services, identity: Identity, user: str, name: str) -> None:
    """Make a token worthless; NotFound if there is none of that name."""
    _holder(identity, user)
    with services.database.write() as tx:
        tokens.revoke(tx, users.get(tx, user), name)
