"""The README's tables are the code's; its example is a rules file that works.

Write the tables anew: `python mappers/gl-rules/tests/test_readme.py`.
"""

from __future__ import annotations

from pathlib import Path

from mapper_gl_rules.reference import TABLES
from mapper_gl_rules.rules.loading import parse_rules

README = Path(__file__).parents[1] / "README.md"


def with_tables(text: str) -> str:
    for name, table in TABLES.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = f"{before}{mark}{table()}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return text


def test_the_tables_are_up_to_date() -> None:
    text = README.read_text()
    assert all(f"<!-- {name} -->" in text for name in TABLES)
    assert text == with_tables(text)


def test_the_example_works() -> None:
    example = README.read_text().split("```yaml\n")[1].split("```")[0]
    assert len(parse_rules(example, origin="README").rules) == 3


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
