"""Access tokens for Exact Online that survive years of unattended runs.

Exact's rules: an access token lives 600 s; a refresh token works once, not before 570 s after it
was issued and not after 30 days; each refresh returns a new pair. A pair that is lost means that a
person has to log in again. Therefore one process at a time refreshes, it notes durably that it is
about to, and the new pair is on the disk before anybody uses it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import tenacity

from connector_credentials import (
    CredentialStoreError,
    derive_key,
    open_credential,
    open_store,
    protect,
)
from connector_credentials.exceptions import CredentialNotFoundError, RetriableStoreError
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    FatalError,
    TransientApiError,
)
from exact_online.hosts import base_url
from exact_online.server_clock import ServerClock
from exact_online.token_endpoint import (
    AUTHORIZE,
    AnswerLostError,
    ExactApp,
    LoginDeadError,
    OldTokenError,
    TokenEndpoint,
    TokenPair,
    TooEarlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector_credentials import CredentialStore
    from connector_credentials.store import Lease

DEFAULT_CREDENTIAL = "exact-online"
EARLIEST_REFRESH = 570  # seconds after issue
REFRESH_LIFE_DAYS = 30
WARN_FROM_DAY = 25
_DAY = 86400
_RETRY_AFTER = 30  # seconds until Exact is asked again after it said "too early"

_APP_SETTINGS = ("base_url", "country", "client_id", "client_secret", "redirect_uri")
_KEY_PURPOSE = "target-exact-online token store"


class TokenSource:
    """Gives access tokens and renews them on demand; safe across threads and processes."""

    def __init__(
        self, store: CredentialStore, name: str, app: ExactApp, seed: str | None = None
    ) -> None:
        """Prepare; nothing is read or sent yet.

        Args:
            store: Where the pair of tokens lives.
            name: Its name in the store.
            app: The app registration the pair belongs to.
            seed: A refresh token from the settings, to begin with.
        """
        self._store = store
        self._name = name
        self._seed = seed
        self._clock = ServerClock(app.base_url)
        self._endpoint = TokenEndpoint(app, self._clock)
        self._lock = threading.Lock()
        self._current: TokenPair | None = None
        protect(seed)

    def access_token(self) -> str:
        """A token that is worth sending.

        Raises:
            AuthorizationRequiredError: A person has to log in again.
            ConfigError: The settings or the store are wrong.
            TransientApiError: Exact or the store does not answer; run again later.
        """
        with self._lock:
            if self._current and not self._old(self._current.issued_at):
                return self._current.access_token
            return self._renew(rejected=None)

    def rejected(self, token: str) -> str:
        """A token worth one more try, after Exact answered 401 to ``token``; raises as above."""
        with self._lock:
            self._clock.ask()
            return self._renew(rejected=token)

    def keep_alive(self) -> float | None:
        """Renew the pair if it can be renewed.

        Returns:
            How many days old it was, or None when it was too young to be renewed.

        Raises:
            AuthorizationRequiredError: A person has to log in again.
        """
        with self._lock, _store_errors():
            issued_at = self._read().get("issued_at")
            self._renew(rejected=None)
            if issued_at is None:
                return 0.0
            if not self._current or self._current.issued_at == issued_at:
                return None
            return (self._current.issued_at - float(issued_at)) / _DAY

    def warnings(self) -> list[str]:
        """What the run's summary should say about the login; empty when all is well."""
        with self._lock, _store_errors():
            entry = self._read()
            issued_at = entry.get("issued_at")
            if not issued_at:
                return []
            days = (self._clock.now() - float(issued_at)) / _DAY
        if days < WARN_FROM_DAY:
            return []
        warning = (
            f"The Exact Online login {self._name!r} was last renewed {days:.0f} days ago and dies "
            f"after {REFRESH_LIFE_DAYS}. Run `target-exact-online keep-alive`, best on a schedule."
        )
        return [warning]

    def look_after(self) -> list[str]:
        """What the run's summary should say about the login, which is renewed if idle for a day.

        A shop may be quiet for weeks: without this its runs would let the login die. What is wrong
        is told here, but ends the run only when there is something to post.
        """
        try:
            with self._lock, _store_errors():
                issued_at = float(self._read().get("issued_at") or 0)
            if abs(time.time() - issued_at) < _DAY:  # here even a bad clock of ours is good enough
                return []
            found = self.warnings()
            self.access_token()
        except TransientApiError:
            return []  # whoever needs the token next tells
        except FatalError as error:
            return [str(error)]
        return found

    def _renew(self, rejected: str | None) -> str:
        with _store_errors(), self._store.lock(self._name) as lease:
            entry = self._read()
            if reason := entry.get("refused"):
                raise AuthorizationRequiredError(str(reason))
            access_token = str(entry.get("access_token") or "")
            issued_at = float(entry.get("issued_at") or 0)
            wait_until = float(entry.get("wait_until") or 0)
            old = self._old(issued_at) and self._clock.now() >= wait_until
            if access_token and access_token != rejected and not old:
                self._current = TokenPair(access_token, str(entry["refresh_token"]), issued_at)
            elif access_token and not old:
                raise self._young_token_refused(issued_at)
            else:
                self._current = self._refresh(entry, lease)
            return self._current.access_token

    def _refresh(self, entry: dict[str, Any], lease: Lease) -> TokenPair:
        """Trade the refresh token; after a lost answer exactly once more."""
        lost_before = int(entry.get("unanswered") or 0)
        failure: Exception | None = None
        for unanswered in range(lost_before, 2 if lost_before == 0 else lost_before + 1):
            lease.renew()
            entry["unanswered"] = unanswered + 1
            self._store.put(self._name, entry)  # a crash from here on is a lost answer
            try:
                pair = self._endpoint.refresh(str(entry["refresh_token"]))
            except AnswerLostError as error:
                failure = error
            except TooEarlyError as error:
                return self._too_early(entry, error)
            except OldTokenError as error:
                raise self._dead(entry, _spent(unanswered > 0, error)) from None
            except LoginDeadError as error:
                raise self._dead(entry, str(error)) from None
            except (FatalError, TransientApiError):
                self._put_safely({**entry, "unanswered": unanswered})
                raise
            else:
                return self._keep(entry, pair)
        msg = (
            f"{failure} Whether the login survived is not known yet. Run again: the old refresh "
            "token will be tried once more."
        )
        raise TransientApiError(msg)

    def _keep(self, entry: dict[str, Any], pair: TokenPair) -> TokenPair:
        """Make a new pair durable; nobody has used it before this returns."""
        passed = ("unanswered", "wait_until")
        kept = {key: value for key, value in entry.items() if key not in passed}
        self._put_safely({**kept, **asdict(pair)})
        return pair

    def _too_early(self, entry: dict[str, Any], error: TooEarlyError) -> TokenPair:
        """Keep the token: Exact says that it is still good, and nothing was spent."""
        lost_before = entry["unanswered"] > 1
        if lost_before:
            # The last pair known here is old, so the younger one is in an answer that was lost.
            raise self._dead(entry, _spent(lost_before, error)) from None
        access_token = str(entry.get("access_token") or "")
        entry["unanswered"] = 0
        entry["wait_until"] = self._clock.now() + _RETRY_AFTER
        self._put_safely(entry)
        if not access_token:
            msg = (
                f"The refresh token is younger than {EARLIEST_REFRESH} s and Exact does not accept "
                f"it before. Run again in ten minutes. {error}"
            )
            raise TransientApiError(msg)
        looks_issued_at = entry["wait_until"] - EARLIEST_REFRESH
        return TokenPair(access_token, str(entry["refresh_token"]), looks_issued_at)

    def _dead(self, entry: dict[str, Any], message: str) -> AuthorizationRequiredError:
        """Remember that only a person can help, so that Exact is never asked again in vain."""
        self._put_safely({**entry, "refused": message})
        return AuthorizationRequiredError(message)

    def _young_token_refused(self, issued_at: float) -> FatalError:
        age = max(0, self._clock.now() - issued_at)
        return AuthorizationRequiredError(
            f"Exact refuses an access token that is only {age:.0f} s old. Either the Exact user "
            "has no access to this division, or the login was replaced by a second one of the "
            f"same user and app. Check the user's rights in Exact; if they are right: {AUTHORIZE}"
        )

    def _old(self, issued_at: float) -> bool:
        return self._clock.now() - issued_at >= EARLIEST_REFRESH

    def _read(self) -> dict[str, Any]:
        """The stored entry, or a new one from the settings' refresh token."""
        try:
            entry = self._store.get(self._name)
        except CredentialNotFoundError:
            entry = {}
        if self._seed and entry.get("seed") != fingerprint(self._seed):
            # A refresh token this store has not seen: somebody logged in and changed the setting.
            seeded: dict[str, Any] = {key: entry[key] for key in _APP_SETTINGS if key in entry}
            return seeded | {"refresh_token": self._seed, "seed": fingerprint(self._seed)}
        if not entry.get("refresh_token"):
            msg = (
                f"There is no Exact Online login {self._name!r} in {self._store.label}. {AUTHORIZE}"
            )
            raise AuthorizationRequiredError(msg)
        return entry

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(RetriableStoreError),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_fixed(1),
        reraise=True,
    )
    def _put_safely(self, entry: dict[str, Any]) -> None:
        """Store an entry that must not be lost, even if the store stumbles for a moment."""
        self._store.put(self._name, entry)


