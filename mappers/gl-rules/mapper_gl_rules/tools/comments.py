"""Comments of a rules file: which rule, setting or VAT code each belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

__all__ = ["comments_of", "head_comment"]


def comments_of(node: CommentedMap | CommentedSeq, text: str) -> dict[str | int, str]:
    """Collect the comments of each entry: the lines right above it and behind its lines.

    Args:
        node: The rules, settings or VAT codes, as parsed.
        text: The whole file.
    """
    lines = text.splitlines()
    keys: list[str | int] = list(node) if hasattr(node, "keys") else list(range(len(node)))
    starts = [_start(node, key) for key in keys]
    found: dict[str | int, str] = {}
    for number, (key, start) in enumerate(zip(keys, starts, strict=True)):
        end = starts[number + 1] if number + 1 < len(starts) else _end(lines, start)
        above = _above(lines, start)
        inside = [_behind(line) for line in lines[starts[number] : end] if _behind(line)]
        comment = "\n".join([*above, *inside]).strip()
        if comment:
            found[key] = comment
    return found


def _above(lines: list[str], start: int) -> list[str]:
    """Give the comment lines right above a line."""
    first = start
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return [_content(line) for line in lines[first:start]]


def head_comment(text: str) -> str:
    """Give the comment at the top of the file, before anything else."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        if line.startswith("#"):
            found.append(_content(line))
    return "\n".join(found)


def _start(node: CommentedMap | CommentedSeq, key: str | int) -> int:
    position = node.lc.key(key) if hasattr(node, "keys") else node.lc.item(key)
    return int(position[0])


def _end(lines: list[str], start: int) -> int:
    """Find where the last entry of a block ends: at a line that is indented less."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return number
    return len(lines)


def _content(line: str) -> str:
    return line.strip().removeprefix("#").strip()


def _behind(line: str) -> str:
    """Give the comment behind a value; a # inside quotes or a word is none."""
    if line.lstrip().startswith("#"):
        return ""
    quote = ""
    for position, character in enumerate(line):
        if quote:
            escaped = quote == '"' and line[position - 1] == "\\"
            quote = "" if character == quote and not escaped else quote
        elif character in "\"'" and line[:position].rstrip()[-1:] in ("", ":", ",", "[", "{", "-"):
            quote = character
        elif character == "#" and line[position - 1 : position].isspace():
            return line[position + 1 :].strip()
    return ""
