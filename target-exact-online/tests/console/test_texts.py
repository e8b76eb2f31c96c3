"""Texts of the desk: complete in both languages; causes, names and lines without a page."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import target_exact_online.console
from exact_online.errors import ConfigError
from target_exact_online.console import privacy
from target_exact_online.console.lines import changes, side_by_side
from target_exact_online.console.texts import LANGUAGES, Message, language_of, shown, templates
from target_exact_online.desk.documents import amount_of
from target_exact_online.desk.waiting import cause_of

from .conftest import EMAIL, HOSTILE, NAME, record

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

CONSOLE = Path(target_exact_online.console.__file__).parent
DUTCH = CONSOLE / "locale" / "nl" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.jinja", "jinja2")]
OPTIONS = {"**/templates/**.jinja": {"trimmed": "true", "newstyle_gettext": "true"}}
KEYWORDS: dict[str, Any] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def catalogue() -> Catalog:
    with (DUTCH / "console.po").open("rb") as file:
        return read_po(file, locale="nl")


def test_every_text_is_there_in_dutch_and_no_other() -> None:
    found = extract_from_dir(CONSOLE, METHODS, OPTIONS, KEYWORDS)
    asked = {text[0] if isinstance(text, tuple) else text for _, _, text, _, _ in found}
    known = {one.id[0] if isinstance(one.id, tuple) else one.id for one in catalogue() if one.id}
    assert asked - known == set()
    assert known - asked == set()


def test_dutch_texts_are_whole_and_keep_their_values() -> None:
    for one in catalogue():
        if one.id:
            texts = one.string if isinstance(one.string, tuple) else (one.string,)
            assert all(texts), one.id
            assert not one.fuzzy
            assert list(one.check()) == []


def test_the_compiled_catalogue_is_the_written_one() -> None:
    made = io.BytesIO()
    write_mo(made, catalogue())
    assert made.getvalue() == (DUTCH / "console.mo").read_bytes()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("nl", "nl"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("en-GB,en;q=0.9,nl;q=0.8", "en"),
        ("de,nl;q=0.3,en;q=0.2", "nl"),
        ("en;q=0,nl;q=0.1", "nl"),
        ("nl;q=0", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("NL", "nl"),
        (", ;q=x,nl;q=9,\x00", "en"),
        ("nl;q=0.5," * 10_000, "nl"),
    ],
)
def test_the_reader_chooses_the_language(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_are_written_as_the_reader_writes_them(language: str) -> None:
    money: Any = templates(language).filters["money"]
    told = {"en": ["1,234.50", "\N{MINUS SIGN}0.10", "0.00", "1.2345", ""]}
    told["nl"] = ["1.234,50", "\N{MINUS SIGN}0,10", "0,00", "1,2345", ""]
    values = [Decimal("1234.5"), "-0.1", Decimal(0), Decimal("1.2345"), None]
    assert [money(one) for one in values] == told[language]


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "x", "1e999999", [1], {"a": 1}, "9" * 40])
def test_what_is_no_amount_is_shown_as_it_came(value: object) -> None:
    assert templates("nl").filters["money"](value) == str(value)


def test_a_text_from_outside_is_one_line_without_control_signs() -> None:
    line = shown(HOSTILE)
    assert line.isprintable()
    told: Any = templates("nl").filters["told"]
    assert told(Message("Orders %(orders)s", {"orders": "%(x)s"})) == "Bestellingen %(x)s"


@pytest.mark.parametrize(
    ("reason", "own", "cause"),
    [
        ("Cost center 'SHIP' is unknown (line 3).", (), "Cost center 'SHIP' is unknown (line …)."),
        ("GL account 8000 is closed.", (), "GL account 8000 is closed."),
        ("000000012 is 121.00, not 1.210,50", ("000000012",), "… is …, not …"),
        (
            "Period 2026-10-31 is closed since 2026-11-01T10:00:00Z.",
            (),
            "Period … is closed since ….",
        ),
        ("No account for jan@shop.example.", (), "No account for …."),
        ("Order 12 has 120 lines", ("12",), "Order … has 120 lines"),
        ("A12 A 12", ("12",), "A12 A …"),
        (".*(x)+", (".*",), "…(x)+"),
        (None, ("1",), ""),
        ("", (), ""),
    ],
)
def test_documents_with_one_cause_have_one_text(
    reason: str | None, own: tuple[str, ...], cause: str
) -> None:
    assert cause_of(reason, *own) == cause


def test_what_may_name_a_person_is_hidden_whatever_it_is_called() -> None:
    whole = record(1, delivery_address={"city": "Utrecht"}, remarks=[NAME], account=NAME)
    whole["lines"] = [{**whole["lines"][0], "giftee": NAME, "account": {"code": "10", "x": EMAIL}}]
    hidden = privacy.without_names(whole)
    assert NAME not in str(hidden)
    assert EMAIL not in str(hidden)
    assert hidden["debtor"] == {"match": privacy.HIDDEN, "create": privacy.HIDDEN}
    assert hidden["lines"][0]["account"] == {"code": "10", "x": privacy.HIDDEN}
    assert hidden["totals"] == whole["totals"]
    assert privacy.names_in(whole) == {NAME, EMAIL, "Utrecht"}
    assert privacy.names_in(None) == set()
    text = f"{NAME.upper()} of Utrechtse Heuvel, {EMAIL}, Utrecht"
    told = privacy.masked(text, privacy.names_in(whole))
    assert told == f"{privacy.HIDDEN} of Utrechtse Heuvel, {privacy.HIDDEN}, {privacy.HIDDEN}"


def test_lines_are_put_side_by_side() -> None:
    ours = [
        {"gl_account": "8000", "amount": Decimal(-100), "derived": False},
        {"gl_account": None, "amount": Decimal(121), "derived": True, "role": "debtor"},
    ]

    class Line:
        def __init__(self, line_no: int | None, account: str, amount: int) -> None:
            self.line_no, self.told = line_no, {"gl_account": account, "amount": Decimal(amount)}

        def _asdict(self) -> dict[str, Any]:
            return self.told

    exact = [Line(0, "1300", 121), Line(1, "8010", -100), Line(2, "1999", 3)]
    first, debtor, stranger = side_by_side({"lines": [{"amount": 100}]}, ours, exact)
    assert first.differs
    assert first.shop == {"amount": 100}
    assert (first.ours and first.ours.credit, first.exact and first.exact.gl_account) == (
        100,
        "8010",
    )
    assert not debtor.differs
    assert debtor.exact is not None
    assert debtor.exact.debit == 121
    assert (stranger.shop, stranger.ours) == (None, None)
    for record_ in (None, {}, {"lines": "x"}, {"lines": ["x", 1]}):
        assert [one.shop for one in side_by_side(record_, ours, ())] == [None, None]


def test_only_what_differs_between_versions_is_told() -> None:
    before = {"a": {"b": [1, 2]}, "same": "x", "gone": 1}
    after = {"a": {"b": [1, 3, 4]}, "same": "x", "new": None}
    told = [(one.field, one.before, one.after) for one in changes(before, after)]
    assert told == [("a.b[2]", "2", "3"), ("gone", "1", ""), ("a.b[3]", "", "4"), ("new", "", "")]


@pytest.mark.parametrize("text", ["", "x", "1.", "1e9", "NaN", "1,2,3", "1" * 30, "--1", "1.23456"])
def test_an_amount_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an amount"):
        amount_of(text)