def build_token_source(config: Mapping[str, Any]) -> TokenSource:
    """The token source for a target's settings.

    With the setting ``credentials`` everything lives in that store. Without it the app and a first
    refresh token come from the settings, and the rotated tokens are kept in a file beside the
    ledger, encrypted with a key derived from the client secret.

    Raises:
        ConfigError: A setting is missing, or the store cannot be opened.
        TransientApiError: The store does not answer.
    """
    store, name, values = open_login(config)
    app = app_of(values)
    seed = str(config.get("refresh_token") or "") or None
    return TokenSource(store, name, app, seed)


def open_login(config: Mapping[str, Any]) -> tuple[CredentialStore, str, dict[str, Any]]:
    """The store of the login, its name there, and the settings over the stored values.

    Raises:
        ConfigError: A setting is missing, or the store cannot be opened.
        TransientApiError: The store does not answer.
    """
    with _store_errors():
        found = open_credential(config, DEFAULT_CREDENTIAL)
        if config.get("country") and not config.get("base_url"):
            found.values.pop("base_url", None)  # a stored one must not outvote the setting
        if found.store:
            return found.store, found.name, found.values
        secret = str(config.get("client_secret") or "")
        if not secret:
            msg = (
                "The setting client_secret is missing. Set client_id, client_secret and "
                "refresh_token, or set credentials to a store that holds them."
            )
            raise ConfigError(msg)
        key = derive_key(secret, _KEY_PURPOSE)
        store = open_store(f"{found.name}.credentials", key, create=True)
        return store, found.name, found.values


