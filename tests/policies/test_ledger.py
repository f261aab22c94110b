"""The ledger reserves the worst case, settles to the actual, and is never above a limit."""

from __future__ import annotations

import threading

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from shotclock import Budget
from shotclock.policies.ledger import Claim, Ledger, Refusal

LIMITS = Budget(tool_calls=5, model_calls=4, tokens=1000, cost_usd=1.0, per_tool={"search": 2})


class LedgerMachine(RuleBasedStateMachine):
    """Any order of reserving, settling within the claim, and releasing keeps every limit at every moment."""

    open = Bundle("open")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(LIMITS)
        self.granted: list[Claim] = []

    @rule(target=open, tool=st.sampled_from(["search", "other"]), cost=st.sampled_from([0.0, 0.1, 0.3]))
    def reserve_tool(self, tool, cost):
        return self._reserve(Claim(tool=tool, tool_calls=1, cost_usd=cost))

    @rule(target=open, sent=st.integers(0, 400), written=st.integers(0, 400), cost=st.sampled_from([0.0, 0.2, None]))
    def reserve_model(self, sent, written, cost):
        return self._reserve(Claim(model_calls=1, input_tokens=sent, output_tokens=written, cost_usd=cost))

    def _reserve(self, claim):
        before = self.ledger.spend()
        reservation = self.ledger.reserve(claim)
        if isinstance(reservation, Refusal):
            assert self.ledger.spend() == before, "a refusal reserves nothing"
            assert reservation.left < reservation.wanted
            return multiple()
        return reservation

    @rule(reservation=consumes(open), share=st.floats(0, 1))
    def settle(self, reservation, share):
        claim = reservation.claim
        reservation.settle(
            input_tokens=int(claim.input_tokens * share),
            output_tokens=int(claim.output_tokens * share),
            cost_usd=None if claim.cost_usd is None else claim.cost_usd * share,
        )

    @rule(reservation=consumes(open))
    def settle_at_the_worst_case(self, reservation):
        before = self.ledger.spend()
        reservation.settle()
        assert self.ledger.spend() == before, "what is unknown stays at the worst case"

    @rule(reservation=consumes(open))
    def release(self, reservation):
        before = self.ledger.spend()
        reservation.release()
        after = self.ledger.spend()
        assert after.tool_calls == before.tool_calls - reservation.claim.tool_calls
        reservation.release()
        reservation.settle(output_tokens=0)
        assert self.ledger.spend() == after, "a reservation ends once"

    @invariant()
    def no_limit_is_exceeded(self):
        spend = self.ledger.spend()
        assert 0 <= spend.tool_calls <= 5
        assert 0 <= spend.model_calls <= 4
        assert 0 <= spend.tokens <= 1000
        assert self.ledger._cost <= 1.0 + 1e-9
        assert spend.per_tool.get("search", 0) <= 2
        assert spend.tool_calls == sum(spend.per_tool.values())

    @precondition(lambda self: self.ledger.spend().tool_calls == 5)
    @rule()
    def a_full_ledger_refuses_by_name(self):
        refusal = self.ledger.reserve(Claim(tool="other", tool_calls=1))
        assert isinstance(refusal, Refusal)
        assert refusal.limit == "tool_calls"


TestLedger = LedgerMachine.TestCase


def test_threads_together_get_no_more_than_the_limit():
    """Fifty threads that reserve at once are granted exactly the limit."""
    ledger = Ledger(Budget(tool_calls=20))
    granted = []
    barrier = threading.Barrier(50)

    def work():
        barrier.wait()
        granted.append(not isinstance(ledger.reserve(Claim(tool="t", tool_calls=1)), Refusal))

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 20
    assert ledger.spend().tool_calls == 20


def test_an_unknown_price_is_not_zero():
    """One call of unknown price makes the money spent unknown, until its price is settled."""
    ledger = Ledger(Budget())
    reservation = ledger.reserve(Claim(model_calls=1, cost_usd=None))
    assert ledger.spend().cost_usd is None
    reservation.settle(cost_usd=0.25)
    assert ledger.spend().cost_usd == 0.25


def test_a_refusal_says_what_is_left():
    """A refusal names the limit, what it allows, what is left and what was wanted."""
    ledger = Ledger(Budget(tokens=100))
    refusal = ledger.reserve(Claim(model_calls=1, input_tokens=80, output_tokens=40))
    assert refusal == Refusal(limit="tokens", allowed=100, left=100, wanted=120)
    assert refusal.reason == "tokens=100 leaves 100, and 120 would be needed"


def test_what_is_free_is_never_refused():
    """A claim of nothing passes even where a limit is zero."""
    assert not isinstance(Ledger(Budget(tool_calls=0, cost_usd=0)).reserve(Claim(model_calls=1)), Refusal)
