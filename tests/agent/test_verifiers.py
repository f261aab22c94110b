"""Checks of answers that a product brings along, and what becomes of an answer that one refuses."""

from __future__ import annotations

import asyncio
import time

import pytest

from shotclock import Agent, Budget, Policy, UsageError, Verdict, judge
from shotclock.agent.models.base import Pace
from shotclock.policies.errors import InvalidPolicy, ModelError
from shotclock.policies.verification import Again, AgainSituation, Keep, Verification, together
from shotclock.testing import Fail, Hang, Say, ScriptedModel, VirtualClock, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.")
GOOD, BAD = "There are 7 apples.", "There are 9 apples."
PASS, FAIL = '{"verdict": "pass", "score": 0.9, "reason": "yes"}', '{"verdict": "fail", "reason": "it is not so"}'


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
    ("verifier", "words"),
    [
        (raises, "The verifier raises raised ValueError: oops."),
        (hangs, "The verifier hangs had not answered after"),
        (lambda answered: 7, None),
        (lambda answered: None, None),
    ],
)
def test_trouble_with_a_verifier_costs_neither_the_answer_nor_the_deadline(verifier, words):
    """One that raises, hangs, says something else or nothing leaves the verdict as the evidence gave it."""
    result = run([GOOD], [verifier])
    assert (result.answer, result.verified) == (GOOD, True)
    assert result.elapsed <= 10
    assert words is None or any(words in warning for warning in result.warnings)


def test_a_verifier_that_blocks_is_left_behind():
    """A plain one runs in a thread: it holds up neither the loop nor the answer."""

    def blocks(answered):
        time.sleep(5)

    agent = Agent(ScriptedModel([ask(("apples", {})), GOOD]), [APPLES], verify=[blocks])
    began = time.monotonic()
    result = agent.run_sync("How many apples are there?", budget=Budget(latency=0.5))
    assert time.monotonic() - began <= 0.55
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
    result = run([BAD], policy=Policy(verification=Verification(resamples=most)))
    assert result.spend.model_calls == 2 + most
    assert not result.verified


def test_there_is_no_second_answer_without_room():
    """Where no model call or no time is left the answer is kept, marked as what it is."""
    assert run([BAD], model_calls=2).spend.model_calls == 2
    slow = ScriptedModel([ask(("apples", {})), Say(BAD, after=1.5)], pace=Pace(start=1.5, per_token=0.0))
    agent = Agent(slow, [APPLES])
    result = VirtualClock().run(agent.run("How many apples are there?", budget=Budget(latency=2.5)))
    assert (result.answer, result.spend.model_calls) == (BAD, 2)
    assert result.elapsed <= 2.5


def test_a_verdict_vouches_and_a_mere_true_does_not():
    """Where the evidence leaves an answer open, only a `Verdict` of the author's own makes it verified."""
    open_ = "It depends on how one counts."
    assert not run([open_], [lambda answered: True]).verified
    assert run([open_], [lambda answered: Verdict.passed("ours", "we know")]).verified


def test_saying_done_without_the_call_that_does_it_fails():
    """An answer that claims an effect which no call had is refused; one where nothing could be checked is unsure."""
    assert run(["I have sent the mail to Ann."]).verdict.outcome == "fail"
    assert run(["It depends on how one counts."]).verdict.outcome == "unsure"


def judged(*says, latency=10, pace=None, **limits):
    """A run whose answer a judge reads that says this."""
    reader = ScriptedModel(list(says), name="reader", pace=pace or Pace(start=0.5, per_token=0.001))
    return run(["It depends on how one counts."], [judge(reader)], latency=latency, **limits), reader


def test_a_judge_passes_and_fails_answers():
    """Its JSON, in a fence or not, is the verdict; it counts as a model call of the run."""
    passed, _ = judged(Say(f"```json\n{PASS}\n```", after=0.8))
    assert (passed.verified, passed.verdict.verifier, passed.verdict.score) == (True, "judge", 0.9)
    assert passed.spend.model_calls == 3
    failed, _ = judged(Say(FAIL, after=0.8), latency=2.5)
    assert (failed.verdict.outcome, failed.verdict.reason) == ("fail", "it is not so")


@pytest.mark.parametrize(
    "says", ["no verdict", '{"verdict": "maybe"}', "{", Hang(), Fail(ModelError("down", status=500))]
)
def test_a_judge_that_is_dead_or_babbles_costs_nothing(says):
    """Whatever it does, the answer stands as it was, on time."""
    result, _ = judged(says, latency=4)
    assert (result.answer, result.verdict.outcome) == ("It depends on how one counts.", "unsure")
    assert result.elapsed <= 4


def test_a_judge_is_asked_only_where_it_fits():
    """Where its verdict would not come in time, or no model call is left, nobody asks it."""
    slow, reader = judged(Say(PASS, after=3), latency=2, pace=Pace(start=3.0, per_token=0.001))
    assert (slow.verdict.outcome, reader.requests) == ("unsure", [])
    poor, reader = judged(Say(PASS), model_calls=2)
    assert (poor.verdict.outcome, reader.requests) == ("unsure", [])


def test_what_a_judge_is_shown_is_data():
    """The answer and the evidence stand in fences, so that neither can order the judge about."""
    result, reader = judged(Say(PASS, after=0.1))
    asked = reader.requests[0].messages[1]["content"]
    assert asked.count("<untrusted>") == 2
    assert result.verified


@pytest.mark.parametrize(
    ("evidence", "said", "outcome"),
    [
        ("fail", [("pass", True)], "fail"),
        ("pass", [("pass", False), ("fail", False)], "fail"),
        ("pass", [("unsure", False)], "pass"),
        ("unsure", [("pass", False)], "unsure"),
        ("unsure", [("unsure", True), ("pass", True)], "pass"),
        ("unsure", [], "unsure"),
    ],
)
def test_verdicts_together(evidence, said, outcome):
    """Refusals win, the evidence comes next, and what it leaves open only somebody who vouches can pass."""

    def verdict(name):
        return Verdict(outcome=name, reason=name, verifier="v")

    assert together(verdict(evidence), [(verdict(name), vouches) for name, vouches in said]).outcome == outcome


def test_the_policy_says_why_it_asks_or_keeps():
    """Each reason against another answer is said with its figures."""
    usual = {"reason": "no", "resampled": 0, "remaining": 3.0, "expected": 1.0}
    assert isinstance(Verification().again(AgainSituation(**usual)), Again)
    for change, words in (
        ({"embedded": True}, "the embedded model would say the same again"),
        ({"unfounded": True}, "no tool has found anything that another answer could rest on"),
        ({"resampled": 1}, "it was asked 1 times more, verification.resamples=1"),
        ({"refusal": "model_calls=2 leaves 0"}, "model_calls=2 leaves 0"),
        ({"remaining": 0.5}, "an answer takes about 1.00 s and 0.50 s are left"),
    ):
        assert Verification().again(AgainSituation(**usual | change)) == Keep(words)
    with pytest.raises(InvalidPolicy, match=r"verification\.resamples must be from 0 to 5, got 6"):
        Verification(resamples=6)


def test_verify_must_be_a_list_of_functions():
    """A single function, or something else in the list, is refused where the agent is made."""
    for verify in (short, [7]):
        with pytest.raises(UsageError, match="verify must"):
            Agent("rules", verify=verify)
