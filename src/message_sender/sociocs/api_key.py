"""The apikey: read from Secrets Manager through Powertools, cached, and refreshed once when the API refuses it."""

import json
import re
import threading
import time
from dataclasses import dataclass, field

from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider


class ApiKeyUnavailableError(Exception):
    """There is no apikey to send with. Says what to do, and never holds the secret."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An apikey, and the refresh that it came from."""

    value: str = field(repr=False)
    generation: int = 0


class ApiKeySource:
    """Gives the apikey to all threads; ten refusals at once make one refresh."""

    def __init__(self, secret_id: str, provider: SecretsProvider, max_age_seconds: int) -> None:
        self._secret_id, self._provider, self._max_age_seconds = secret_id, provider, max_age_seconds
        self._lock = threading.Lock()
        self._generation = 0
        self._failed_at = float("-inf")
        self._failure = ApiKeyUnavailableError()

    def get(self) -> ApiKey:
        """Read the apikey, from the cache while it is younger than the maximum age.

        Raises:
            ApiKeyUnavailableError: the secret is missing, empty, unreadable or not an apikey.
        """
        asked_at = time.monotonic()
        with self._lock:
            self._raise_what_was_learnt_since(asked_at)
            return self._fetch(force=False)

    def refresh(self, refused: ApiKey) -> ApiKey:
        """Read the apikey anew after the API refused one, unless another thread just did.

        Raises:
            ApiKeyUnavailableError: as `get`.
        """
        asked_at = time.monotonic()
        with self._lock:
            self._raise_what_was_learnt_since(asked_at)
            if refused.generation < self._generation:
                return self._fetch(force=False)
            key = self._fetch(force=True)
            self._generation += 1
            return ApiKey(key.value, self._generation)

    def _raise_what_was_learnt_since(self, asked_at: float) -> None:
        """Not each thread is to wait for the same failure again: it takes seconds."""
        if self._failed_at >= asked_at:
            raise self._failure

    def _fetch(self, *, force: bool) -> ApiKey:
        try:
            return self._read_secret(force=force)
        except ApiKeyUnavailableError as error:
            self._failed_at, self._failure = time.monotonic(), error
            raise

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
            self._provider.clear_cache()  # type: ignore[no-untyped-call]  # Powertools has no types here
            raise

    def _read(self, secret: object) -> str:
        """Take the apikey out of the secret: the whole of it, or `apikey` of a JSON object."""
        text = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret)
        text = text.strip()
        if text.startswith("{"):
            try:
                content = json.loads(text)
            except ValueError:
                raise self._unavailable("is neither a plain apikey nor JSON") from None
            text = content.get("apikey", "")
            if not isinstance(text, str) or not text.strip():
                raise self._unavailable('is JSON without a string "apikey"')
            text = text.strip()
        if not text:
            raise self._unavailable("is empty")
        # A header holds nothing else; requests would quote the value in its error.
        if not re.fullmatch(r"[\x21-\x7e]+", text):
            raise self._unavailable("holds characters that an apikey cannot have")
        return text

    def _unavailable(self, what: str) -> ApiKeyUnavailableError:
        # Not as an argument: that would stay in the shell's history.
        where = f"--secret-id {self._secret_id} --secret-string file:///dev/stdin"
        command = f"aws secretsmanager put-secret-value {where}"
        return ApiKeyUnavailableError(f"the secret {what}; fill it with: {command}")
