"""The ledger of a run as a worker process sees it: kept by the run, and asked over the pipe for every claim.

Nothing is carved out for the worker: what runs in it is granted each claim as it makes it, beside its siblings. Where
the worker is killed, what it had reserved stays charged at its worst case, as nobody can say what came of it.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import count
from typing import Any

from ..policies.ledger import Claim, Granted, Refusal
from .scope import Enclosing


class RemoteLedger:
    """In a worker process: the ledger of the run whose tool it runs, for the time of one call.

    Afterwards, and in a process that the tool forked, it grants nothing.

    Args:
        ask: puts a question to the process of the run, and gives the answer.
    """

    def __init__(self, ask: Callable[[bytes], bytes]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._open = True

    def reserve(self, claim: Claim) -> Granted | Refusal:
        """Grant the whole claim or refuse it whole."""
        said = self._said("reserve", claim, otherwise=_refused(claim))
        return said if isinstance(said, Refusal) else RemoteReservation(self, said)

    def check(self, claim: Claim) -> Refusal | None:
        """Why the claim would be refused now, or `None`; reserves nothing."""
        refusal: Refusal | None = self._said("check", claim, otherwise=_refused(claim))
        return refusal

    def left(self) -> dict[str, float]:
        """What is left under each limit that is set."""
        left: dict[str, float] = self._said("left", otherwise={"tool_calls": 0.0, "model_calls": 0.0})
        return left

    def close(self, brought: Mapping[str, str]) -> None:
        """The call is over; `brought` is the untrusted content that runs inside it have read, as tools by origin."""
        if brought:
            self._said("brought", dict(brought))
        with self._lock:
            self._open = False

    def report(self, said: Any) -> None:
        """The call says something meanwhile."""
        self._said("report", said)

    def _said(self, *question: Any, otherwise: Any = None) -> Any:
        if os.getpid() != self._process:  # before the lock, which a fork may have copied locked
            return otherwise
        with self._lock:
            return pickle.loads(self._ask(pickle.dumps(question))) if self._open else otherwise


class RemoteReservation:
    """A claim that the run's ledger has granted, by its number there."""

    def __init__(self, ledger: RemoteLedger, number: int) -> None:
        self._ledger = ledger
        self._number = number

    def settle(
        self, *, input_tokens: int | None = None, output_tokens: int | None = None, cost_usd: float | None = None
    ) -> None:
        """Replace the worst case by the actual."""
        self._ledger._said("settle", self._number, input_tokens, output_tokens, cost_usd)

    def release(self) -> None:
        """Give the whole claim back."""
        self._ledger._said("release", self._number)


class LedgerDesk:
    """In the process of the run: answers what the worker process of one call asks.

    Args:
        enclosing: the attempt that the call is.
    """

    def __init__(self, enclosing: Enclosing) -> None:
        self._enclosing = enclosing
        self._granted: dict[int, Granted] = {}
        self._numbers = count(1)
        self._answers: dict[str, Callable[..., Any]] = {
            "reserve": self._reserve,
            "check": self._check,
            "left": self._left,
            "settle": self._settle,
            "release": self._release,
            "brought": self._brought,
            "report": self._report,
        }

    @property
    def message(self) -> dict[str, Any]:
        """What the worker is told beforehand: whether there is a ledger, whether anybody listens to what the
        call says meanwhile, and what the run's model was shown."""
        enclosing = self._enclosing
        return {
            "ledger": enclosing.ledger is not None,
            "report": enclosing.report is not None,
            "origins": dict(enclosing.origins),
        }

    def answer(self, question: bytes) -> bytes:
        """The answer to one question.

        Raises:
            Exception: it is none, as where a tool has written into the pipe.
        """
        kind, *arguments = pickle.loads(question)
        return pickle.dumps(self._answers[kind](*arguments))

    def _reserve(self, claim: Claim) -> int | Refusal:
        ledger = self._enclosing.ledger
        granted = _refused(claim) if ledger is None else ledger.reserve(claim)
        if isinstance(granted, Refusal):
            return granted
        number = next(self._numbers)
        self._granted[number] = granted
        return number

    def _check(self, claim: Claim) -> Refusal | None:
        return None if self._enclosing.ledger is None else self._enclosing.ledger.check(claim)

    def _left(self) -> dict[str, float]:
        return {} if self._enclosing.ledger is None else self._enclosing.ledger.left()

    def _settle(self, number: int, tokens_in: int | None, tokens_out: int | None, cost_usd: float | None) -> None:
        if (granted := self._granted.pop(number, None)) is not None:  # settling again changes nothing
            granted.settle(input_tokens=tokens_in, output_tokens=tokens_out, cost_usd=cost_usd)

    def _release(self, number: int) -> None:
        if (granted := self._granted.pop(number, None)) is not None:
            granted.release()

    def _brought(self, brought: dict[str, str]) -> None:
        if self._enclosing.brought is not None:
            self._enclosing.brought.update(brought)

    def _report(self, said: Any) -> None:
        if self._enclosing.report is not None:
            self._enclosing.report(said)


def _refused(claim: Claim) -> Refusal:
    """Nothing is granted any more, whatever it is."""
    wanted = {f.name: getattr(claim, f.name) for f in fields(claim) if f.name != "tool"}
    limit, want = next(((name, value) for name, value in wanted.items() if value), ("tool_calls", 0))
    return Refusal(limit=limit, allowed=0.0, left=0.0, wanted=float(want))
