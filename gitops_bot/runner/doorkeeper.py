"""Who may open a session: whoever proves that they know the secret, each time with a new number."""

import hmac
import secrets
from collections.abc import Callable

from gitops_bot.errors import GitopsBotError
from gitops_bot.flux import handshake
from gitops_bot.flux.handshake import Meeting

# Seconds in which a number must be used.
_FRESH = 30.0


class Doorkeeper:
    """Gives numbers and checks proofs. What it gave is not remembered, only what was used: nobody can fill it up."""

    def __init__(self, read_secret: Callable[[], str], certificate: str, clock: Callable[[], float]) -> None:
        """Take how the secret file is read (anew each time), our certificate's name, and a clock in seconds."""
        self._read_secret = read_secret
        self._certificate = certificate
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: dict[str, float] = {}

    def number(self) -> str:
        """Give a number to be used once, soon."""
        given = f"{int(self._clock() * 1000):x}-{secrets.token_hex(handshake.NUMBER_BYTES)}"
        return f"{given}-{self._seal(given)}"

    def answer(self, header: str) -> str:
        """Give our own proof to whoever brings a right one; "" to everybody else."""
        try:
            meeting, proof = handshake.introduction(header, self._certificate)
            known = handshake.secrets_of(self._read_secret())
            if not self._is_fresh(meeting):
                return ""
            right = next((secret for secret in known if handshake.same(proof, meeting.proof_of_bot(secret))), "")
        except (ValueError, OSError, GitopsBotError):
            # ValueError also for what is no text at all: bytes of a header that nobody can encode again.
            return ""
        if not right:
            return ""
        self._used[meeting.of_runner] = self._clock()
        return meeting.proof_of_runner(right)

    def _is_fresh(self, meeting: Meeting) -> bool:
        now = self._clock()
        self._used = {number: at for number, at in self._used.items() if now - at <= 2 * _FRESH}
        given, _, seal = meeting.of_runner.rpartition("-")
        if not handshake.same(seal, self._seal(given)) or meeting.of_runner in self._used:
            return False
        return now - int(given.partition("-")[0], 16) / 1000 <= _FRESH

    def _seal(self, given: str) -> str:
        return hmac.new(self._key, given.encode(), "sha256").hexdigest()
