"""``$filter`` of OData version 2, parsed with odata-query and turned into SQL.

odata-query reads version 4. The differences are translated before parsing: ``guid'...'``,
``datetime'...'``, ``123L`` and ``substringof``; what only version 4 has is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.visitor import NodeVisitor

from commerce_sandbox.exact.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.exact.metadata import Resource

_TOKEN = re.compile(
    r"(?P<kind>\b(?:guid|datetime|binary|time|datetimeoffset))?'(?P<text>(?:[^']|'')*)'"
    r"|(?P<guid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d)"
    r"|(?P<number>\b\d+(?:\.\d+)?)(?P<suffix>[LlMmDdFf]?)\b"
    r"|(?P<name>[A-Za-z_]\w*)"
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PREFIX = "p_"  # odata-query takes names such as AllowVAT for the operator all
_WORDS = frozenset(
    {"and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le", "add", "sub", "mul", "div", "mod"}
    | {"true", "false", "null"}
)
_FUNCTIONS = {
    "startswith": 2, "endswith": 2, "substringof": 2, "trim": 1, "tolower": 1, "toupper": 1,
    "length": 1, "indexof": 2, "year": 1, "month": 1, "day": 1,
}  # fmt: skip
#: OData 4 names that odata-query knows for functions whose version 2 name it does not.
_SAME = {"substringof": "contains"}
_COMPARATORS: dict[type, str] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_ARITHMETIC: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%",
}  # fmt: skip
_CALLS = {
    "contains": ("(instr({0}, {1}) > 0)", "Boolean"),
    "startswith": ("(instr({0}, {1}) = 1)", "Boolean"),
    "endswith": ("({0} LIKE '%' || {1})", "Boolean"),
    "indexof": ("(instr({0}, {1}) - 1)", "Int32"),
    "length": ("length({0})", "Int32"),
    "trim": ("trim({0})", "String"),
    "tolower": ("lower({0})", "String"),
    "toupper": ("upper({0})", "String"),
}
_NUMBERS = frozenset({"Int16", "Int32", "Int64", "Double", "Byte"})


@dataclass(frozen=True)
class Sql:
    """A piece of SQL, its parameters, and the Edm type it has (None: null)."""

    text: str
    parameters: tuple[Any, ...]
    type: str | None


@dataclass(frozen=True)
class Filter:
    """A filter as SQL, and the properties it names."""

    sql: Sql
    names: frozenset[str]


def parse(text: str, resource: Resource, column: Callable[[str], str]) -> Filter:
    """Parse a filter.

    Args:
        text: The value of ``$filter``, decoded.
        resource: Whose properties it may name.
        column: Returns the SQL of a property.

    Raises:
        BadRequestError: It cannot be read, names unknown properties or compares what cannot be
            compared.
    """
    translated = _translate(text)
    try:
        tree = ODataParser().parse(ODataLexer().tokenize(translated))
    except (ODataException, ValueError) as error:
        message = f"Syntax error in $filter: {error}"
        raise BadRequestError(message) from None
    if tree is None:
        message = "Expression expected at position 0."
        raise BadRequestError(message)
    visitor = _SqlVisitor(resource, column)
    sql = visitor.visit(tree)
    if not isinstance(sql, Sql) or sql.type != "Boolean":
        message = "Expression of type 'System.Boolean' expected at position 0."
        raise BadRequestError(message)
    return Filter(sql, frozenset(visitor.names))


def _translate(text: str) -> str:
    """Rewrite a version 2 filter in the words of version 4."""

    def replace(match: re.Match[str]) -> str:
        if match["text"] is not None:
            return _literal(match["kind"], match["text"], match.start())
        if match["guid"] or match["date"]:
            message = f"Syntax error at position {match.start()}."  # version 4 literals
            raise BadRequestError(message)
        if match["number"] is not None:
            return match["number"]
        name = match["name"]
        if name in _WORDS:
            return name
        if name in _FUNCTIONS and text[match.end() :].lstrip().startswith("("):
            return _SAME.get(name, name)
        if text[match.end() :].startswith("("):
            message = f"Unknown function '{name}' at position {match.start()}."
            raise BadRequestError(message)
        return _PREFIX + name

    return _TOKEN.sub(replace, text.strip())


def _literal(kind: str | None, text: str, position: int) -> str:
    if kind is None:
        return f"'{text}'"
    if kind == "guid" and _GUID.fullmatch(text):
        return text.lower()
    if kind == "datetime":
        try:
            return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%S.%f")
        except ValueError:
            pass
    message = f"Unrecognized '{kind}' literal '{kind}'{text}'' in position '{position}'."
    raise BadRequestError(message)


class _SqlVisitor(NodeVisitor):
    """Turns the tree into SQL with parameters, checking types on the way."""

    def __init__(self, resource: Resource, column: Callable[[str], str]) -> None:
        super().__init__()
        self._resource = resource
        self._column = column
        self.names: set[str] = set()

    def generic_visit(self, node: Any) -> Any:
        message = f"Syntax error in $filter: {type(node).__name__} is not supported."
        raise BadRequestError(message)

    def visit_Identifier(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        name = node.full_name().removeprefix(_PREFIX)
        item = self._resource.properties.get(name)
        if item is None or item.type in {"Collection", "Complex", "Binary"}:
            message = (
                f"No property '{name}' exists in type '{self._resource.type_name}' at position 0."
            )
            raise BadRequestError(message)
        self.names.add(name)
        return Sql(self._column(name), (), item.type)

    def visit_Null(self, _: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("NULL", (), None)

    def visit_Boolean(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (int(node.py_val),), "Boolean")

    def visit_Integer(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (node.py_val,), "Int64")

    def visit_Float(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (node.py_val,), "Double")

    def visit_String(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (node.val,), "String")

    def visit_GUID(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (node.val,), "Guid")

    def visit_DateTime(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        return Sql("?", (node.val.rstrip("0").rstrip("."),), "DateTime")

    def visit_Compare(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        left, right = self.visit(node.left), self.visit(node.right)
        operator = _COMPARATORS.get(type(node.comparator))
        if operator is None:
            return self.generic_visit(node.comparator)  # type: ignore[no-any-return]
        if not _comparable(left.type, right.type):
            name = type(node.comparator).__name__.lower()[:2]
            message = (
                f"Operator '{name}' incompatible with operand types "
                f"'Edm.{left.type}' and 'Edm.{right.type}' at position 0."
            )
            raise BadRequestError(message)
        if left.type is None or right.type is None:
            operator = {"=": "IS", "<>": "IS NOT"}.get(operator, operator)
        elif operator == "<>":
            operator = "IS NOT"  # null is not equal to a value
        return Sql(
            f"({left.text} {operator} {right.text})", left.parameters + right.parameters, "Boolean"
        )

    def visit_BoolOp(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        left, right = self._boolean(node.left), self._boolean(node.right)
        word = "AND" if isinstance(node.op, ast.And) else "OR"
        return Sql(
            f"({left.text} {word} {right.text})", left.parameters + right.parameters, "Boolean"
        )

    def visit_UnaryOp(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        if isinstance(node.op, ast.Not):
            inner = self._boolean(node.operand)
            return Sql(f"(NOT coalesce({inner.text}, 0))", inner.parameters, "Boolean")
        inner = self.visit(node.operand)
        return Sql(f"(-{inner.text})", inner.parameters, inner.type)

    def visit_BinOp(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        left, right = self.visit(node.left), self.visit(node.right)
        if left.type not in _NUMBERS or right.type not in _NUMBERS:
            message = "Operator incompatible with operand types at position 0."
            raise BadRequestError(message)
        sign = _ARITHMETIC[type(node.op)]
        return Sql(
            f"({left.text} {sign} {right.text})", left.parameters + right.parameters, "Double"
        )

    def visit_Call(self, node: Any) -> Sql:  # noqa: N802 -- the library's name
        name = node.func.full_name()
        arguments = [self.visit(argument) for argument in node.args]
        texts = [argument.text for argument in arguments]
        parameters = tuple(value for argument in arguments for value in argument.parameters)
        wanted = "DateTime" if name in {"year", "month", "day"} else "String"
        if any(argument.type != wanted for argument in arguments):
            message = f"No applicable function found for '{name}' at position 0."
            raise BadRequestError(message)
        if name == "contains":  # substringof: the needle comes first
            parameters = arguments[1].parameters + arguments[0].parameters
            texts.reverse()
        if name in {"year", "month", "day"}:
            start, length = {"year": (1, 4), "month": (6, 2), "day": (9, 2)}[name]
            return Sql(
                f"CAST(substr({texts[0]}, {start}, {length}) AS INTEGER)", parameters, "Int32"
            )
        template, kind = _CALLS[name]
        return Sql(template.format(*texts), parameters, kind)

    def _boolean(self, node: Any) -> Sql:
        sql: Sql = self.visit(node)
        if sql.type != "Boolean":
            message = "Operator incompatible with operand types: a condition is expected."
            raise BadRequestError(message)
        return sql


def _comparable(left: str | None, right: str | None) -> bool:
    if left is None or right is None or left == right:
        return True
    return left in _NUMBERS and right in _NUMBERS
