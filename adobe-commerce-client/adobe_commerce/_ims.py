"""Adobe Commerce as a Cloud Service: tokens from Adobe's identity service (IMS)."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from adobe_commerce._bearer import FETCH_TIMEOUT, FetchedToken, RenewingBearer
from adobe_commerce.errors import BusyError, CredentialsError, UnreachableError
from connector_credentials import CredentialStoreError, protect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_credentials import CredentialStore

TOKEN_URL = "https://ims-na1.adobelogin.com/ims/token/v3"  # noqa: S105  # nosec B105  # an address
SCOPE = (
    "openid,AdobeID,email,profile,additional_info.roles,"
    "additional_info.projectedProductContext,commerce.accs"
)
DEFAULT_LIFETIME = 86399.0  # seconds
MARGIN = 3600.0  # seconds: of 24 hours, a token is used for 23
_MILLISECONDS = 10_000_000  # older versions of the service counted in these


class ImsAuth(RenewingBearer):
    """OAuth 2.0 client credentials; one token a day, shared through the credential store."""

    scheme = "ims"

    def __init__(
        self,
        values: Mapping[str, Any],
        store: CredentialStore | None = None,
        credential: str = "",
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            values: The tap's settings.
            store: Where the token is kept for other processes; None keeps it in memory.
            credential: Name of the credential in the store.
        """
        self._client_id = str(values["ims_client_id"])
        headers = {
            "Store": str(values.get("store") or ""),
            "x-api-key": self._client_id,
            "x-gw-ims-org-id": str(values.get("ims_org_id") or ""),
        }
        super().__init__({name: value for name, value in headers.items() if value})
        self._client_secret = str(values["ims_client_secret"])
        self._url = str(values.get("ims_token_url") or TOKEN_URL)
        self._store = store
        self._name = f"{credential}.ims-token"

    def recall(self) -> FetchedToken | None:
        """The token in the store, if it is of this client and not too old."""
        if self._store is None:
            return None
        try:
            kept = json.loads(self._store.get_blob(self._name))
        except CredentialStoreError:
            return None  # only a cache
        if kept["client_id"] != self._client_id or time.time() >= kept["token"]["renew_at"]:
            return None
        protect(kept["token"]["value"])
        return FetchedToken(**kept["token"])

    def fetch(self) -> FetchedToken:
        """Ask Adobe for a token.

        Raises:
            CredentialsError: Adobe refuses the client.
            BusyError: Adobe asks to slow down or is out of order.
            UnreachableError: Adobe does not answer.
        """
        answer = self._request()
        try:
            lifetime = float(answer.get("expires_in") or DEFAULT_LIFETIME)
        except (TypeError, ValueError):
            lifetime = DEFAULT_LIFETIME
        if lifetime > _MILLISECONDS:
            lifetime /= 1000
        now = time.time()
        renew_at = now + max(lifetime - MARGIN, lifetime / 2)
        token = FetchedToken(str(answer["access_token"]), now, renew_at)
        self._keep(token)
        return token

    def _keep(self, token: FetchedToken) -> None:
        if self._store is None:
            return
        value = {"client_id": self._client_id, "token": asdict(token)}
        try:
            self._store.put_blob(self._name, json.dumps(value).encode())
        except CredentialStoreError:
            return  # only a cache: this process goes on with its own copy

    def _request(self) -> dict[str, Any]:
        answers: list[requests.Response] = []

        def keep(response: requests.Response) -> requests.Response:
            answers.append(response)
            return response

        session = OAuth2Session(
            self._client_id,
            self._client_secret,
            scope=SCOPE,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106  # nosec B106  # its name
            default_timeout=FETCH_TIMEOUT,
        )
        session.register_compliance_hook("access_token_response", keep)
        try:
            answer: dict[str, Any] = session.fetch_token(
                self._url, grant_type="client_credentials", allow_redirects=False
            )
        except OAuthError as error:
            raise _refused(
                answers[0], str(error.error or ""), str(error.description or "")
            ) from None
        except requests.HTTPError:
            raise _refused(answers[0], "", "") from None
        except requests.RequestException as error:
            msg = f"No answer from Adobe's login at {self._url} ({type(error).__name__})."
            raise UnreachableError(msg) from None
        except ValueError:
            answer = {}
        finally:
            session.close()
        if not answer.get("access_token"):
            msg = f"{self._url} answers without a token. Check the setting ims_token_url."
            raise CredentialsError(msg)
        return answer


def _refused(response: requests.Response, code: str, text: str) -> Exception:
    """One message per known refusal of the token endpoint."""
    status = response.status_code
    said = f' Adobe says: "{text or code}".' if text or code else ""
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = response.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdigit() else None
        return BusyError(f"Adobe's login cannot answer now (HTTP {status}).{said}", seconds)
    if "scope" in code:
        return CredentialsError(
            "The Adobe project lacks a scope. Add the API 'Adobe Commerce as a Cloud Service' to "
            f"the OAuth Server-to-Server credential in the Adobe Developer Console.{said}"
        )
    return CredentialsError(
        f"Adobe does not accept ims_client_id and ims_client_secret (HTTP {status}). Compare them "
        f"with the OAuth Server-to-Server credential in the Adobe Developer Console.{said}"
    )
