"""The language of conditions: comparisons of numbers, words and named values. Nothing is called but
``known``, nothing is looked up but the values of the report.

    condition  = either ("or" either)*                  either = part ("and" part)*
    part       = "not" part | comparison | "known" "(" NAME ")"
    comparison = sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)+
               | sum "in" "(" literal ("," literal)* ")"  |  sum, where it is true or false
    sum        = product (("+" | "-") product)*         product = sign (("*" | "/") sign)*
    sign       = "-" sign | NUMBER ["%"] | 'WORD' | "true" | "false" | NAME | "(" condition ")"
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

Value = float | str | bool
Values = Mapping[str, Value | None]

MAX_LENGTH = 1000
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?)|(?P<word>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|==|!=|[<>()+\-*/,]))"
)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RESERVED = ("and", "or", "not", "in", "true", "false", "known")


class ExpressionError(ValueError):
    """A condition that cannot be understood, or names what no report has."""


class UnknownValueError(Exception):
    """The report has no number under this name: it was not measured."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was not measured")
        self.name = name


@dataclass(frozen=True)
class Condition:
    """A parsed condition; ``names``: the values that it reads, in the order of the text."""

    text: str
    names: tuple[str, ...]
    _holds: Callable[[Values], Value]

    def holds(self, values: Values) -> bool:
        """Raises UnknownValueError when it depends on what was not measured, ExpressionError when
        words and numbers are mixed."""
        result = self._holds(values)
        if not isinstance(result, bool):
            raise ExpressionError(f"{self.text!r} gives {result!r} instead of true or false")
        return result


def parse(text: str, known: tuple[str, ...]) -> Condition:
    """Raises ExpressionError, which says where and what."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"a condition of {len(text)} characters; {MAX_LENGTH} are allowed")
    parser = _Parser(text, known)
    evaluate = parser.condition()
    parser.require_end()
    return Condition(text.strip(), tuple(dict.fromkeys(parser.names)), evaluate)


Evaluate = Callable[[Values], Value]


class _Parser:
    """Recursive descent; every method returns a function of the values."""

    def __init__(self, text: str, known: tuple[str, ...]) -> None:
        self._text = text
        self._known = known
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []

    def condition(self) -> Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"{self._text!r} is nested too deeply")
        parts = [self._all_of()]
        while self._take("or"):
            parts.append(self._all_of())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda values: any(_truth(p, values) for p in parts)

    def require_end(self) -> None:
        if self._peek():
            raise self._error("an operator or the end")

    def _all_of(self) -> Evaluate:
        parts = [self._part()]
        while self._take("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else lambda values: all(_truth(p, values) for p in parts)

    def _part(self) -> Evaluate:
        negations = 0
        while self._take("not"):
            negations += 1
        found = self._comparison()
        if not negations:
            return found
        return lambda values: _truth(found, values) != bool(negations % 2)

    def _comparison(self) -> Evaluate:
        first = self._sum()
        if self._take("in"):
            return self._membership(first)
        chain: list[tuple[str, Evaluate]] = []
        while (sign := self._peek()) in (*_COMPARISONS, "==", "!="):
            self._at += 1
            chain.append((sign, self._sum()))
        return _chained(first, chain) if chain else first

    def _membership(self, item: Evaluate) -> Evaluate:
        self._require("(")
        choices = [self._sum()]
        while self._take(","):
            choices.append(self._sum())
        self._require(")")
        return lambda values: any(_same(item(values), choice(values)) for choice in choices)

    def _sum(self) -> Evaluate:
        return self._chain(self._product, {"+": operator.add, "-": operator.sub})

    def _product(self) -> Evaluate:
        return self._chain(self._signed, {"*": operator.mul, "/": _divide})

    def _chain(
        self, part: Callable[[], Evaluate], signs: Mapping[str, Callable[[float, float], float]]
    ) -> Evaluate:
        found = part()
        while (sign := self._peek()) in signs:
            self._at += 1
            found = _arithmetic(signs[sign], found, part())
        return found

    def _signed(self) -> Evaluate:
        negative = False
        while self._take("-"):
            negative = not negative
        found = self._atom()
        return (lambda values: -_number(found(values))) if negative else found

    def _atom(self) -> Evaluate:
        token = self._peek()
        if self._take("("):
            inner = self.condition()
            self._require(")")
            return inner
        if token == "known":  # noqa: S105 - a word of the language
            return self._known_value()
        if token in ("true", "false"):
            self._at += 1
            return lambda _values: token == "true"  # noqa: S105
        if not token or token in _RESERVED or not (token[0].isalnum() or token[0] in "_.'\""):
            raise self._error("a number, a name or '('")
        self._at += 1
        return self._literal_or_name(token)

    def _literal_or_name(self, token: str) -> Evaluate:
        if token[0] in "'\"":
            return lambda _values: token[1:-1]
        if token[0].isdigit() or token[0] == ".":
            number = float(token[:-1]) / 100 if token.endswith("%") else float(token)
            return lambda _values: number
        return _looked_up(self._name(token))

    def _known_value(self) -> Evaluate:
        self._at += 1
        self._require("(")
        name = self._name(self._peek())
        self._at += 1
        self._require(")")
        return lambda values: values.get(name) is not None

    def _name(self, name: str) -> str:
        if name not in self._known:
            near = get_close_matches(name, self._known, 1)
            hint = f"did you mean {near[0]}?" if near else "`polarizer gate --list` shows all"
            raise ExpressionError(f"{self._text!r}: no report has a value {name!r}; {hint}")
        self.names.append(name)
        return name

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        taken = self._peek() == token
        self._at += taken
        return taken

    def _require(self, token: str) -> None:
        if not self._take(token):
            raise self._error(repr(token))

    def _error(self, wanted: str) -> ExpressionError:
        found = repr(self._peek()) if self._peek() else "the end"
        return ExpressionError(f"{self._text!r}: {wanted} was expected instead of {found}")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"{text!r}: {text[at:].strip()[:20]!r} is not understood")
        found.append(match[match.lastgroup or 0])
        at = match.end()
    if not found:
        raise ExpressionError("the condition is empty")
    return found


def _chained(first: Evaluate, chain: list[tuple[str, Evaluate]]) -> Evaluate:
    """``a < b < c`` as mathematicians mean it."""

    def evaluate(values: Values) -> bool:
        left = first(values)
        for sign, other in chain:
            right = other(values)
            if not _compare(sign, left, right):
                return False
            left = right
        return True

    return evaluate


def _compare(sign: str, left: Value, right: Value) -> bool:
    if sign in ("==", "!="):
        return _same(left, right) == (sign == "==")
    return _COMPARISONS[sign](_number(left), _number(right))


def _same(left: Value, right: Value) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        raise ExpressionError(f"{left!r} and {right!r} cannot be compared")
    return left == right


def _arithmetic(act: Callable[[float, float], float], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda values: act(_number(left(values)), _number(right(values)))


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise ExpressionError("a division by zero")
    return left / right


def _looked_up(name: str) -> Evaluate:
    def evaluate(values: Values) -> Value:
        found = values.get(name)
        if found is None:
            raise UnknownValueError(name)
        return found

    return evaluate


def _number(value: Value) -> float:
    if isinstance(value, str):
        raise ExpressionError(f"{value!r} is a word, where a number is needed")
    return float(value)


def _truth(part: Evaluate, values: Values) -> bool:
    value = part(values)
    if not isinstance(value, bool):
        raise ExpressionError(f"{value!r} is neither true nor false")
    return value
