"""Checks of answers that a product brings along, and what becomes of an answer that one refuses."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from shotclock import Agent, Budget, Policy, UsageError, Verdict, tool
from shotclock.agent.lab.replay import replay
from shotclock.agent.models.base import Pace
from shotclock.agent.priced import costly
from shotclock.policies.verification import Verification
from shotclock.testing import Say, ScriptedModel, VirtualClock, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.")
COMPOSES = Policy(verification=Verification(compose=True))
GOOD, BAD = "There are 7 apples.", "There are 9 apples."


def run(answers, verify=(), *, latency=10, policy=None, **limits):
    """A run that asks for the apples and then says the answers, one a model call."""
    model = ScriptedModel([ask(("apples", {})), *answers])
    agent = Agent(model, [APPLES], verify=verify, policy=policy or Policy())
    return VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=latency, **limits)))


def short(answered):
    """An answer is short."""
    return len(answered.text) < 25 or "it is too long"


async def polite(answered):
    """An answer is polite."""
    await asyncio.sleep(0.5)
    return "please" in answered.text or "it is not polite"


def raises(answered):
    """A verifier with a fault."""
    raise ValueError("oops")


async def hangs(answered):
    """A verifier that never answers."""
    await asyncio.sleep(3600)


@pytest.mark.parametrize(("verifier", "verified"), [(short, True), (polite, False)])
def test_a_plain_and_an_async_verifier_decide(verifier, verified):
    """What a product's own check refuses is not verified, and the user is told why."""
    result = run([GOOD], [verifier])
    assert result.verified is verified
    assert verified or "The answer is not verified: it is not polite." in result.warnings


@pytest.mark.parametrize(
    ("verifier", "words", "outcome"),
    [
        (raises, "The verifier raises raised ValueError: oops.", "unsure"),
        (hangs, "The verifier hangs had not answered after", "unsure"),
        (lambda answered: 7, None, "pass"),
        (lambda answered: None, None, "pass"),
    ],
)
def test_trouble_with_a_verifier_costs_neither_the_answer_nor_the_deadline(verifier, words, outcome):
    """One that raises or hangs leaves the answer as it is, but not called verified: who was to check it has not."""
    result = run([GOOD], [verifier])
    assert (result.answer, result.verdict.outcome) == (GOOD, outcome)
    assert result.elapsed <= 10
    assert words is None or any(words in warning for warning in result.warnings)


def test_a_verifier_that_blocks_is_left_behind():
    """A plain one runs in a thread: it holds up neither the loop nor the answer."""

    over = threading.Event()

    def blocks(answered):
        over.wait(5)

    agent = Agent(ScriptedModel([ask(("apples", {})), GOOD]), [APPLES], verify=[blocks])
    began = time.monotonic()
    result = agent.run_sync("How many apples are there?", budget=Budget(latency=0.5))
    assert time.monotonic() - began <= 0.55
    over.set()
    assert result.answer == GOOD


def test_a_refused_answer_is_asked_for_again_with_the_reason():
    """The model is told why, once; the better answer stands, and the decision is on record."""
    asked = []

    def second(request):
        asked.append(request.messages[-1]["content"])
        return GOOD

    result = run([f"{GOOD} Well, more or less.", second], [short])
    assert (result.answer, result.verified) == (GOOD, True)
    assert asked[0].startswith("That answer was refused: it is too long.")
    assert [d["choice"] for d in result.decisions if d["kind"] == "verify"] == ["again"]


def test_an_answer_that_the_evidence_refutes_is_asked_for_again():
    """The check against the evidence refuses as a product's verifier does."""
    result = run([BAD, GOOD])
    assert (result.answer, result.verified, result.spend.model_calls) == (GOOD, True, 3)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_asking_again_is_capped(most):
    """However often an answer is refused, the model is asked again at most so often as the policy says."""
    wrong = [f"There are {number} apples." for number in (9, 10, 11, 12, 13)]
    result = run(wrong, policy=Policy(verification=Verification(resamples=most)))
    assert result.spend.model_calls == 2 + most
    assert not result.verified


def test_who_says_the_same_again_is_not_asked_further():
    """A model that repeats a refused answer has had its say."""
    result = run([BAD], policy=Policy(verification=Verification(resamples=5)))
    assert (result.answer, result.spend.model_calls) == (BAD, 3)


def test_there_is_no_second_answer_without_room():
    """Where no model call or no time is left the model is not asked again."""
    assert run([BAD], model_calls=2).spend.model_calls == 2
    slow = ScriptedModel([ask(("apples", {})), Say(BAD, after=1.5)], pace=Pace(start=1.5, per_token=0.0))
    agent = Agent(slow, [APPLES])
    result = VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=2.5)))
    assert (result.answer, result.spend.model_calls) == (BAD, 2)
    assert result.elapsed <= 2.5


