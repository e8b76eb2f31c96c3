"""What it means for a person that reading or writing the ledger failed."""

from __future__ import annotations

import json
import traceback

import msgspec
from cryptography.fernet import InvalidToken
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

DAMAGED = (
    "The ledger is damaged: something in it does not read as it was written (setting ledger_url). "
    "Post nothing with it: restore its last backup, which the next run makes good with what Exact "
    "has. See the guide, Backup and restore."
)
# What code meets that trusts a row which nobody wrote; see `_from_ledger`.
_UNREADABLE = (
    InvalidToken,
    msgspec.MsgspecError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_SEALED = (InvalidToken, msgspec.MsgspecError, json.JSONDecodeError)
_LEDGER = "target_exact_online.ledger."
#: What `ledger_fault` knows.
FAULTS = (SQLAlchemyError, *_UNREADABLE)


def ledger_fault(error: Exception) -> str | None:
    """Return what is wrong with the ledger and what to do; None: the error is another one's."""
    if isinstance(error, SQLAlchemyError):
        return _of_database(error)
    return DAMAGED if _from_ledger(error) else None


def _from_ledger(error: Exception) -> bool:
    """Tell whether it came up while the ledger was read: it holds what nobody wrote."""
    if isinstance(error, _SEALED):  # what a column holds is opened where it is needed
        return True
    frames = traceback.walk_tb(error.__traceback__)
    modules = {str(frame.f_globals.get("__name__")) for frame, _ in frames}
    return any(one.startswith(("sqlalchemy.", _LEDGER)) for one in modules)


def _of_database(error: SQLAlchemyError) -> str:
    # Without its parameters: they are the document.
    reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
    if isinstance(error, DatabaseError) and not isinstance(error, OperationalError):
        return f"{DAMAGED} ({reason})"
    return f"The ledger failed: {reason} (setting ledger_url). Nothing is lost; repeat."
