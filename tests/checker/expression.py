"""Expressions of SPEC 3.1: the part of them over requests. What is beyond it raises Unsupported.

A tree is made of: Constant, Aggregate, Unary("-" | "not"), Binary(operator). The value of a tree is a Fraction where it is exact (an
aggregate, a constant), a float where it was calculated in doubles, a bool of a comparison or of logic, or None: no value.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
TOKEN = re.compile(rf"""\s*(?:
  (?P<duration>(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+(?![A-Za-z0-9_]))
  |(?P<number>{NUMBER})
  |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  |(?P<name>[A-Za-z_][A-Za-z0-9_.]*)
  |(?P<sign>=~|!~|==|!=|<=|>=|[<>=+\-*/%(){{}}\[\],]))""", re.VERBOSE)
QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999"}
COUNTS = ("count", "rate", "errors", "error_rate", "success_rate", "share", "absent")
LATENCIES = ("avg", "min", "max", "sum", "quantile")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Unsupported(Exception):
    """The contract has it, this checker has not."""


@dataclass(frozen=True)
class Constant:
    value: Fraction


@dataclass(frozen=True)
class Aggregate:
    name: str
    window: int
    matchers: tuple = ()
    predicate: object = None
    quantile: Fraction | None = None


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: object


@dataclass(frozen=True)
class Binary:
    operator: str
    left: object
    right: object


@dataclass(frozen=True)
class Matchers:
    """In a predicate."""
    matchers: tuple


@dataclass(frozen=True)
class Property:
    """In a predicate: success or latency."""
    name: str


def duration_ms(text):
    if isinstance(text, int):
        return text
    total, rest = Fraction(0), str(text).strip()
    if rest in ("0", ""):
        return 0
    for amount, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", rest):
        total += Fraction(amount) * UNITS[unit]
    if total.denominator != 1 or re.sub(r"(\d+(?:\.\d+)?)(ms|[smhdw])", "", rest):
        raise Unsupported(f"duration {text!r}")
    return int(total)


def unquote(text):
    if text[0] == "`":
        return text[1:-1]
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    if re.search(r"\\[^\\\"'ntr.]", text):
        raise Unsupported(f"escape in {text}")
    return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), text[1:-1])


def tokens_of(text):
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Unsupported(f"{text[at:]!r}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


class Parser:
    LEVELS = (("or",), ("and",), ("not",), COMPARISONS, ("+", "-"), ("*", "/"))

    def __init__(self, text):
        self.tokens, self.at, self.in_predicate = tokens_of(text), 0, False

    def peek(self):
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def kind(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, *wanted):
        if self.peek() is not None and self.peek() in wanted:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, wanted):
        if not self.take(wanted):
            raise Unsupported(f"{self.peek()!r} where {wanted!r} was expected")

    def whole(self):
        tree = self.level(0)
        if self.peek() is not None:
            raise Unsupported(f"{self.peek()!r}")
        return tree

    def level(self, n):
        if n == len(self.LEVELS):
            return self.unary()
        if self.LEVELS[n] == ("not",):
            return Unary("not", self.level(n)) if self.take("not") else self.level(n + 1)
        left = self.level(n + 1)
        while operator := self.take(*self.LEVELS[n]):
            left = folded(Binary(operator, left, self.level(n + 1)))
            if operator in COMPARISONS:
                break
        return left

    def unary(self):
        return folded(Unary("-", self.unary())) if self.take("-") else self.primary()

    def primary(self):
        if self.take("("):
            inner = self.level(0)
            self.expect(")")
            return inner
        if self.kind() in ("number", "duration"):
            return self.number()
        if self.in_predicate and self.peek() == "{":
            return Matchers(self.matchers())
        if self.kind() != "name":
            raise Unsupported(f"{self.peek()!r}")
        name = self.take(self.peek())
        if self.in_predicate:
            if name not in ("success", "latency"):
                raise Unsupported(f"{name!r} in a predicate")
            return Property(name)
        return self.aggregate(name)

    def number(self):
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "duration":
            return Constant(sum(Fraction(a) * UNITS[u] for a, u in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text)))
        return Constant(Fraction(text) / (100 if self.take("%") else 1))

    def aggregate(self, name):
        quantile = Fraction(QUANTILES[name]) if name in QUANTILES else None
        base = "quantile" if quantile is not None else name
        if base not in COUNTS + LATENCIES:
            raise Unsupported(name)
        predicate = None
        if self.take("("):
            if base == "quantile" and quantile is None:
                quantile = self.number().value
            elif base in ("count", "share"):
                self.in_predicate = True
                predicate = self.level(0)
                self.in_predicate = False
            else:
                raise Unsupported(f"{name} with an argument")
            self.expect(")")
        matchers = self.matchers() if self.peek() == "{" else ()
        self.expect("[")
        window = duration_ms(self.take(self.peek()))
        self.expect("]")
        if self.peek() == "offset":
            raise Unsupported("offset")
        return Aggregate(base, window, matchers, predicate, quantile)

    def matchers(self):
        self.expect("{")
        found = []
        while not self.take("}"):
            kind, name = self.tokens[self.at]
            self.at += 1
            operator = self.take("=", "!=", "=~", "!~")
            if operator is None or self.kind() != "text":
                raise Unsupported("a matcher")
            found.append((unquote(name) if kind == "text" else name, operator, unquote(self.take(self.peek()))))
            self.take(",")
        return tuple(found)


def folded(tree):
    """Arithmetic between constants is done at once, in exact fractions."""
    if isinstance(tree, Unary) and tree.operator == "-" and isinstance(tree.operand, Constant):
        return Constant(-tree.operand.value)
    if isinstance(tree, Binary) and isinstance(tree.left, Constant) and isinstance(tree.right, Constant) and tree.operator in "+-*/":
        a, b = tree.left.value, tree.right.value
        if tree.operator == "/" and b == 0:
            raise Unsupported("a constant divided by 0")
        return Constant({"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[tree.operator])
    return tree


def parse(text):
    return Parser(text).whole()


def walk(tree):
    """All nodes, in the order written."""
    if isinstance(tree, Unary):
        yield from walk(tree.operand)
    elif isinstance(tree, Binary):
        yield from walk(tree.left)
        yield tree
        yield from walk(tree.right)
        return
    yield tree


def aggregates(tree):
    return [node for node in walk(tree) if isinstance(node, Aggregate)]


def comparisons(tree):
    return [node for node in walk(tree) if isinstance(node, Binary) and node.operator in COMPARISONS]


def compare(operator, a, b):
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[operator]


def truth(value):
    return None if value is None else bool(value)


def evaluate(tree, value_of):
    """`value_of(aggregate)` is its exact value, or None."""
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Aggregate):
        return value_of(tree)
    if isinstance(tree, Unary):
        operand = evaluate(tree.operand, value_of)
        if operand is None:
            return None
        return not truth(operand) if tree.operator == "not" else -float(operand)
    left, right = evaluate(tree.left, value_of), evaluate(tree.right, value_of)
    if tree.operator in ("and", "or"):
        left, right = truth(left), truth(right)
        decisive = tree.operator == "or"
        if left is decisive or right is decisive:
            return decisive
        return None if left is None or right is None else not decisive
    if left is None or right is None:
        return None
    if tree.operator in COMPARISONS:
        exact = {type(tree.left), type(tree.right)} <= {Aggregate, Constant} and Constant in (type(tree.left), type(tree.right))
        return compare(tree.operator, left, right) if exact else compare(tree.operator, float(left), float(right))
    a, b = float(left), float(right)
    if tree.operator == "/":
        return a / b if b else None
    return {"+": a + b, "-": a - b, "*": a * b}[tree.operator]


def matches(matchers, event):
    for name, operator, wanted in matchers:
        text = event.text(name)
        same = text == wanted if operator in ("=", "!=") else re.fullmatch(wanted, text) is not None
        if same != (operator in ("=", "=~")):
            return False
    return True


def holds(predicate, event):
    """Of a predicate: two-valued, a comparison with an absent latency is false."""
    if isinstance(predicate, Matchers):
        return matches(predicate.matchers, event)
    if isinstance(predicate, Property) and predicate.name == "success":
        return not event.failed
    if isinstance(predicate, Unary) and predicate.operator == "not":
        return not holds(predicate.operand, event)
    if isinstance(predicate, Binary) and predicate.operator in ("and", "or"):
        left, right = holds(predicate.left, event), holds(predicate.right, event)
        return left and right if predicate.operator == "and" else left or right
    if isinstance(predicate, Binary) and predicate.operator in COMPARISONS:
        sides = [side.value if isinstance(side, Constant) else None if event.latency_us is None else Fraction(event.latency_us, 1000)
                 for side in (predicate.left, predicate.right)]
        return None not in sides and compare(predicate.operator, *sides)
    raise Unsupported("this predicate")
