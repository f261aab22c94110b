"""Queries with known answers: look-ups that feed each other, and a check that says what of an answer is right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from .tape import unit

T = TypeVar("T")

FIELDS = (
    "berth", "carrier", "depot", "permit", "route", "gate", "crate", "pilot", "vessel", "locker", "wharf", "yard",
    "hangar", "quay", "zone", "mast",
)  # fmt: skip
"""What records hold; every field of a query is another one, and its codes begin with its letters."""

TOOL_WEIGHTS = (
    ("registry", 0.2), ("ledger", 0.2), ("catalog", 0.18), ("roster", 0.18), ("tariff", 0.18), ("archive", 0.06),
)  # fmt: skip
WIDTHS, DEPTHS = ((1, 0.25), (2, 0.3), (3, 0.25), (4, 0.2)), ((1, 0.25), (2, 0.45), (3, 0.3))
"""Parts of a query and hops to each, with their shares."""

CALLS_EACH = 3
"""Attempts of tools that a query may use for each call it needs."""

COST_USD = 0.02
"""US dollars of model calls that a query may use."""

_CODE = re.compile(r"\b([A-Za-z]{2})[-\u2010-\u2015 ]?(\d{5})\b")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Node:
    """A look-up: `field` of the record that `tool` has under `key`, which is the value of `parent` where it has one."""

    number: int
    tool: str
    field: str
    parent: int | None
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What of an answer is right: parts stated rightly and wrongly, of so many."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    parts: int

    @property
    def whole(self) -> bool:
        """Whether every part is there and none is wrong."""
        return not self.wrong and len(self.right) == self.parts

    @property
    def credit(self) -> float:
        """The share of the parts that is right; nothing where one is stated wrongly."""
        return 0.0 if self.wrong else len(self.right) / self.parts


@dataclass(frozen=True)
class Query:
    """A question as a forest of look-ups; the leaves are its parts."""

    seed: int
    index: int
    nodes: tuple[Node, ...]

    @cached_property
    def parts(self) -> tuple[Node, ...]:
        """The look-ups whose values are asked for."""
        parents = {node.parent for node in self.nodes}
        return tuple(node for node in self.nodes if node.number not in parents)

    @cached_property
    def by_field(self) -> dict[str, Node]:
        """The look-ups by the field they want."""
        return {node.field: node for node in self.nodes}

    @cached_property
    def text(self) -> str:
        """The question in words."""
        return f"Find {_listed([node.field for node in self.parts])}. " + " ".join(map(self._told, self.parts))

    @property
    def calls(self) -> int:
        """Attempts of tools it may use."""
        return CALLS_EACH * len(self.nodes)

    def way(self, node: Node) -> tuple[Node, ...]:
        """The look-ups that lead to a node, itself last."""
        return (*self.way(self.nodes[node.parent]), node) if node.parent is not None else (node,)

    def _told(self, part: Node) -> str:
        way = self.way(part)
        steps = [f"look {way[0].key} up in {way[0].tool} for its {way[0].field}"]
        steps += [f"look that {before.field} up in {node.tool} for its {node.field}" for before, node in pairwise(way)]
        return f"For the {part.field}: {', then '.join(steps)}."

    def mark(self, text: str) -> Marks:
        """What of an answer is right, however it is phrased."""
        said = {code.upper() for code in codes(text)}
        leaves = {prefix(node.field): node for node in self.parts}
        right = tuple(node.field for node in self.parts if node.value in said)
        wrong = [
            leaves[code[:2]].field for code in sorted(said) if code[:2] in leaves and code != leaves[code[:2]].value
        ]
        wrong += self._swapped(text)
        return Marks(right, tuple(dict.fromkeys(wrong)), len(self.parts))

    def _swapped(self, text: str) -> list[str]:
        """Parts of which a sentence that names only them says another part's value."""
        values, found = {node.value: node.field for node in self.parts}, []
        for sentence in _SENTENCE.split(text):
            named = [node.field for node in self.parts if re.search(rf"\b{node.field}\b", sentence, re.IGNORECASE)]
            told = {values[code] for code in codes(sentence) if code in values}
            if len(named) == 1 and told and named[0] not in told:
                found.append(named[0])
        return found


def codes(text: str) -> list[str]:
    """The codes a text holds, written as the world writes them."""
    plain = text.replace("*", "").replace("_", "").replace("`", "")
    return [f"{letters.upper()}-{digits}" for letters, digits in _CODE.findall(plain)]


def prefix(field: str) -> str:
    """The letters that codes of a field begin with."""
    return field[:2].upper()


def code(field: str, *key: object) -> str:
    """A code of a field that is the key's own."""
    return f"{prefix(field)}-{int(unit('code', field, *key) * 90_000) + 10_000}"


def make(seed: int, index: int) -> Query:
    """Query `index` of a seed."""

    def draw(*key: object) -> float:
        return unit("query", seed, index, *key)

    width, depth = _chosen(WIDTHS, draw("width")), _chosen(DEPTHS, draw("depth"))
    fields = sorted(FIELDS, key=lambda field: draw("field", field))
    nodes: list[Node] = []
    before: list[Node] = []
    for level in range(depth):
        size = width if level == depth - 1 else max(1, round(width * (0.5 + 0.5 * draw("size", level))))
        size = max(size, len(before))
        layer = []
        for n in range(size):
            number = len(nodes)
            # Each of the layer before leads on; what is more goes out from one of them.
            parent = before[n if n < len(before) else int(draw("parent", number) * len(before))] if before else None
            field = fields[number % len(FIELDS)]
            key = parent.value if parent else f"ID-{int(draw('key', number) * 90_000) + 10_000}"
            value = code(field, seed, index, number, key)
            tool = _chosen(TOOL_WEIGHTS, draw("tool", number))
            layer.append(Node(number, tool, field, parent.number if parent else None, key, value))
            nodes.append(layer[-1])
        before = layer
    return Query(seed, index, tuple(nodes))


def _chosen(options: Sequence[tuple[T, float]], at: float) -> T:
    for option, share in options:
        at -= share
        if at < 0:
            return option
    return options[-1][0]


def _listed(names: Sequence[str]) -> str:
    the = [f"the {name}" for name in names]
    return the[0] if len(the) == 1 else f"{', '.join(the[:-1])} and {the[-1]}"
