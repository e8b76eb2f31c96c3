"""Verification: what is genuine in each scheme, and that nothing else ever is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from commerce_sandbox.signals import FORGERIES, WEBHOOK_HEADER, Signal, Signer, forged
from connector_credentials import open_store
from exact_online.errors import ConfigError, TransientApiError
from target_exact_online.webhooks import schemes, verifying
from target_exact_online.webhooks import signals as about
from target_exact_online.webhooks.keys import EventKeys, check_keys_url
from target_exact_online.webhooks.schemes import EventScheme, ExactScheme, WebhookScheme
from target_exact_online.webhooks.signals import NotUnderstoodError
from target_exact_online.webhooks.verifying import NotVerifiedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GUID = "9c7d2d6e-0000-4000-8000-000000000001"
SECRET = "exact's own"
KNOWN = Signer.stranger()
ORDER = {"entity_id": 12, "increment_id": "000000012", "store": "Zo\u00eb a/b"}


@pytest.fixture(scope="module")
def own() -> Signer:
    return KNOWN


def keys_of(signer: Signer) -> EventKeys:
    found = EventKeys("https://static.adobeioevents.com")
    for number in (1, 2):
        key = verifying.public_key(signer.public_key(f"event-{number}"))
        found._keep(f"/prod/keys/event-{number}.pem", key)
    return found


def of_exact(content: bytes, *, secret: str = SECRET, form: str = "") -> bytes:
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper().encode()
    return (form.encode() or b'{"Content":%s,"HashCode":"%s"}') % (content, digest)


def test_exact_signs_the_bytes_as_they_are() -> None:
    contents = [
        b'{"Topic":"Items","Division":1,"Key":"a"}',
        b'{ "Topic" : "Items" ,\r\n "Division":1.0e0, "Key":"\\u0061" }',
        b'{"Key":"}\\"HashCode\\":\\"","Topic":"Items","Division":1}',
        '{"Topic":"Items","Division":1,"Key":"a","Note":"Zo\u00eb \U0001f600"}'.encode(),
    ]
    for content in contents:
        assert verifying.exact_content(of_exact(content), (SECRET,)) == content
        swapped = '{"HashCode":"%s", "Content": %s , "More":[1]}'
        digest = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
        body = (swapped % (digest, content.decode())).encode()
        assert verifying.exact_content(body, (SECRET,)) == content
        again = json.dumps(json.loads(content)).encode()
        if again != content:  # written anew it is another content
            forged_body = of_exact(content).replace(content, again)
            with pytest.raises(NotVerifiedError):
                verifying.exact_content(forged_body, (SECRET,))


@pytest.mark.parametrize(
    "secrets", [("new", SECRET), (SECRET, "new"), (SECRET,), ("", SECRET)], ids=str
)
def test_both_secrets_count_while_one_replaces_the_other(secrets: tuple[str, ...]) -> None:
    content = b'{"Topic":"Items","Division":1,"Key":"a"}'
    assert verifying.exact_content(of_exact(content), secrets) == content
    with pytest.raises(NotVerifiedError):
        verifying.exact_content(of_exact(content, secret="older"), secrets)
    with pytest.raises(NotVerifiedError):
        verifying.exact_content(of_exact(content, secret=""), secrets)


def test_without_a_secret_nothing_is_genuine() -> None:
    for secrets in ((), ("",)):
        with pytest.raises(NotVerifiedError):
            verifying.exact_content(of_exact(b'{"Topic":"Items"}', secret=""), secrets)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-3] + b'0"}',
        lambda body: body.replace(b"Items", b"items"),
        lambda body: body.replace(b'"Content"', b'"content"'),
        lambda body: body[:-2] + b'00"}',
        lambda body: body[:-4] + b'"}',
        lambda body: body + b" x",
        lambda body: body.replace(b'"HashCode":"', b'"HashCode":"\\ud800'),
        lambda body: body.replace(b'{"Topic"', b'{"Division":2,"Topic"'),
        lambda body: body[:-1] + b',"Content":{"Topic":"Accounts","Division":1,"Key":"b"}}',
        lambda body: body[:-1] + b',"HashCode":"AA"}',
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: b"[" * 200_000 + body,
        lambda _: b"",
        lambda _: b"null",
    ],
)
def test_a_changed_body_is_not_genuine(change: Callable[[bytes], bytes]) -> None:
    body = of_exact(b'{"Topic":"Items","Division":1,"Key":"a"}')
    assert verifying.exact_content(body, (SECRET,))
    changed = change(body)
    if changed == body:  # the digit was that one already
        changed = body[:-3] + b'1"}'
    with pytest.raises(NotVerifiedError):
        verifying.exact_content(changed, (SECRET,))


@pytest.mark.parametrize("algorithm", ["rsa", "hmac"])
@pytest.mark.parametrize("signed", ["base64", "raw"])
def test_the_ways_in_which_a_shop_may_sign(own: Signer, algorithm: str, signed: str) -> None:
    config = {
        "adobe_signature": algorithm,
        "adobe_signed": signed,
        "adobe_webhook_secret": own.webhook_secret,
        "adobe_public_key": own.public_key("webhook"),
    }
    scheme = schemes.of_settings(config).webhook
    assert scheme is not None
    for one in ("rsa", "hmac"):
        for two in ("base64", "raw"):
            signal = own.webhook({"order": ORDER}, algorithm=one, signed=two)
            if (one, two) == (algorithm, signed):
                assert [
                    found.order_id for found in scheme.signals(signal.body, signal.headers)
                ] == [12]
            else:
                with pytest.raises(NotVerifiedError):
                    scheme.signals(signal.body, signal.headers)


def test_an_empty_secret_and_an_untidy_signature_prove_nothing(own: Signer) -> None:
    body = b'{"order":{"entity_id":12}}'
    by_nobody = base64.b64encode(hmac.digest(b"", body, "sha256")).decode()
    with pytest.raises(NotVerifiedError):
        verifying.check_adobe_hmac(body, by_nobody, "", as_base64=False)
    signal = own.webhook({"order": ORDER})
    key = verifying.public_key(own.public_key("webhook"))
    signature = signal.headers[WEBHOOK_HEADER]
    verifying.check_adobe_rsa(signal.body, signature, key, as_base64=True)
    for untidy in (f"{signature}\n", f"{signature[:8]} {signature[8:]}", f"*{signature}", ""):
        with pytest.raises(NotVerifiedError):
            verifying.check_adobe_rsa(signal.body, untidy, key, as_base64=True)


def test_what_the_settings_leave_out_is_as_adobe_s_sample_does(own: Signer) -> None:
    found = schemes.of_settings({"adobe_public_key": own.public_key("webhook")})
    assert found.webhook is not None
    assert (found.exact, found.event) == (None, None)
    signal = own.webhook({"order": ORDER})
    assert found.webhook.signals(signal.body, signal.headers)


@pytest.mark.parametrize("how", FORGERIES)
def test_no_forgery_is_genuine(own: Signer, how: str) -> None:
    key = verifying.public_key(own.public_key("webhook"))
    webhook = WebhookScheme(key, "", as_base64=True)
    shared = WebhookScheme(None, own.webhook_secret, as_base64=True)
    event = EventScheme("client", keys_of(own))
    exact = ExactScheme((own.exact_secret,))
    for refused, signal in (
        (webhook, forged(how, own, lambda by: by.webhook({"order": ORDER}))),
        (shared, forged(how, own, lambda by: by.webhook({"order": ORDER}, algorithm="hmac"))),
        (
            event,
            forged(how, own, lambda by: by.event("x", ORDER, client_id="client", event_id="1")),
        ),
    ):
        with pytest.raises(NotVerifiedError):
            refused.signals(signal.body, signal.headers)
    with pytest.raises(NotVerifiedError):
        exact.signals(forged(how, own, lambda by: by.exact(1, "Items", GUID)).body)


def test_one_of_two_signatures_is_enough_and_none_is_not(own: Signer) -> None:
    scheme = EventScheme("client", keys_of(own))
    signal = own.event("observer.sales_order_save_after", ORDER, client_id="client")
    for number in (1, 2):
        name = f"x-adobe-digital-signature-{number}"
        headers = {**signal.headers, name: "AAAA"}
        assert scheme.signals(signal.body, headers)
        other = {**headers, f"x-adobe-digital-signature-{3 - number}": "AAAA"}
        with pytest.raises(NotVerifiedError):
            scheme.signals(signal.body, other)
    swapped = {
        **signal.headers,
        "x-adobe-digital-signature-1": signal.headers["x-adobe-digital-signature-2"],
        "x-adobe-digital-signature-2": signal.headers["x-adobe-digital-signature-1"],
    }
    with pytest.raises(NotVerifiedError):
        scheme.signals(signal.body, swapped)
    with pytest.raises(NotVerifiedError, match="another client"):
        EventScheme("somebody", keys_of(own)).signals(signal.body, signal.headers)


@pytest.mark.parametrize(
    "path",
    ["", "/", "event-1.pem", "//evil.example.com/a/b.pem", "https://evil.example.com/k.pem",
     "/prod/../secret/k.pem", "/prod/keys/k.pem?x", "/prod/keys/k.pem#", "/prod/keys/k.pem\r\nx: y",
     "@evil.example.com/a/k.pem", "/prod/keys/" + "k" * 300 + ".pem", "/prod/keys/%2e%2e.pem"],
)  # fmt: skip
def test_a_key_is_looked_up_nowhere_else(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "target_exact_online.webhooks.keys.exchange", lambda *given, **_: asked.append(given)
    )
    with pytest.raises(NotVerifiedError):
        EventKeys("https://static.adobeioevents.com").get(path)
    assert asked == []


def test_few_keys_are_looked_up_and_each_is_remembered_for_a_day(
    own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Answer:
        status = 200
        body = own.public_key("event-1").encode()

    def exchange(_session: Any, _method: str, url: str, **_: Any) -> Any:
        asked.append(url)
        answer = Answer()
        if "missing" in url:
            answer.status = 404
        return answer

    monkeypatch.setattr("target_exact_online.webhooks.keys.exchange", exchange)
    now = [1000.0]
    keys = EventKeys("https://static.adobeioevents.com", clock=lambda: now[0])
    assert keys.get("/prod/keys/one.pem") is keys.get("/prod/keys/one.pem")
    assert asked == ["https://static.adobeioevents.com/prod/keys/one.pem"]
    for _ in range(3):
        with pytest.raises(NotVerifiedError):
            keys.get("/prod/keys/missing.pem")
    assert len(asked) == 2
    for number in range(18):
        keys.get(f"/prod/keys/{number}.pem")
    with pytest.raises(TransientApiError):
        keys.get("/prod/keys/one-too-many.pem")
    assert len(asked) == 20
    now[0] += 86_401
    keys.get("/prod/keys/one.pem")
    assert len(asked) == 21
    assert len(keys._known) <= 32


def test_only_strong_rsa_keys_are_keys() -> None:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    weak = rsa.generate_private_key(65537, 1024).public_key().public_bytes(*form)  # noqa: S505  # what is refused
    curve = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*form)
    for pem in (weak, curve, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(ConfigError, match="It is no"):
            verifying.public_key(pem)


def test_another_padding_or_hash_is_not_taken(own: Signer) -> None:
    key = own.keys["webhook"]
    body = b'{"order":{"entity_id":12}}'
    content = base64.b64encode(body)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    scheme = WebhookScheme(key.public_key(), "", as_base64=True)
    for made in (
        key.sign(content, pss, hashes.SHA256()),
        key.sign(content, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303  # what is refused
        b"",
    ):
        with pytest.raises(NotVerifiedError):
            scheme.signals(body, {WEBHOOK_HEADER: base64.b64encode(made).decode()})


def test_the_credential_store_may_hold_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Signer
) -> None:
    monkeypatch.setenv("CONNECTOR_KEY", Fernet.generate_key().decode())
    place = f"{tmp_path}/store.credentials"
    store = open_store(place, create=True)
    store.put("webhooks", {"exact_webhook_secret": SECRET})
    store.put("of-nl", {"adobe_public_key": own.public_key("webhook")})
    found = schemes.of_settings({"credentials": place})
    assert found.exact == ExactScheme((SECRET,))
    assert found.webhook is None
    other = schemes.of_settings({"credentials": place, "webhook_credential": "of-nl"})
    assert (other.exact, other.webhook is not None) == (None, True)
    both = {"credentials": place, "exact_webhook_secret": "new"}
    assert schemes.of_settings(both).exact == ExactScheme(("new",))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "There is nothing to verify signals with"),
        ({"adobe_signature": "hmac", "adobe_public_key": "x"}, "nothing to verify"),
        ({"adobe_keys_url": "https://keys.example.com"}, "another host than static.adobeioevents"),
        ({"adobe_keys_url": "http://static.adobeioevents.com"}, "another host than"),
        ({"adobe_keys_url": "https://static.adobeioevents.com.example.com"}, "another host"),
        ({"adobe_keys_url": "https://x@static.adobeioevents.com"}, "another host"),
        ({"adobe_public_key": "nonsense"}, "adobe_public_key is wrong: It is no PEM text"),
        ({"adobe_signature": "none", "adobe_public_key": "x"}, "adobe_signature is none of"),
        ({"adobe_signed": "Raw"}, "adobe_signed is none of"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(config: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        schemes.of_settings(config)
    assert "nonsense" not in str(caught.value)


def test_keys_for_tries_may_lie_on_loopback() -> None:
    assert check_keys_url("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"
    assert check_keys_url("https://static.adobeioevents.com/") == "https://static.adobeioevents.com"


def test_what_a_signal_is_about() -> None:
    content = b'{"Topic":"SalesEntries","Division":7,"Key":"%s","Action":"DELETE"}'
    (one,) = about.of_exact(content % GUID.upper().encode())
    assert (one.source, one.division, one.topic, one.key, one.action) == (
        *("exact", 7, "SalesEntries", GUID, "delete"),
    )
    nested = {"data": {"invoice": {"entity_id": "31", "order_id": "12", "items": [{"order": 1}]}}}
    (two,) = about.of_webhook(json.dumps(nested).encode())
    assert (two.topic, two.key, two.order_id) == ("invoice", "31", 12)
    memo = {"creditmemo": {"entity_id": None, "order_id": 12}}
    (three,) = about.of_webhook(json.dumps(memo).encode())
    assert (three.topic, three.order_id) == ("credit_memo", 12)


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.5, "12a", "\u0661\u0662", "9" * 70, 2**63, None, [], {"a": 1}]
)
def test_an_id_that_is_none_names_no_order(value: Any) -> None:
    body = json.dumps({"order": {"entity_id": value}}).encode()
    assert about.of_webhook(body) == []


def test_many_orders_in_one_signal_are_bounded() -> None:
    many = {"list": [{"order": {"entity_id": number}} for number in range(1, 500)]}
    assert len(about.of_webhook(json.dumps(many).encode())) == 20


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ONCE = LEAVES | st.lists(LEAVES, max_size=4) | st.dictionaries(st.text(), LEAVES, max_size=4)
JSON = ONCE | st.lists(ONCE, max_size=3) | st.dictionaries(st.text(), ONCE, max_size=3)
NAMES = st.sampled_from(
    ["Content", "HashCode", "Topic", "Division", "Key", "Action", "order", "invoice", "entity_id",
     "order_id", "event", "type", "data", "value", "recipient_client_id"]
)  # fmt: skip
SHAPED = st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=4), max_size=5)
BODIES = st.binary(max_size=200) | (JSON | SHAPED).map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    st.sampled_from(
        [WEBHOOK_HEADER, "x-adobe-digital-signature-1", "x-adobe-public-key1-path",
         "x-adobe-digital-signature-2", "x-adobe-public-key2-path"]
    ),
    st.text(max_size=60) | st.sampled_from(["/prod/keys/event-1.pem", "AAAA"]),
)  # fmt: skip
CLOSED = (
    WebhookScheme(KNOWN.keys["webhook"].public_key(), "", as_base64=True),
    WebhookScheme(None, KNOWN.webhook_secret, as_base64=False),
    EventScheme("client", keys_of(KNOWN)),
)


@seed(20_261_126)
@settings(max_examples=150, deadline=None, database=None)
@given(BODIES, HEADERS)
def test_no_body_is_genuine_or_ends_in_an_error_of_others(
    body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises((NotVerifiedError, NotUnderstoodError)):
        ExactScheme((SECRET,)).signals(body)
    for scheme in CLOSED:
        with pytest.raises((NotVerifiedError, NotUnderstoodError)):
            scheme.signals(body, headers)


@seed(20_261_126)
@settings(max_examples=100, deadline=None, database=None)
@given(BODIES)
def test_a_genuine_body_of_any_form_is_taken_or_refused_in_our_words(body: bytes) -> None:
    with suppress(NotUnderstoodError, NotVerifiedError):
        ExactScheme((SECRET,)).signals(of_exact(body))
    for read in (about.of_webhook, about.of_event, about.of_exact):
        with suppress(NotUnderstoodError):
            read(body)


@seed(20_261_126)
@settings(max_examples=100, deadline=None, database=None)
@given(st.data())
def test_one_changed_byte_makes_it_another_body(data: st.DataObject) -> None:
    signal = Signal(of_exact(b'{"Topic":"Items","Division":1,"Key":"a"}'), {})
    place = data.draw(st.integers(11, 50))  # within the Content
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != signal.body[place]))
    changed = signal.body[:place] + bytes([byte]) + signal.body[place + 1 :]
    with pytest.raises(NotVerifiedError):
        verifying.exact_content(changed, (SECRET,))


def test_whoever_names_many_paths_pushes_no_key_out(own: Signer) -> None:
    keys = keys_of(own)
    for number in range(200):
        keys._keep(f"/prod/keys/none-{number}.pem", None)
    assert keys.known("/prod/keys/event-1.pem") is not None
    assert keys.known("/prod/keys/none-199.pem") is None
    assert len(keys._known) == 32


def test_nobody_is_asked_where_a_remembered_key_proves_it(own: Signer) -> None:
    scheme = EventScheme("client", keys_of(own))
    signal = own.event("observer.sales_order_save_after", ORDER, client_id="client")
    for number in (1, 2):  # the other path would have to be looked up
        name = f"x-adobe-public-key{number}-path"
        headers = {**signal.headers, name: "/prod/keys/unknown.pem"}
        assert scheme.at_once(signal.body, headers)
    unknown = {f"x-adobe-public-key{n}-path": "/prod/keys/unknown.pem" for n in (1, 2)}
    assert scheme.at_once(signal.body, {**signal.headers, **unknown}) is None
    garbled = {f"x-adobe-digital-signature-{n}": "AAAA" for n in (1, 2)}
    assert scheme.at_once(signal.body, {**signal.headers, **garbled}) is None
    with pytest.raises(NotVerifiedError):
        EventScheme("other", keys_of(own)).at_once(signal.body, signal.headers)
