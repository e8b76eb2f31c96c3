"""Access tokens for Exact Online that survive years of unattended runs.

Exact's rules: an access token lives 600 s; a refresh token works once, not before 570 s after it
was issued and not after 30 days; each refresh returns a new pair. A pair that is lost means that a
person has to log in again. Therefore one process at a time refreshes, it notes durably that it is
about to, and the new pair is on the disk before anybody uses it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import tenacity

from connector_credentials import protect
from connector_credentials.exceptions import CredentialNotFoundError, RetriableStoreError
from exact_online.errors import AuthorizationRequiredError, FatalError, TransientApiError
from exact_online.server_clock import ServerClock
from exact_online.stored_login import APP_SETTINGS, app_of, fingerprint, open_login, store_errors
from exact_online.token_endpoint import (
    AnswerLostError,
    ExactApp,
    LoginDeadError,
    OldTokenError,
    TokenEndpoint,
    TokenPair,
    TooEarlyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from connector_credentials import CredentialStore
    from connector_credentials.store import Lease

EARLIEST_REFRESH = 570  # seconds after issue
REFRESH_LIFE_DAYS = 30
WARN_FROM_DAY = 25
_DAY = 86400
_RETRY_AFTER = 30  # seconds until Exact is asked again after it said "too early"
_BELIEVED_AHEAD = 5  # a pair that was issued later than this from now: a clock was wrong


class TokenSource:
    """Gives access tokens and renews them on demand; safe across threads and processes."""

    def __init__(
        self,
        store: CredentialStore,
        name: str,
        app: ExactApp,
        seed: str | None = None,
        *,
        server_clock: ServerClock | None = None,
        session: requests.Session | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare; nothing is read or sent yet.

        Args:
            store: Where the pair of tokens lives.
            name: Its name in the store.
            app: The app registration the pair belongs to.
            seed: A refresh token from the settings, to begin with.
            server_clock: Exact's time; None: one of its own.
            session: Makes the calls; None: one of its own.
            sleep: Waits.
        """
        self._store = store
        self._name = name
        self._app = app
        self._seed = seed
        self._sleep = sleep
        self._clock = server_clock or ServerClock(app.base_url, session)
        self._endpoint = TokenEndpoint(app, self._clock, session)
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
        with self._lock, store_errors():
            issued_at = self._read().get("issued_at")
            self._renew(rejected=None)
            if issued_at is None:
                return 0.0
            if not self._current or self._current.issued_at == issued_at:
                return None
            return (self._current.issued_at - float(issued_at)) / _DAY

    def warnings(self) -> list[str]:
        """What the run's summary should say about the login; empty when all is well."""
        with self._lock, store_errors():
            entry = self._read()
            issued_at = entry.get("issued_at")
            if not issued_at:
                return []
            days = (self._clock.now() - float(issued_at)) / _DAY
        if days < WARN_FROM_DAY:
            return []
        warning = (
            f"The Exact Online login {self._name!r} was last renewed {days:.0f} days ago and dies "
            f"after {REFRESH_LIFE_DAYS}. Run `{self._app.program} keep-alive`, best on a schedule."
        )
        return [warning]

    def look_after(self) -> list[str]:
        """What the run's summary should say about the login, which is renewed if idle for a day.

        A shop may be quiet for weeks: without this its runs would let the login die. What is wrong
        is told here, but ends the run only when there is something to post.
        """
        try:
            with self._lock, store_errors():
                issued_at = float(self._read().get("issued_at") or 0)
            if (
                abs(self._clock.local() - issued_at) < _DAY
            ):  # here even a bad clock of ours is good enough
                return []
            found = self.warnings()
            self.access_token()
        except TransientApiError:
            return []  # whoever needs the token next tells
        except FatalError as error:
            return [str(error)]
        return found

    def _renew(self, rejected: str | None) -> str:
        with store_errors(), self._store.lock(self._name) as lease:
            entry = self._read()
            if reason := entry.get("refused"):
                raise AuthorizationRequiredError(str(reason))
            access_token = str(entry.get("access_token") or "")
            issued_at = float(entry.get("issued_at") or 0)
            old = self._old(issued_at) and not self._waits(entry)
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
            tried = str(entry["refresh_token"])

            def keep(refresh_token: str) -> None:
                """Make a new refresh token durable that came in a refusal."""
                entry.update(refresh_token=refresh_token, unanswered=0)
                self._put_safely(entry)

            try:
                pair = self._endpoint.refresh(tried, keep)
            except (AnswerLostError, OldTokenError, LoginDeadError) as error:
                if entry["refresh_token"] != tried:
                    msg = f"Exact refused to renew the login, but sent a new refresh token. {error}"
                    raise TransientApiError(msg) from None
                if isinstance(error, OldTokenError):
                    raise self._dead(
                        entry, self._spent(error, answer_lost=unanswered > 0)
                    ) from None
                if isinstance(error, LoginDeadError):
                    raise self._dead(entry, str(error)) from None
                failure = error
            except TooEarlyError as error:
                return self._too_early(entry, error)
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
            raise self._dead(entry, self._spent(error, answer_lost=lost_before)) from None
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
            "same user and app. Check the user's rights in Exact; if they are right: "
            f"{self._app.advice}"
        )

    def _old(self, issued_at: float) -> bool:
        age = self._clock.now() - issued_at
        if age < -_BELIEVED_AHEAD:
            self._clock.ask()  # this machine may have slept, and what it knows may be behind
            age = self._clock.now() - issued_at
        return age >= EARLIEST_REFRESH or age < -_BELIEVED_AHEAD

    def _waits(self, entry: Mapping[str, Any]) -> bool:
        """Whether Exact said "too early" a moment ago."""
        rest = float(entry.get("wait_until") or 0) - self._clock.now()
        return 0 < rest <= _RETRY_AFTER + _BELIEVED_AHEAD

    def _read(self) -> dict[str, Any]:
        """The stored entry, or a new one from the settings' refresh token."""
        try:
            entry = self._store.get(self._name)
        except CredentialNotFoundError:
            entry = {}
        if self._seed and entry.get("seed") != fingerprint(self._seed):
            # A refresh token this store has not seen: somebody logged in and changed the setting.
            seeded: dict[str, Any] = {key: entry[key] for key in APP_SETTINGS if key in entry}
            return seeded | {"refresh_token": self._seed, "seed": fingerprint(self._seed)}
        if not entry.get("refresh_token"):
            where = f"{self._name!r} in {self._store.label}"
            msg = f"There is no Exact Online login {where}. {self._app.advice}"
            raise AuthorizationRequiredError(msg)
        return entry

    def _put_safely(self, entry: dict[str, Any]) -> None:
        """Store an entry that must not be lost, even if the store stumbles for a moment."""
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetriableStoreError),
            stop=tenacity.stop_after_attempt(5),
            wait=tenacity.wait_fixed(1),
            sleep=self._pause,
            reraise=True,
        ):
            with attempt:
                self._store.put(self._name, entry)

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)

    def _spent(self, error: Exception, *, answer_lost: bool) -> str:
        if answer_lost:
            return (
                "The answer to an earlier token renewal was lost (a crash or a broken connection), "
                f"and Exact has spent the old token. {self._app.advice} {error}"
            )
        return (
            "Somebody else used this refresh token: a second installation or an old copy of the "
            "credential. Only one may run; share one credential store between machines. "
            f"{self._app.advice} {error}"
        )


def build_token_source(
    config: Mapping[str, Any],
    *,
    program: str = "exact-online",
    session: requests.Session | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> TokenSource:
    """The token source for the settings of a plugin.

    With the setting ``credentials`` everything lives in that store. Without it the app and a first
    refresh token come from the settings, and the rotated tokens are kept in a file in the current
    folder, encrypted with a key derived from the client secret.

    Args:
        config: The settings.
        program: What to name in advice.
        session: Makes the calls.
        clock: Seconds since 1970 on this machine.
        sleep: Waits.

    Raises:
        ConfigError: A setting is missing, or the store cannot be opened.
        TransientApiError: The store does not answer.
    """
    store, name, values = open_login(config)
    app = app_of(values, program)
    seed = str(config.get("refresh_token") or "") or None
    server_clock = ServerClock(app.base_url, session, clock=clock)
    return TokenSource(
        store, name, app, seed, server_clock=server_clock, session=session, sleep=sleep
    )
