"""Exact arithmetic on a bounded part of Python's expression syntax.

Numbers are fractions, so `0.1 + 0.2` is 0.3 and large whole numbers keep every digit; what has no exact value (roots,
logarithms, angles) becomes a float. simpleeval walks the tree; what it may meet is listed here, and every value is
bounded before the next one is made of it.
"""

from __future__ import annotations

import ast
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from ...policies.errors import ToolError

MAX_DIGITS = 1_000
"""Digits a number may have while calculating; more is refused, because time and memory grow with them."""

Number = Fraction | float

_MAX_BITS = int(MAX_DIGITS * math.log2(10)) + 1
_MAX_EXPONENT = 400
_TOO_LARGE = f"this needs numbers of more than {MAX_DIGITS:,} digits; ask for smaller powers or factorials"
_NOT_ARITHMETIC = "this is not arithmetic; write numbers, + - * / ^ %, brackets and functions such as sqrt(2)"


def evaluate(text: str) -> Number:
    """The value of an expression of numbers, `+ - * / // % **`, the functions of `FUNCTIONS` and `pi`, `e`, `tau`.

    A number may carry a mark: `17.5[pct]` is 17.5 percent, `5[fac]` is 5 factorial; see `MARKS`. A sum whose right side
    is a percentage means a share of the left side: `200 + 10[pct]` is 220.

    Raises:
        ToolError: it cannot be read, divides by zero, is not a real number or needs more than `MAX_DIGITS` digits.
    """
    text = text.strip()
    try:
        # The tree's columns count bytes, and they are characters only in ASCII.
        tree = ast.parse(text.encode("ascii").decode(), mode="eval").body
        value = _Evaluator(text).eval(text, tree)  # type: ignore[no-untyped-call]
    except ZeroDivisionError:
        raise ToolError("this divides by zero, which has no value") from None
    except OverflowError:
        raise ToolError(_TOO_LARGE) from None
    except (RecursionError, MemoryError):
        raise ToolError("the expression is nested too deeply; split it into several calculations") from None
    except (InvalidExpression, SyntaxError, ValueError, TypeError):
        raise ToolError(_NOT_ARITHMETIC) from None
    return _bounded(value)


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its `name`, with the `least` and `most` numbers it takes (`None`: any number of them)."""

    name: str
    compute: Callable[..., Any]
    least: int = 1
    most: int | None = 1

    def __call__(self, *numbers: Number) -> Number:
        """The bounded value for `numbers`; a wrong number of them or one out of range is a `ToolError`."""
        if len(numbers) < self.least or (self.most is not None and len(numbers) > self.most):
            raise ToolError(f"{self.name} takes {self._takes()}, got {len(numbers)}")
        try:
            return _bounded(self.compute(*numbers))
        except ValueError:
            raise ToolError(f"{self.name} has no real value for {', '.join(map(_short, numbers))}") from None

    def _takes(self) -> str:
        if self.most is None:
            return f"{self.least} or more numbers"
        if self.least == self.most:
            return "one number" if self.most == 1 else f"{self.most} numbers"
        return f"{self.least} to {self.most} numbers"


def _bounded(value: Any) -> Number:
    """`value` as a number, refused where it is not real or has too many digits."""
    if isinstance(value, complex):
        raise ToolError("this has no real value: an even root of a negative number")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ToolError(_TOO_LARGE)
        return value
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        raise ToolError(_NOT_ARITHMETIC)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise ToolError(_TOO_LARGE)
    return Fraction(value)


def _short(number: Number) -> str:
    try:
        return f"{float(number):g}"
    except OverflowError:
        return "a number that large"


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        # A base of 0, 1 or -1 has one bit and stays small whatever the exponent is.
        if (bits - 1) * abs(exponent) > _MAX_BITS:
            raise ToolError(_TOO_LARGE)
        return _bounded(base ** int(exponent))
    if exponent == Fraction(1, 2):
        return _root(base)
    result: Any = float(base) ** float(exponent)
    return _bounded(result)


def _root(x: Number) -> Number:
    if x < 0:
        raise ValueError
    if isinstance(x, Fraction):
        exact = Fraction(math.isqrt(x.numerator), math.isqrt(x.denominator))
        if exact * exact == x:
            return exact
    return math.sqrt(x)


def _cube_root(x: Number) -> Number:
    near = math.cbrt(float(x))
    return Fraction(round(near)) if round(near) ** 3 == x else near


def _logarithm(x: Number, base: Number = Fraction(10)) -> Number:
    if base <= 0 or base == 1 or x <= 0:
        raise ValueError
    near = _ln(x) / _ln(base)
    whole = round(near)
    exact = isinstance(x, Fraction) and isinstance(base, Fraction) and abs(whole) <= _MAX_BITS
    return Fraction(whole) if exact and abs(near - whole) < 1e-9 and _power(base, Fraction(whole)) == x else near


def _natural_logarithm(x: Number) -> Number:
    return Fraction(0) if x == 1 else _ln(x)


def _ln(x: Number) -> float:
    # As a whole number, because a float ends at 1e308.
    return math.log(x.numerator) - math.log(x.denominator) if isinstance(x, Fraction) else math.log(x)


def _factorial(x: Number) -> Fraction:
    if x < 0 or x != int(x):
        raise ValueError
    if math.lgamma(float(x) + 1) > _MAX_BITS * math.log(2):
        raise ToolError(_TOO_LARGE)
    return Fraction(math.factorial(int(x)))


def _rounded(x: Number, places: Number = Fraction(0)) -> Fraction:
    """Half away from zero, as people round; Python rounds 2.5 to 2."""
    if places != int(places) or not -_MAX_EXPONENT <= places <= _MAX_EXPONENT:
        raise ValueError
    # The shortest decimal of a float is what a reader sees, and so what is to be rounded.
    exact = Fraction(repr(x)) if isinstance(x, float) else x
    scale = Fraction(10) ** int(places)
    whole = math.floor(abs(exact) * scale + Fraction(1, 2))
    return (whole if exact >= 0 else -whole) / scale


def _angle(function: Callable[[float], float]) -> Callable[[Number], Number]:
    def compute(x: Number) -> Number:
        result = function(float(x))
        # sin(pi) is 1.2e-16 in floats, and tan(90 degrees) 1.6e16 where it has no value.
        if abs(result) > 1e15:
            raise ValueError
        return Fraction(0) if abs(result) < 1e-15 else result

    return compute


def _whole(function: Callable[..., int]) -> Callable[..., Fraction]:
    def compute(*numbers: Number) -> Fraction:
        if any(number != int(number) for number in numbers):
            raise ValueError
        return Fraction(function(*map(int, numbers)))

    return compute


def _real(function: Callable[[float], float]) -> Callable[[Number], float]:
    return lambda x: function(float(x))


def _sum(*numbers: Number) -> Number:
    total: Number = Fraction(0)
    for number in numbers:
        total = _bounded(total + number)
    return total


def _product(*numbers: Number) -> Number:
    total: Number = Fraction(1)
    for number in numbers:
        total = _bounded(total * number)
    return total


def _functions() -> dict[str, Function]:
    inverse = {"asin": math.asin, "acos": math.acos, "atan": math.atan}
    one: dict[str, Callable[..., Any]] = {
        "sqrt": _root,
        "cbrt": _cube_root,
        "ln": _natural_logarithm,
        "log2": lambda x: _logarithm(x, Fraction(2)),
        "log10": _logarithm,
        "exp": _real(math.exp),
        **{name: _angle(getattr(math, name)) for name in ("sin", "cos", "tan")},
        **{name: _real(getattr(math, name)) for name in ("sinh", "cosh", "tanh")},
        **{name: _real(function) for name, function in inverse.items()},
        **{f"arc{name[1:]}": _real(function) for name, function in inverse.items()},
        "abs": abs,
        "floor": math.floor,
        "ceil": math.ceil,
        "factorial": _factorial,
    }
    many: dict[str, Callable[..., Any]] = {
        "min": lambda *numbers: min(numbers),
        "max": lambda *numbers: max(numbers),
        "sum": _sum,
        "product": _product,
        "mean": lambda *numbers: _sum(*numbers) / len(numbers),
        "average": lambda *numbers: _sum(*numbers) / len(numbers),
        "median": lambda *numbers: statistics.median(numbers),
        "gcd": _whole(math.gcd),
        "lcm": _whole(math.lcm),
    }
    two = (Function("log", _logarithm, 1, 2), Function("round", _rounded, 1, 2), Function("pow", _power, 2, 2))
    return (
        {name: Function(name, compute) for name, compute in one.items()}
        | {name: Function(name, compute, 1, None) for name, compute in many.items()}
        | {function.name: function for function in two}
    )


FUNCTIONS = _functions()
"""Every function by name. `log` is the decimal logarithm or takes a base, `ln` the natural one; angles are in
radians."""

NAMES: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
"""The constants."""

MARKS: dict[str, Callable[[Number], Number]] = {
    "pct": lambda x: x / 100,
    "off": lambda x: 1 - x / 100,
    "more": lambda x: 1 + x / 100,
    "fac": FUNCTIONS["factorial"],
    "deg": lambda x: math.radians(float(x)),
    "thousand": lambda x: x * 10**3,
    "million": lambda x: x * 10**6,
    "billion": lambda x: x * 10**9,
    "trillion": lambda x: x * 10**12,
}
"""What may stand behind a number in square brackets, where it binds tighter than any operator."""

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: _power,
    ast.UAdd: lambda a: a,
    ast.USub: lambda a: -a,
}


class _Evaluator(SimpleEval):
    """simpleeval with nothing but numbers in it: no strings, attributes, keywords, comparisons or assignments."""

    def __init__(self, text: str) -> None:
        super().__init__(operators=_OPERATORS, functions=dict(FUNCTIONS), names=dict(NAMES))  # type: ignore[no-untyped-call]
        self._text = text
        self.nodes = {
            ast.BinOp: self._binary,
            ast.UnaryOp: self._eval_unaryop,
            ast.Call: self._eval_call,
            ast.Name: self._constant,
            ast.Constant: self._literal,
            ast.Subscript: self._marked,
        }

    def _binary(self, node: ast.BinOp) -> Number:
        if isinstance(node.op, (ast.Add, ast.Sub)) and _is_share(node.right) and not _is_share(node.left):
            share = self._eval(node.right)  # type: ignore[no-untyped-call]
            whole = self._eval(node.left)  # type: ignore[no-untyped-call]
            return _bounded(whole * (1 + share if isinstance(node.op, ast.Add) else 1 - share))
        return _bounded(self._eval_binop(node))  # type: ignore[no-untyped-call]

    def _constant(self, node: ast.Name) -> Number:
        # simpleeval would hand out a function by its bare name.
        if node.id not in NAMES:
            raise ToolError(_NOT_ARITHMETIC)
        return NAMES[node.id]

    def _literal(self, node: ast.Constant) -> Number:
        """The number as it was written, since Python has already made a float of it."""
        if type(node.value) not in (int, float):
            raise ToolError(_NOT_ARITHMETIC)
        written = self._text[node.col_offset : node.end_col_offset]
        exponent = written.lower().partition("e")[2]
        if abs(int(exponent or 0)) > _MAX_EXPONENT:
            raise ToolError(_TOO_LARGE)
        return _bounded(Fraction(written))

    def _marked(self, node: ast.Subscript) -> Number:
        if not isinstance(node.slice, ast.Name) or node.slice.id not in MARKS:
            raise ToolError(_NOT_ARITHMETIC)
        return _bounded(MARKS[node.slice.id](self._eval(node.value)))  # type: ignore[no-untyped-call]


def _is_share(node: ast.AST) -> bool:
    """Whether a part is a percentage, or a sum of nothing else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return _is_share(node.left) and _is_share(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_share(node.operand)
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == "pct"
