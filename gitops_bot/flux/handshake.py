"""How the bot and a runner in another Pod convince each other, by a secret that both know and neither sends.

The runner's certificate needs no authority: each side proves the secret *for this certificate*, so that
somebody in the middle, who can only offer another one, convinces neither (the idea is that of SCRAM's
channel binding, RFC 5802, with tls-server-end-point of RFC 5929). TLS then keeps trees and tokens private.

1. ``GET /v1/challenge``: the runner gives a number used once, and says which certificate it has.
2. The bot connects to exactly that certificate and sends its own number and its proof with ``GET /v1/session``.
3. The runner's first message is its proof, with what it says of itself. Only then the bot says anything else.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

CHALLENGE_PATH = "/v1/challenge"
SESSION_PATH = "/v1/session"
SCHEME = "GitopsBot"
NUMBER_BYTES = 32
# Characters of the shortest secret: it must not be found by trying.
SHORTEST_SECRET = 32


@dataclass(frozen=True)
class Meeting:
    """What both sides know: a number of each, and the SHA-256 of the runner's certificate."""

    of_runner: str
    of_bot: str
    certificate: str

    def proof_of_bot(self, secret: str) -> str:
        """Give what only a bot that knows the secret can say here."""
        return self._proof("bot", secret)

    def proof_of_runner(self, secret: str) -> str:
        """Give what only a runner that knows the secret can say here."""
        return self._proof("runner", secret)

    def _proof(self, who: str, secret: str) -> str:
        said = f"gitops-bot runner 1\n{who}\n{self.of_runner}\n{self.of_bot}\n{self.certificate}"
        return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def secrets_of(text: str) -> Sequence[str]:
    """Read a secret file: one secret a line, the newest first; while it is replaced both sides know two.

    ValueError when there is none, or one that could be guessed.
    """
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found or any(len(secret) < SHORTEST_SECRET for secret in found):
        raise ValueError(f"a secret of at least {SHORTEST_SECRET} characters is needed, such as openssl rand -hex 32")
    return found


def same(one: str, other: str) -> bool:
    """Compare two proofs in a time that does not tell how much of them agrees."""
    return hmac.compare_digest(one.encode(), other.encode())


def fingerprint(certificate: bytes) -> str:
    """Name a certificate, given as DER."""
    return hashlib.sha256(certificate).hexdigest()


def authorization(meeting: Meeting, secret: str) -> str:
    """Write the header with which a bot introduces itself."""
    return f"{SCHEME} {meeting.of_runner}.{meeting.of_bot}.{meeting.proof_of_bot(secret)}"


def introduction(header: str, certificate: str) -> tuple[Meeting, str]:
    """Read that header: the meeting, and the proof that was offered; ValueError when it is none."""
    scheme, _, rest = header.partition(" ")
    of_runner, of_bot, proof = rest.split(".")
    if scheme != SCHEME or len(of_bot) != 2 * NUMBER_BYTES:
        raise ValueError("not one of ours")
    return Meeting(of_runner, of_bot, certificate), proof
