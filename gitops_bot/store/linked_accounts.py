"""Tokens that people gave the bot, encrypted with a key that does not lie in the database."""

import base64
import hashlib
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken

from gitops_bot.errors import StoreError
from gitops_bot.models.records import LinkedAccount
from gitops_bot.store.store import Store

# Bits of a key that nobody guesses: what is in the file is long enough, whatever it is made of.
_SHORTEST_KEY = 32


class LinkedAccounts:
    """Links of journeys/store_ports.py."""

    def __init__(self, store: Store, read_key: Callable[[], str]) -> None:
        """``read_key`` gives the text of the key's file, read anew each time."""
        self._store = store
        self._read_key = read_key

    async def of(self, slack_user: str) -> LinkedAccount | None:
        """The account that a person linked; None when there is none. StoreError: it cannot be decrypted."""
        sealed = (await self._store.keepsake(_name(slack_user))).get("sealed")
        if not sealed:
            return None
        try:
            # Owner and account are inside, so that one row cannot be passed off as another's, nor as another account.
            owner, login, user_id, token = self._cipher().decrypt(str(sealed).encode()).decode().split("\n", 3)
        except InvalidToken as error:
            raise StoreError(
                "A linked account cannot be decrypted: github.oauth_key_file holds another key than when it was "
                "linked. Put the old key back, or let people type /link again."
            ) from error
        if owner != slack_user:
            raise StoreError("A linked account belongs to somebody else than its row says: somebody changed it.")
        return LinkedAccount(login, int(user_id), token)

    async def save(self, slack_user: str, account: LinkedAccount) -> None:
        """Keep an account, in place of an earlier one."""
        said = f"{slack_user}\n{account.login}\n{account.user_id}\n{account.token}"
        await self._store.keep(_name(slack_user), {"sealed": self._cipher().encrypt(said.encode()).decode()})

    async def forget(self, slack_user: str) -> bool:
        """Delete it; whether there was one."""
        known = bool(await self._store.keepsake(_name(slack_user)))
        await self._store.drop(_name(slack_user))
        return known

    def _cipher(self) -> Fernet:
        key = self._read_key()
        if len(key) < _SHORTEST_KEY:
            raise StoreError(
                f"github.oauth_key_file: the key is shorter than {_SHORTEST_KEY} characters. "
                "Make one: openssl rand -hex 32"
            )
        return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))


def _name(slack_user: str) -> str:
    return f"linked account of {slack_user}"
