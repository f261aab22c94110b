"""Whose word counts: what tools found is data, and may not make anything happen by itself.

The rule, whole:

1. Results and errors of tools marked `trusted=False` are *untrusted content*: pages, documents, tables, whatever
   strangers wrote. So is what a nested agent says that has read some, and what a plan makes of it. The model is shown
   it inside a fence (`fencing`), and calls are only ever taken from the model's own channel for calls, never from text.
2. From the moment the model has been shown untrusted content, its calls may be somebody else's idea. A call that may
   change something (no `read_only=True`) is then refused, unless the policy says otherwise for it, or a person
   approves it (`approval`). What was asked for before that moment is the user's.
3. Keys, tokens and passwords do not leave in arguments (`credentials`): never those of the environment; others only as
   long as no untrusted content was shown, and only where the user or a trusted tool gave them.
4. After that moment no URL in an argument carries text of the conversation to a host that neither the user, nor the
   instructions, nor a trusted tool named (`links`). Opening a link as it was found is no leak.
5. Nor does the answer: markup that a screen would fetch by itself, and links that carry text of the conversation, are
   taken out of it (`markup`).

Whatever is refused is recorded, with the situation it was decided on, and the user is warned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import InvalidPolicy

Choice = Literal["refuse", "allow"]
"""What becomes of a call that a rule is about."""

EffectsChoice = Literal["refuse", "ask", "allow"]
"""What becomes of a call that may change something; `ask` puts it to a person where one can be asked."""

Rule = Literal["credentials", "links", "effects"]
"""The rule that refused a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSituation:
    """What is known when a call asks to be let through.

    Lists are written as one text, so that a trace holds them as they were; an empty text is an empty list.

    Attributes:
        tool: the tool's name.
        effects: whether it may change something: it is not `read_only`, and no agent that judges that itself.
        through: names of the tools whose untrusted content the model had been shown when it asked for the call, or that
            a plan made the call's arguments from.
        origins: where that content came from, for people.
        secrets: kinds of credentials in the arguments that must not leave, such as `a GitHub token`.
        leaks: hosts in the arguments that nobody vouched for, each with what its URL would carry there.
        approval: whether every call of the tool is put to a person anyway.
    """

    tool: str
    effects: bool
    through: str = ""
    origins: str = ""
    secrets: str = ""
    leaks: str = ""
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Let the call through."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not begin the call; `rule` is the one that says so, `reason` says it to the model and to the user."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """Let a person decide; where none approves it, the call is refused. `reason` says why they are asked."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What untrusted content may lead to.

    | `effects_after_untrusted` | tool in `allow` | `read_only` | call after untrusted content |
    |---------------------------|-----------------|-------------|------------------------------|
    | any                       | any             | yes         | let through                  |
    | `refuse`                  | no              | no          | refused, unless every call   |
    |                           |                 |             | of the tool needs approval   |
    | `ask`                     | no              | no          | put to a person              |
    | `refuse`, `ask`           | yes             | no          | let through                  |
    | `allow`                   | any             | no          | let through                  |

    Attributes:
        effects_after_untrusted: what becomes of calls that may change something, once the model has been shown
            untrusted content; `"ask"` puts them to a person and refuses what nobody approves. Default `"refuse"`.
        allow: names of tools that may be called then all the same. They are still held to the other rules. Default:
            none.
        credentials: what becomes of calls whose arguments carry a credential that must not leave. Default `"refuse"`.
        links: what becomes of calls whose arguments carry text of the conversation to a host that nobody vouched for.
            Default `"refuse"`.
        strip_markup: whether markup that fetches, and links that carry text of the conversation, are taken out of
            answers once untrusted content was read. Default `True`.
    """

    effects_after_untrusted: EffectsChoice = "refuse"
    allow: tuple[str, ...] = ()
    credentials: Choice = "refuse"
    links: Choice = "refuse"
    strip_markup: bool = True

    def __post_init__(self) -> None:
        if self.effects_after_untrusted not in ("refuse", "ask", "allow"):
            raise InvalidPolicy(
                "trust.effects_after_untrusted must be 'refuse', 'ask' or 'allow', got "
                f"{self.effects_after_untrusted!r}"
            )
        for name in ("credentials", "links"):
            if getattr(self, name) not in ("refuse", "allow"):
                raise InvalidPolicy(f"trust.{name} must be 'refuse' or 'allow', got {getattr(self, name)!r}")
        if not isinstance(self.allow, tuple) or not all(isinstance(name, str) for name in self.allow):
            raise InvalidPolicy(
                f"trust.allow must be a tuple of tool names, such as ('send_mail',), got {self.allow!r}"
            )
        if not isinstance(self.strip_markup, bool):
            raise InvalidPolicy(f"trust.strip_markup must be True or False, got {self.strip_markup!r}")

    def decide(self, situation: TrustSituation) -> Admit | Question | Refuse:
        """Let a call through, or say which rule refuses it, or puts it to a person, and why."""
        if situation.secrets and self.credentials == "refuse":
            return Refuse("credentials", f"its arguments carry {situation.secrets}, which must not leave in a call")
        if situation.leaks and self.links == "refuse":
            return Refuse(
                "links",
                f"a URL in its arguments would carry {situation.leaks}, a host that only content nobody vouched for "
                "can have named",
            )
        if not situation.effects:
            return Admit("it changes nothing")
        if not situation.through:
            return Admit("no untrusted content has been shown")
        if situation.tool in self.allow:
            return Admit(f"trust.allow names it, although content of {situation.through} was shown before")
        if self.effects_after_untrusted == "allow":
            return Admit(
                f"trust.effects_after_untrusted='allow', although content of {situation.through} was shown before"
            )
        why = f"it may change something, and untrusted content (of {situation.through}) came before it"
        if situation.approval or self.effects_after_untrusted == "ask":
            return Question("effects", why)
        return Refuse("effects", f"{why}, which must not decide that; trust.allow can name the tool")