def test_a_refused_answer_gives_way_to_a_composed_one_that_passes():
    """Where the policy says so, the one composed from the evidence is given if it passes its checks."""
    result = run([BAD], policy=COMPOSES)
    assert (result.answer, result.verified, result.status) == (GOOD, True, "fallback")
    assert any(warning.startswith("The model's answer was refused: ") for warning in result.warnings)
    assert [d["choice"] for d in result.decisions if d["kind"] == "verify"] == ["again", "composed"]


@pytest.mark.parametrize(
    ("verify", "policy"),
    [
        ([], None),
        ([lambda answered: "7" not in answered.text or "we do not name figures"], COMPOSES),
    ],
)
def test_a_refused_answer_stays_where_nothing_better_passes(verify, policy):
    """Where the policy keeps it, or the composed one is refused too, the model's answer is given, marked."""
    result = run([BAD], verify, policy=policy)
    assert (result.answer, result.verified) == (BAD, False)
    assert any(warning.startswith("The answer is not verified: ") for warning in result.warnings)


def test_a_verdict_vouches_and_a_mere_true_does_not():
    """Where the evidence leaves an answer open, only a `Verdict` of the author's own makes it verified."""
    open_ = "It depends on how one counts."
    assert not run([open_], [lambda answered: True]).verified
    assert run([open_], [lambda answered: Verdict.passed("ours", "we know")]).verified


def test_saying_done_without_the_call_that_does_it_fails():
    """An answer that claims an effect which no call had is refused; one where nothing could be checked is unsure."""
    assert run(["I have sent the mail to Ann."]).verdict.outcome == "fail"
    assert run(["It depends on how one counts."]).verdict.outcome == "unsure"


def test_no_composed_answer_hides_that_nothing_was_done():
    """Who asked for something to be done is told that it was not, and not what was found by the way."""
    result = run(["Done, I have sent the mail to Ann."], policy=COMPOSES)
    assert (result.verdict.outcome, result.answer) == ("fail", "Done, I have sent the mail to Ann.")


def test_a_claim_that_a_call_bears_out_does_not_fail():
    """The same words are right where the call was made."""
    mail = fake_tool("send_mail", returns="The mail to Ann was sent.")
    model = ScriptedModel([ask(("send_mail", {"text": "Ann"})), "I have sent the mail to Ann."])
    result = VirtualClock().run(Agent(model, [mail]).run("Send a mail to Ann.", budget=Budget(latency=5)))
    assert result.verdict.outcome == "pass"


def priced(says, *, latency=1.0, takes=1.0, cost_usd=0.0):
    """A verifier that is declared to take so long, takes so long and says this."""

    async def service(answered):
        await asyncio.sleep(takes)
        return says

    return costly(service, latency=latency, cost_usd=cost_usd, name=f"service of {latency} s")


def choices(result):
    """What was decided of costly verifiers."""
    return [(d["choice"], d["reason"]) for d in result.decisions if d["choice"] in ("buy", "not_bought")]


def test_cheap_verifiers_come_first():
    """A costly verifier is asked last, and not at all once a cheap one has refused."""
    policy = Policy(verification=Verification(resamples=0))
    refused = run([f"{GOOD} Well, more or less."], [priced(True), short], policy=policy)
    assert choices(refused) == []
    assert choices(run([GOOD], [priced(True), short]))[0][0] == "buy"


@pytest.mark.parametrize("blocking", [False, True])
def test_any_function_can_be_costly(blocking):
    """A plain or an async function becomes a costly verifier, with its price in the ledger."""
    check = costly(lambda answered: "no", latency=0.1, cost_usd=0.01) if blocking else priced("no", cost_usd=0.01)
    result = run([GOOD], [check], policy=Policy(verification=Verification(resamples=0)))
    assert (result.verdict.outcome, result.verdict.reason) == ("fail", "no")
    assert result.spend.cost_usd == pytest.approx(0.02 if result.spend.model_calls == 3 else 0.01, abs=0.011)


def test_a_costly_verifier_is_bought_within_the_limits():
    """Its time must fit, and its price into the budget."""
    assert "are left for it" in choices(run([GOOD], [priced(True, latency=8)], latency=8))[0][1]
    assert "cost_usd=0.005" in choices(run([GOOD], [priced(True, cost_usd=0.01)], cost_usd=0.005))[0][1]


