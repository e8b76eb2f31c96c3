"""Signed tokens of the shop and of IMS: JWTs, so that no read has to wait for the database."""

from __future__ import annotations

import uuid
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_ALGORITHM = "HS256"
_KEY = OctKey.import_key("loopback sandbox key: protects nothing, makes tokens look right")


def issue(audience: str, claims: dict[str, Any], *, now: float, lifetime: int) -> str:
    """Return a new token.

    Args:
        audience: Who accepts it: ``admin``, ``customer`` or ``ims``.
        claims: What else it says.
        now: The shop's time, seconds since 1970.
        lifetime: Seconds until it expires.
    """
    standard = {"aud": audience, "jti": uuid.uuid4().hex, "iat": now, "exp": now + lifetime}
    return jwt.encode({"alg": _ALGORITHM}, {**claims, **standard}, _KEY)


def read(token: str, *, now: float) -> dict[str, Any] | None:
    """Return the claims of a valid token, or None.

    Args:
        token: Anything a client sent.
        now: The shop's time, seconds since 1970.
    """
    try:
        claims = jwt.decode(token, _KEY, algorithms=[_ALGORITHM]).claims
    except (JoseError, ValueError):
        return None
    return claims if claims["exp"] > now else None
