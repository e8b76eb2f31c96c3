"""The difference between two versions of the rules, in the words of an accountant."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapper_gl_rules.rules.model import Rule, Rules

__all__ = ["compare"]


def compare(old: Rules, new: Rules) -> list[str]:
    """Give one line per added, removed, moved or changed rule, VAT code and setting."""
    return [*_settings(old, new), *_vat_codes(old, new), *_rules(old, new)]


def _settings(old: Rules, new: Rules) -> Iterator[str]:
    before, after = (_flat(one.settings) for one in (old, new))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, "None"), after.get(name, "None")
        if was != now:
            yield f"~ setting {name}: {was} -> {now}"


def _flat(value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in value.__struct_fields__:
        one = getattr(value, name)
        if isinstance(one, msgspec.Struct):
            found.update(_flat(one))
        else:
            shown = sorted(one) if isinstance(one, frozenset) else one
            found[name] = str(shown)
    return found


def _vat_codes(old: Rules, new: Rules) -> Iterator[str]:
    before = {code.code: code for code in old.vat_codes}
    after = {code.code: code for code in new.vat_codes}
    for code in [*before, *(code for code in after if code not in before)]:
        if code not in after:
            yield f"- VAT code {code}"
        elif code not in before:
            yield f"+ VAT code {code}: {after[code].rate.normalize():f} %"
        elif before[code] != after[code]:
            yield f"~ VAT code {code}: {_changes(before[code], after[code])}"


def _rules(old: Rules, new: Rules) -> Iterator[str]:
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    for name, rule in before.items():
        if name not in after:
            yield f"- rule {name!r}: {_describe(rule)}"
    for name, rule in after.items():
        if name not in before:
            yield f"+ rule {name!r}: {_describe(rule)}"
        elif _describe(before[name]) != _describe(rule):
            yield f"~ rule {name!r}: {_describe(before[name])} -> {_describe(rule)}"
    common = [name for name in before if name in after]
    moved = [name for name in after if name in before]
    for name, other in zip(common, moved, strict=True):
        if name != other:
            yield f"~ order: {other!r} now comes where {name!r} was"
            break


def _describe(rule: Rule) -> str:
    when = ", ".join(f"{name} {_value(value)}" for name, value in sorted(rule.when.items()))
    if rule.book is None:
        return f"when {when}: refuse, {rule.refuse}"
    book = ", ".join(
        f"{name} {getattr(rule.book, name)}"
        for name in rule.book.__struct_fields__
        if getattr(rule.book, name) is not None
    )
    return f"when {when}: {book}"


def _value(value: Any) -> str:
    """Write a condition's values; how a number is written makes no difference."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_value(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " or ".join(map(_value, value))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _changes(old: Any, new: Any) -> str:
    return ", ".join(
        f"{name} {getattr(old, name)} -> {getattr(new, name)}"
        for name in old.__struct_fields__
        if getattr(old, name) != getattr(new, name)
    )