def test_a_costly_verifier_that_hangs_is_waited_for_within_its_share():
    """It takes no more of the run than the policy grants, and is learnt to be slow."""
    result = run([GOOD], [priced(True, latency=0.5, takes=3600)], latency=8)
    assert (result.answer, result.verified) == (GOOD, True)
    assert result.elapsed <= 2.1
    assert any("had not answered after" in warning for warning in result.warnings)


def test_what_a_costly_verifier_takes_is_learnt():
    """One that is declared quick and turns out slower is expected to be as slow as it is."""
    model = ScriptedModel([ask(("apples", {})), GOOD])
    agent = Agent(model, [APPLES], verify=[priced(True, latency=0.1, takes=0.8)])
    clock = VirtualClock()
    results = [clock.run(agent.run("How many apples are there?", budget=Budget(latency=8))) for _ in range(10)]
    expected = [d["figures"]["expected"] for r in results for d in r.decisions if d["situation"] == "RungSituation"]
    assert expected[0] == pytest.approx(0.1, rel=0.05)
    assert expected[-1] == pytest.approx(0.8, rel=0.05)


def test_decisions_on_costly_verifiers_can_be_made_again():
    """From the figures of the trace the same policy decides the same."""
    policy = Policy(verification=Verification(probe=0.0))
    result = run([GOOD], [priced(True), priced(True, latency=8)], policy=policy)
    assert {choice for choice, _ in choices(result)} == {"buy", "not_bought"}
    assert all(each.same for each in replay(result.decisions, policy))


def test_verify_must_be_a_list_of_functions():
    """A single function, or something else in the list, is refused where the agent is made."""
    for verify in (short, [7]):
        with pytest.raises(UsageError, match="verify must"):
            Agent("rules", verify=verify)


TWO = "There are 7 apples. There are also 12 pears."


def test_an_answer_refused_for_good_is_given_with_an_honest_gap():
    """What the evidence bears out is given, with a note that the rest is missing: partial, and no longer refused."""
    result = run([TWO])
    assert result.answer == "There are 7 apples. (One sentence was left out: the evidence does not bear it out.)"
    assert (result.status, result.verified, result.spend.model_calls) == ("partial", True, 3)
    assert any("There are also 12 pears." in warning for warning in result.warnings)
    assert [d["choice"] for d in result.decisions if d["kind"] == "verify"] == ["again", "omitted"]


@pytest.mark.parametrize(
    ("verify", "policy"),
    [
        ([], Policy(verification=Verification(omit=False))),
        ([lambda answered: "pears" in answered.text or "the pears are missing"], None),
    ],
)
def test_a_refused_answer_is_kept_whole_where_a_gap_is_not_wanted_or_does_not_pass(verify, policy):
    """It stays as it was, marked: its status is partial, and the warning says why it is not verified."""
    result = run([TWO], verify, policy=policy)
    assert (result.answer, result.status, result.verified) == (TWO, "partial", False)
    assert any(warning.startswith("The answer is not verified: ") for warning in result.warnings)


def counter(*found):
    """A tool whose calls find these one after the other."""
    left = iter(found)

    @tool(read_only=True)
    async def count(of: str) -> str:
        """Count things."""
        return next(left)

    return count


def test_what_a_refused_answer_rests_on_may_be_looked_up_again():
    """The model is told why and has its tools again: the same call is made again, and the better answer is verified."""
    again, right = ask(("count", {"of": "apples"})), "There are 8 apples."
    model = ScriptedModel([again, "There are 7 apples.", again, right])
    doubts = "7 apples could not be confirmed"
    agent = Agent(model, [counter("7 apples", "8 apples")], verify=[lambda a: "7" not in a.text or doubts])
    result = VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=10)))
    assert (result.answer, result.status, result.spend.tool_calls) == (right, "complete", 2)
    assert "7 apples could not be confirmed" in model.requests[2].messages[-1]["content"]
    assert model.requests[2].tools
    assert "refused" not in " ".join(result.warnings)


def test_a_refused_answer_is_looked_up_again_once_and_only_where_that_fits():
    """At most `verification.resamples` times, and where no call or no time is left it is only written anew."""
    ask_again, bad = ask(("count", {"of": "apples"})), "There are 7 apples."
    for limits, calls in (({}, 2), ({"tool_calls": 1}, 1)):
        model = ScriptedModel([ask_again, bad, ask_again, bad, ask_again, bad])
        agent = Agent(model, [counter("7 apples", "7 apples", "7 apples")], verify=[lambda a: "it is never right"])
        result = VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=10, **limits)))
        assert (result.verified, result.spend.tool_calls) == (False, calls)
