"""Lint compares only rules that have something in common, and finds what comparing all would."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.rules.model import Rule
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.overlap import Scope
from mapper_gl_rules.tools.rule_index import RuleIndex


def _some(*values: Any) -> st.SearchStrategy[Any]:
    several = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return st.one_of(st.sampled_from(values), several)


conditions = st.fixed_dictionaries(
    {},
    optional={
        "line": _some("product", "shipping"),
        "sku": _some("LAMP", "LAMP-1", "MUG", "*"),
        "sku_pattern": _some("LAMP*", "LAMP-?", "*", "M*", "LAMP", "?AMP", "[LM]*"),
        "field": _some("row_total", "row*"),
        "rate": _some(21, 9, 0),
        "country": _some("NL", "DE"),
        "supply": _some("domestic", "oss"),
        "category": _some(1, 2),
        "goods_value": st.sampled_from(["over 10 EUR", "up to 10 EUR"]),
        "attributes": st.sampled_from([{"color": "red"}, {"color": ["red", "blue"]}]),
    },
)


@given(st.lists(conditions, min_size=2, max_size=12))
def test_no_pair_is_left_out(rules: list[dict[str, Any]]) -> None:
    scopes = [Scope(Rule(f"rule {number}", when)) for number, when in enumerate(rules)]
    index = RuleIndex(scopes)
    for number, scope in enumerate(scopes):
        wider = [one for one in range(number) if scopes[one].covers(scope)]
        assert [one for one in index.wider(number) if scopes[one].covers(scope)] == wider
        behind = range(number + 1, len(scopes))
        met = [one for one in behind if scope.overlaps(scopes[one])]
        assert [one for one in index.meeting(number) if scope.overlaps(scopes[one])] == met


def test_a_rule_for_each_product_is_compared_with_few(monkeypatch: Any, make_rules: Any) -> None:
    """Of 400 rules nearly all are for one product each: not 80,000 comparisons."""
    compared = 0
    real = Scope.overlaps

    def counted(*given: Any) -> bool:
        nonlocal compared
        compared += 1
        return real(*given)

    monkeypatch.setattr(Scope, "overlaps", counted)
    rules = make_rules(
        *(
            f'name: r{n}, when: {{line: product, sku: "L{n}"}}, book: {{gl: "{8000 + n % 2}"}}'
            for n in range(400)
        )
    )
    lint(rules)
    assert 0 < compared < 8_000


def test_a_warning_names_some_and_counts_the_rest(make_rules: Any) -> None:
    rules = make_rules(
        'name: first, when: {line: product, rate: 21}, book: {gl: "1"}',
        *(
            f'name: later {n}, when: {{line: product, country: NL, sku: "L{n}"}}, book: {{gl: "2"}}'
            for n in range(20)
        ),
    )
    (text,) = [one.text for one in lint(rules) if one.text.startswith("rule 'first'")]
    assert "later 0, later 1" in text
    assert "later 7 and 1" in text
    assert "later 8" not in text
