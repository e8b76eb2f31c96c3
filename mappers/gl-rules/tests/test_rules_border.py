"""A rules file of any shape ends in our own error, with place and advice, and soon."""

from __future__ import annotations

import random  # noqa: TC003  # hypothesis looks it up
from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.rules.yaml_text import LARGEST

EXAMPLE = (Path(__file__).parents[3] / "examples" / "rules.yml").read_text()
SMALL = """\
settings:
  journal: "70"
  home_country: NL
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: 0010
vat_codes:
  21: {rate: 21, gl: "1500"}  # since 2012
rules:
  # All goods.
  - name: goods
    when: {line: [product, shipping], rate: 21, attributes: {color: [red, 7]}}
    book: {gl: "8000", vat_code: auto}
"""
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LAUGHS, "anchors (&) and aliases (*) are not used in rules (rules.yml, line 1)"),
        ("settings:\n  journal: *none\n", "anchors (&) and aliases (*)"),
        ("rate: !!float x\n", "tags such as tag:yaml.org,2002:float are not used"),
        ("a: !!python/object/apply:os.system [id]\n", "tags such as"),
        ("a: " + "[" * 3000, "maximum depth"),
        ("a: " + "[" * 100_000, "maximum depth"),
        ("a: " + "{b: " * 3000, "maximum depth"),
        ("- " * 3000, "maximum depth"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: 0x" + "f" * 5000, "unknown field"),
        ("a: 1" + "0" * 300 + "e9999999999", "inf is no percentage or amount"),
        ("\x00", "no valid YAML"),
        ("\ud800", "no valid YAML"),
        ("%YAML 9.9\n---\na: b\n", "version 1.* is required"),
        ("%TAG ! tag:x,2000:\n---\n!a b\n", "no valid YAML"),
        ("a: b\n---\nc: d\n", "no valid YAML"),
        ("? [a, b]\n: c\n", "unknown field"),
        ("? {a: b}\n: c\n", "unknown field"),
        ("a" * (LARGEST + 1), "more than"),
        ("<<: {a: b}\n", "unknown field"),
        ("[[]]: 1\n", "unhashable type"),
        (": 1\n", "unknown field None"),
        ("1.5: 1\ntrue: 2\n", "unknown field"),
        ('vat_codes: {21: {rate: 21}, "21": {rate: 9}}\n', 'the key "21" stands there twice'),
    ],
    ids=range(24),
)
def test_odd_yaml_is_our_own_error(text: str, problem: str) -> None:
    begin = process_time()
    with pytest.raises(RulesError) as caught:
        parse_rules(text, origin="rules.yml")
    assert problem in str(caught.value)
    assert "rules.yml" in str(caught.value)
    assert process_time() - begin < 20


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e400", "99999999999999999999"])
def test_a_percentage_is_a_number_of_this_world(number: str) -> None:
    text = EXAMPLE.replace('"21": {rate: 21,', f'"21": {{rate: {number},')
    with pytest.raises(RulesError, match=r"line 23, field vat_codes\.21\.rate"):
        parse_rules(text, origin="rules.yml")


def test_a_line_is_no_document() -> None:
    text = EXAMPLE.replace(
        "line: document, website: b2b", "line: [document, product], website: b2b"
    )
    with pytest.raises(RulesError, match="a rule is either for documents or for lines"):
        parse_rules(text, origin="rules.yml")


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(RulesError):
        load_rules(Path("/dev/zero"))


@given(st.randoms(use_true_random=False))
def test_a_damaged_file_is_read_or_refused(chance: random.Random) -> None:
    text = list(SMALL)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(text))
        odd = "{}[]&*!|>'\"%@`:-?,#\n\t 0\x85\u2028"
        text[place : place + chance.randint(0, 3)] = chance.choice(odd)
    with suppress(RulesError):
        parse_rules("".join(text), origin="rules.yml")
