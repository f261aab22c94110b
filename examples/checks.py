"""Checks of results: what comes back wrong is not passed on. Run it: python -m examples.checks"""

from __future__ import annotations

from typing import Any

from shotclock import Agent, Budget, Verdict, tool
from shotclock.agent.recheck import recheck
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.checking import run_checks
from shotclock.tools.checks import agrees_with, echoes, in_range, in_unit, one_of, quotes, recomputed

INVOICE = [
    echoes("number"),  # it is the invoice that was asked for
    one_of(["EUR", "USD"], "currency"),  # an enum
    in_range(0, 1_000_000, field="total"),  # a range
    recomputed("total", lambda invoice: sum(line["amount"] for line in invoice["lines"])),  # arithmetic made again
]
PARCEL = [in_unit("kg", field="weight"), quotes("remark", within="letter")]
GOOD = {"number": 7, "currency": "EUR", "lines": [{"amount": 12.5}, {"amount": 30.0}], "total": 42.5}


@tool(read_only=True, checks=[*INVOICE, agrees_with("ledger", field="total")])
def invoice(number: int) -> dict[str, Any]:
    """An invoice by its number."""
    return GOOD


@tool(read_only=True)
def ledger(number: int) -> dict[str, Any]:
    """What the ledger says of an invoice."""
    return {"number": number, "total": 42.5}


def shown(what: str, verdict: Verdict) -> None:
    """A verdict on one line."""
    print(f"{what:18} {verdict.outcome:6} {verdict.reason}")


def looked_at(what: str, **changes: Any) -> None:
    """What the checks of an invoice say of one that came back changed."""
    shown(what, run_checks("invoice", GOOD | changes, {"number": 7}, INVOICE))


if __name__ == "__main__":
    looked_at("as it should be")
    looked_at("another one", number=8)
    looked_at("wrong total", total=45.2)
    looked_at("unknown currency", currency="XXX")
    letter = "It weighs 3 pounds. Handle with care."
    shown("wrong unit", run_checks("parcel", {"weight": "3 lb", "remark": "Handle", "letter": letter}, {}, PARCEL))
    altered = {"weight": "3 kg", "remark": "Handle without care", "letter": letter}
    shown("altered quotation", run_checks("parcel", altered, {}, PARCEL))

    for answer in ("The total of invoice 7 is 42.50.", "The total of invoice 7 could not be found."):
        model = ScriptedModel([ask(("invoice", {"number": 7}), ("ledger", {"number": 7})), answer, answer])
        again = recheck("invoice", by="ledger", field="total")  # the same, derived in another way
        result = Agent(model, [invoice, ledger], verify=[again]).run_sync("What does it come to?", budget=Budget(5))
        print(f"{result.answer} verified: {result.verified} ({result.verdict.reason})")
