"""Apps, users and divisions of the sandbox, and tokens handed out without a browser."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from commerce_sandbox.database import Database

NAMESPACE = UUID("6d0c4e0a-3f57-4d0e-9c55-0f2a6f3a9b11")

#: Divisions: the company itself, its second administration, and one no app is permitted to use.
DIVISION = 3000001
SECOND_DIVISION = 3000002
FORBIDDEN_DIVISION = 3000003
DIVISIONS = (DIVISION, SECOND_DIVISION, FORBIDDEN_DIVISION)
PERMITTED = frozenset({DIVISION, SECOND_DIVISION})

ACCESS_SECONDS = 600
EARLIEST_REFRESH_SECONDS = 570
REFRESH_DAYS = 30
CODE_SECONDS = 180
TOKEN_CALLS_PER_DAY = 200

ALL_SCOPES = frozenset({
    "crm accounts", "financial accounting", "financial cashflow", "financial costcenters",
    "financial currencies", "financial generalledgers", "financial payables",
    "financial receivables", "logistics items", "organization administration",
    "organization documents", "sales invoices", "sales orders",
})  # fmt: skip


@dataclass(frozen=True)
class App:
    """An app registration of the App Center."""

    client_id: str
    client_secret: str
    redirect_uri: str
    scopes: frozenset[str] = ALL_SCOPES


@dataclass(frozen=True)
class User:
    """A user of Exact Online who can give consent."""

    user_id: str
    name: str
    email: str
    active: bool = True


REDIRECT_URI = "https://connector.example.com/exact/callback"

APP = App("b81cc4de-d192-400e-bcb4-09254394c52a", "sandbox-secret-aB3dE5fG7hJ9kL1m", REDIRECT_URI)
#: The same rights under another registration, as a second environment would have.
SECOND_APP = App(
    "0f6d2f83-5e0b-4b0c-8a38-1c6a1a9f7d64", "sandbox-secret-zY8xW6vU4tS2rQ0p", REDIRECT_URI
)
#: May post entries, but lacks sales orders, documents and administration.
NARROW_APP = App(
    "4d1f8f19-27c3-4f0c-9f3c-6a1f6a2f3c55",
    "sandbox-secret-nN4nN4nN4nN4nN4n",
    REDIRECT_URI,
    ALL_SCOPES - {"sales orders", "organization documents", "organization administration"},
)
APPS = {app.client_id: app for app in (APP, SECOND_APP, NARROW_APP)}

USER = User("1d2c7a34-9f4e-4a13-9b8e-6a5f0c3b2e01", "Carla Koppeling", "koppeling@example.com")
SECOND_USER = User("2e3d8b45-0a5f-4b24-8c9f-7b6a1d4c3f02", "Anna Admin", "admin@example.com")
INACTIVE_USER = User(
    "3f4e9c56-1b6a-4c35-9da0-8c7b2e5d4a03", "Otto Oud", "oud@example.com", active=False
)
USERS = {user.user_id: user for user in (USER, SECOND_USER, INACTIVE_USER)}


@dataclass(frozen=True)
class TokenPair:
    """What the token endpoint returns."""

    access_token: str
    refresh_token: str


def guid(division: int, resource: str, code: str) -> str:
    """Return the GUID of seeded master data: the same in every sandbox, other per division."""
    return str(uuid5(NAMESPACE, f"{division}/{resource}/{code}"))


def new_token() -> str:
    """Return a long opaque token, as long as the real ones are known to get."""
    return f"stampNL001.{secrets.token_urlsafe(600)}"


def issue_tokens(
    database: Database,
    now: datetime,
    *,
    app: App = APP,
    user: User = USER,
    age_seconds: float = 0,
) -> TokenPair:
    """Give consent and exchange the code in one step.

    Like every consent it starts a new chain and ends older ones of the same user and app.

    Args:
        database: The sandbox's database.
        now: The sandbox's time.
        app: Which app registration.
        user: Who consents.
        age_seconds: How long ago this happened; from 570 on the refresh token can be used.
    """
    with database.transaction() as connection:
        chain = start_chain(connection, app.client_id, user.user_id)
        return store_pair(connection, chain, now.timestamp() - age_seconds)


def start_chain(connection: sqlite3.Connection, client_id: str, user_id: str) -> int:
    """Start a chain of tokens; earlier chains of this user and app are dead from now on."""
    connection.execute(
        "UPDATE exact_chains SET alive = 0 WHERE client_id = ? AND user_id = ?",
        (client_id, user_id),
    )
    cursor = connection.execute(
        "INSERT INTO exact_chains (client_id, user_id, alive) VALUES (?, ?, 1)",
        (client_id, user_id),
    )
    return int(cursor.lastrowid or 0)


def store_pair(connection: sqlite3.Connection, chain: int, issued_at: float) -> TokenPair:
    """Store and return a new pair of tokens of a chain.

    Args:
        connection: A connection inside a write transaction.
        chain: Whose tokens these are.
        issued_at: Unix seconds of the sandbox's clock.
    """
    pair = TokenPair(new_token(), new_token())
    connection.executemany(
        "INSERT INTO exact_tokens (token, kind, chain, issued_at, used) VALUES (?, ?, ?, ?, 0)",
        [
            (pair.access_token, "access", chain, issued_at),
            (pair.refresh_token, "refresh", chain, issued_at),
        ],
    )
    return pair
