"""What costly checks take beside what it takes to make what they check: measured, and shown."""

from __future__ import annotations

import asyncio
import json

import pytest

from shotclock import Agent, Budget, Policy, local_tracing
from shotclock.agent.cli.check_costs import check_costs
from shotclock.agent.models.base import Pace
from shotclock.agent.priced import costly
from shotclock.agent.tally import Tally
from shotclock.agent.trace.store import TraceStore
from shotclock.policies.verification import Verification
from shotclock.testing import Say, ScriptedModel, VirtualClock

EAGER = Policy(verification=Verification(probe=0.0, share=1.0, marks=True, resamples=0))


async def careful(answered):
    """A check that takes some time and refuses what is not polite."""
    await asyncio.sleep(0.05)
    return "please" in answered.text or "it is not polite"


def test_the_time_of_answers_is_kept_by_model():
    """A slow model's answers do not make a quick one's look slow: the median of its own counts."""
    tally = Tally()
    assert [tally.made("small", seconds) for seconds in (1.0, 3.0, 2.0)] == [1.0, 2.0, 2.0]
    assert tally.made("large", 9.0) == 9.0
    assert tally.made("small", 2.0) == 2.0


@pytest.fixture
def store(tmp_path):
    """A store with three runs: one check was asked twice and refused once, another one was too slow to pay."""
    path = tmp_path / "traces.db"
    tracing = local_tracing(path)
    slow = costly(lambda answered: True, latency=0.35, name="slow")
    for text, verify in (("Sit down, please.", [careful]), ("Sit down.", [careful]), ("Sit down, please.", [slow])):
        checks = [costly(each, latency=0.05) if each is careful else each for each in verify]
        model = ScriptedModel([Say(text, after=0.2)], name="small", pace=Pace(start=0.2, per_token=0.001))
        agent = Agent(model, verify=checks, policy=EAGER, tracer_provider=tracing)
        VirtualClock().run(agent.run("What shall I do?", budget=Budget(latency=5)))
    assert tracing.flush(5.0)
    return TraceStore(path)


def test_the_ratio_is_measured_from_the_spans_of_checks(store):
    """Verdicts are timed as they came, and what they check as it was reckoned; what does not pay was not asked."""
    first, second = check_costs(store)
    assert (first.verifier, first.made_by, len(first.took), first.refused, first.not_asked) == (
        "careful", "small", 2, 1, 0,
    )  # fmt: skip
    assert first.ratio == pytest.approx(0.05 / 0.2, rel=0.1)
    assert (second.verifier, len(second.took), second.not_asked, second.ratio) == ("slow", 0, 1, None)


def test_a_person_sees_it(store, shotclock):
    """`shotclock calibration --checks` says it in a table, and as JSON for programs; an empty store is no error."""
    said = []
    for arguments in (["--db", str(store.path)], ["--db", str(store.path), "--json"], ["--db", f"{store.path}.none"]):
        status, out, _ = shotclock("calibration", "--checks", *arguments)
        assert status in (0, None)
        said.append(out)
    header, first = said[0].splitlines()[:2]
    assert header.split() == ["check", "of", "asked", "refused", "not", "asked", "takes", "making", "ratio"]
    assert first.split()[:5] == ["careful", "small", "2", "1", "0"]
    assert json.loads(said[1])[1] | {"making": None} == {
        "verifier": "slow", "made_by": "small", "asked": 0, "refused": 0, "not_asked": 1, "takes": None, "making": None,
        "ratio": None,
    }  # fmt: skip
    assert said[2].startswith("no costly check is recorded")
