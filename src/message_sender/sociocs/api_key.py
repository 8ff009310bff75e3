"""The apikey: read from Secrets Manager through Powertools, cached, and refreshed once when the API refuses it."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aws_lambda_powertools.utilities.parameters import GetParameterError

from message_sender.clock import Clock

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
"""What shells, editors and copied JSON leave around a value."""
_NAMES = ("apikey", "api_key", "apiKey", "api-key")


class SecretReader(Protocol):
    """What is used of Powertools' `SecretsProvider`."""

    def get(self, name: str, max_age: int, *, force_fetch: bool) -> object:
        """Return the secret's value, from the cache while it is younger than `max_age` seconds."""

    def clear_cache(self) -> None:
        """Forget every value."""


class ApiKeyUnavailableError(Exception):
    """There is no apikey to send with. Says what to do, and never holds the secret."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An apikey, and the refresh that it came from."""

    value: str = field(repr=False)
    generation: int = 0


class ApiKeySource:
    """Gives the apikey to all threads; ten refusals at once make one refresh."""

    def __init__(
        self,
        secret_id: str,
        provider: SecretReader,
        max_age_seconds: int,
        *,
        on_stale: Callable[[], object] = lambda: None,
        clock: Clock = time,
    ) -> None:
        """Wire a source.

        Args:
            secret_id: name or ARN.
            provider: reads and caches it.
            max_age_seconds: how long a value is used before it is read again.
            on_stale: told each time that an older apikey is used because the secret cannot be read.
            clock: for what was learnt when.
        """
        self._secret_id, self._provider, self._max_age_seconds = secret_id, provider, max_age_seconds
        self._on_stale, self._clock = on_stale, clock
        self._lock = threading.Lock()
        self._generation = 0
        self._failed_at = float("-inf")
        self._failure = ApiKeyUnavailableError()
        self._latest: str | None = None
        """The apikey in hand, for as long as Sociocs has not refused it."""
        self._good: str | None = None
        """The apikey with which Sociocs has taken a message."""

    def get(self) -> ApiKey:
        """Read the apikey, from the cache while it is younger than the maximum age.

        When the secret cannot be read, the apikey in hand is used until Sociocs refuses it.

        Raises:
            ApiKeyUnavailableError: the secret is missing, empty, unreadable or not an apikey, and none is in hand.
        """
        asked_at = self._clock.monotonic()
        with self._lock:
            try:
                self._raise_what_was_learnt_since(asked_at)
                return self._fetch(force=False)
            except ApiKeyUnavailableError:
                if self._latest is None:
                    raise
                self._on_stale()
                return ApiKey(self._latest, self._generation)

    def refresh(self, refused: ApiKey) -> ApiKey:
        """Read the apikey anew after the API refused one, unless another thread just did.

        Raises:
            ApiKeyUnavailableError: as `get`.
        """
        asked_at = self._clock.monotonic()
        with self._lock:
            if self._latest == refused.value:
                self._latest = None
            self._raise_what_was_learnt_since(asked_at)
            if refused.generation < self._generation:
                return self._fetch(force=False)
            key = self._fetch(force=True)
            self._generation += 1
            return ApiKey(key.value, self._generation)

    def accepted(self, key: ApiKey) -> None:
        """Learn that Sociocs took a message with this apikey."""
        self._good = key.value

    def is_good(self, key: ApiKey) -> bool:
        """Say whether Sociocs has taken a message with this apikey."""
        return self._good == key.value

    def _raise_what_was_learnt_since(self, asked_at: float) -> None:
        """Not each thread is to wait for the same failure again: it takes seconds."""
        if self._failed_at >= asked_at:
            raise self._failure

    def _fetch(self, *, force: bool) -> ApiKey:
        try:
            key = self._read_secret(force=force)
        except ApiKeyUnavailableError as error:
            self._failed_at, self._failure = self._clock.monotonic(), error
            raise
        self._latest = key.value
        return key

    def _read_secret(self, *, force: bool) -> ApiKey:
        try:
            secret = self._provider.get(self._secret_id, max_age=self._max_age_seconds, force_fetch=force)
        except GetParameterError as error:
            code = re.search(r"\((\w+)\)", str(error))
            raise self._unavailable(f"cannot be read ({code.group(1) if code else 'no answer'})") from None
        try:
            return ApiKey(self._read(secret), self._generation)
        except ApiKeyUnavailableError:
            # It is about to be filled: that is not to wait for the maximum age.
            self._provider.clear_cache()
            raise

    def _read(self, secret: object) -> str:
        """Take the apikey out of the secret: the whole of it, or `apikey` of a JSON object."""
        text = _bare(secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret))
        if text.startswith("{"):
            try:
                content = json.loads(text)
            except (ValueError, RecursionError):
                raise self._unavailable("is neither a plain apikey nor JSON") from None
            found = next((content[name] for name in _NAMES if name in content), None)
            if not isinstance(found, str) or not _bare(found):
                raise self._unavailable('is JSON without a string "apikey"')
            text = _bare(found)
        if not text:
            raise self._unavailable("is empty")
        # A header holds nothing else; requests would quote the value in its error.
        if not re.fullmatch(r"[\x21-\x7e]+", text):
            raise self._unavailable("holds characters that an apikey cannot have")
        if re.search(r"[\"'`\\{}]|^(?i:(?:x-)?api[-_]?key[=:])", text):
            raise self._unavailable("is an apikey with something around it: store the apikey alone, ID:SECRET")
        return text

    def _unavailable(self, what: str) -> ApiKeyUnavailableError:
        # Not as an argument: that would stay in the shell's history.
        where = f"--secret-id {self._secret_id} --secret-string file:///dev/stdin"
        command = f"aws secretsmanager put-secret-value {where}"
        return ApiKeyUnavailableError(f"the secret {what}; fill it with: {command}")


def _bare(text: str) -> str:
    """Take off what consoles, Terraform and copy and paste leave around an apikey: white space, BOM, quotes."""
    text = text.strip().strip("\ufeff\u200b\u2060").strip()
    while len(text) >= 2 and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text