def save_login(
    store: CredentialStore,
    name: str,
    values: Mapping[str, Any],
    pair: TokenPair,
    seed: str | None = None,
) -> None:
    """Store the pair of a new login in place of whatever was there.

    Args:
        store: Where to.
        name: Under which name.
        values: The settings; only those of the app registration are stored.
        pair: The new pair.
        seed: The refresh token in the settings, which is older than this login.

    Raises:
        ConfigError: The store refuses.
        TransientApiError: The store does not answer.
    """
    kept = {key: values[key] for key in _APP_SETTINGS if values.get(key)}
    entry: dict[str, Any] = {**kept, **asdict(pair)}
    if seed:
        entry["seed"] = fingerprint(seed)
    with _store_errors(), store.lock(name):
        store.put(name, entry)


def app_of(values: Mapping[str, Any]) -> ExactApp:
    """The app registration in the settings.

    Raises:
        ConfigError: A setting is missing.
    """
    missing = [key for key in ("client_id", "client_secret") if not values.get(key)]
    if missing:
        msg = (
            f"The setting {' and '.join(missing)} is missing. Take it from the app in the Exact "
            "App Center (Manage my apps)."
        )
        raise ConfigError(msg)
    return ExactApp(
        base_url(values),
        str(values["client_id"]),
        str(values["client_secret"]),
        str(values.get("redirect_uri") or "") or None,
    )


def fingerprint(token: str) -> str:
    """A short digest that recognises a token without telling it."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _spent(answer_lost: bool, error: Exception) -> str:  # noqa: FBT001  # a fact, not an option
    if answer_lost:
        return (
            "The answer to an earlier token renewal was lost (a crash or a broken connection), and "
            f"Exact has spent the old token. {AUTHORIZE} {error}"
        )
    return (
        "Somebody else used this refresh token: a second installation or an old copy of the "
        "credential. Only one may run; share one credential store between machines. "
        f"{AUTHORIZE} {error}"
    )


@contextmanager
def _store_errors() -> Iterator[None]:
    """Tell the store's errors in the target's own tree."""
    try:
        yield
    except RetriableStoreError as error:
        raise TransientApiError(str(error)) from error
    except CredentialStoreError as error:
        raise ConfigError(str(error)) from error
