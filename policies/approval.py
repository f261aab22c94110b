"""Whether a person is asked before a call is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import InvalidPolicy

Asker = Literal["callback", "suspension", "nobody"]
"""How a person can be asked: a function that the product gave, an interrupted run that goes on later, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSituation:
    """What is known of a call before it is made.

    Attributes:
        tool: the tool's name.
        declared: whether its author wants every call of it approved (`@tool(approval=True)`).
        effects: whether it may change something: it is not `read_only`.
        mistrust: why the rule on untrusted content (`trust`) wants a person to decide; empty where it does not.
        denied: whether a person has denied the same call in this run.
        asker: how a person can be asked.
        hidden: whether its arguments hold characters that a screen does not show, or that turn the order of others.
    """

    tool: str
    declared: bool
    effects: bool
    mistrust: str = ""
    denied: bool = False
    asker: Asker = "nobody"
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Proceed:
    """Nobody need be asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A person decides; `reason` tells them why they are asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unasked:
    """The call is not made, and nobody is asked; `reason` says it to the model and to the user."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Which calls a person has to approve, beside those of tools made with `@tool(approval=True)` and those that
    `trust.effects_after_untrusted = "ask"` is about.

    | `@tool(approval=True)` | tool in `tools` | `effects` | `read_only` | a person is asked |
    |------------------------|-----------------|-----------|-------------|-------------------|
    | yes                    | any             | any       | any         | yes               |
    | no                     | yes             | any       | any         | yes               |
    | no                     | no              | `True`    | no          | yes               |
    | no                     | no              | `True`    | yes         | no                |
    | no                     | no              | `False`   | any         | no                |

    Attributes:
        tools: names of further tools whose every call has to be approved, such as those of a server. Default: none.
        effects: whether every call that may change something has to be. Default `False`.
    """

    tools: tuple[str, ...] = ()
    effects: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.tools, tuple) or not all(isinstance(name, str) for name in self.tools):
            raise InvalidPolicy(
                f"approval.tools must be a tuple of tool names, such as ('send_mail',), got {self.tools!r}"
            )
        if not isinstance(self.effects, bool):
            raise InvalidPolicy(f"approval.effects must be True or False, got {self.effects!r}")

    def needed(self, tool: str, *, declared: bool, effects: bool) -> bool:
        """Whether every call of a tool has to be approved."""
        return declared or (self.effects and effects) or tool in self.tools

    def decide(self, situation: ApprovalSituation) -> Proceed | Ask | Unasked:
        """Say whether a person is asked, and why."""
        why = self._why(situation)
        if not why:
            return Proceed("no approval is asked for it")
        if situation.denied:
            return Unasked("the same call was denied before, and nobody is asked twice")
        if situation.asker == "nobody":
            return Unasked(
                f"it needs approval ({why}), and nobody can be asked: the agent has neither a checkpointer to suspend "
                "the run with nor an approve function"
            )
        # A person decides on what they see.
        return Ask(f"{why}; its arguments hold hidden characters" if situation.hidden else why)

    def _why(self, situation: ApprovalSituation) -> str:
        if situation.mistrust:
            return situation.mistrust
        if situation.declared:
            return "every call of it needs approval"
        if situation.tool in self.tools:
            return "approval.tools names it"
        return "approval.effects=True, and it may change something" if self.effects and situation.effects else ""
