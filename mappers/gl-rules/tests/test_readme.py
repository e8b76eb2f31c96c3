"""The tables of the docs are the code's; the README's example is a rules file that works.

Write the tables anew: `python mappers/gl-rules/tests/test_readme.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.tools.reference import TABLES, with_tables

README = Path(__file__).parents[1] / "README.md"
PAGES = (README, Path(__file__).parents[3] / "docs" / "accountant.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert text == with_tables(text)


def test_every_table_is_somewhere() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in TABLES if f"<!-- {name} -->" not in text] == []


def test_the_example_works() -> None:
    example = README.read_text().split("```yaml\n")[1].split("```")[0]
    assert len(parse_rules(example, origin="README").rules) == 3


if __name__ == "__main__":
    for one in PAGES:
        one.write_text(with_tables(one.read_text()))
