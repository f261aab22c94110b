"""The small pure policies: admission, stopping, sizes, and reading them from a file."""

from __future__ import annotations

import math

import pytest

from shotclock import Policy
from shotclock.policies.admission import Admission, Admit, CallSituation
from shotclock.policies.attempts import Attempts, GiveUp, Retry, RetrySituation, TimeoutSituation
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.limits import Limits
from shotclock.policies.outcome import Skipped
from shotclock.policies.reserve import Reserve
from shotclock.policies.stopping import Go, Stop, Stopping, TurnSituation


def turn(**changes):
    """A turn after which there is every reason to go on."""
    usual = {"turn": 1, "most_turns": 25, "remaining": 5.0, "next_turn": 1.0, "passed": 1}
    return TurnSituation(**usual | changes)


def test_a_call_gets_the_smaller_of_its_timeout_and_what_is_left():
    """An admitted attempt may take its own timeout, or what is left."""
    admission = Admission()
    assert admission.admit(CallSituation(tool="t", remaining=3.0, timeout=1.0)) == Admit(timeout=1.0)
    assert admission.admit(CallSituation(tool="t", remaining=0.5, timeout=1.0)) == Admit(timeout=0.5)
    assert admission.admit(CallSituation(tool="t", remaining=math.inf)) == Admit(timeout=math.inf)


def test_a_call_that_cannot_end_is_not_begun():
    """A tool that usually takes longer than is left is skipped with both figures."""
    skipped = Admission().admit(CallSituation(tool="slow", remaining=0.5, expected=2.0, chance=0.02))
    assert skipped == Skipped("deadline", "slow usually takes 2 s and 0.50 s are left")
    assert isinstance(Admission().admit(CallSituation(tool="t", remaining=0.0)), Skipped)
    assert isinstance(Admission().admit(CallSituation(tool="slow", remaining=0.5, expected=2.0, chance=0.4)), Admit)


def test_a_slim_chance_is_taken_by_a_call_that_is_easily_cut():
    """One that only reads, costs nothing and has no fallback is begun at 0.2, as a probe, and not at 0.05."""
    slim = CallSituation(tool="slow", remaining=0.5, expected=2.0, chance=0.2, n=40)
    assert isinstance(Admission().admit(slim), Skipped)
    begun = Admission().admit(slim._replace(light=True))
    assert begun == Admit(0.5, "it ends in time with probability 0.20", probe=True)
    assert isinstance(Admission().admit(slim._replace(light=True, chance=0.05)), Skipped)
    assert isinstance(Admission(slim_chance=1.0).admit(slim._replace(light=True, chance=0.4)), Admit)


def test_an_attempt_is_cut_where_nearly_all_were_quicker():
    """An attempt may take its quantile and a quarter more, from 20 samples on, the last one from 200 on."""
    slow = {"tool": "t", "granted": 60.0, "likely": 1.2}

    def seconds(n, may_retry, **changes):
        return Attempts().timeout(TimeoutSituation(**slow | {"n": n, "may_retry": may_retry} | changes)).seconds

    assert seconds(19, True) == 60.0
    assert seconds(20, True) == 1.5
    assert seconds(199, False) == 60.0
    assert seconds(200, False) == 1.5
    assert seconds(200, False, granted=0.5) == 0.5
    assert (Attempts().false(may_retry=True), Attempts().false(may_retry=False)) == (0.05, 0.001)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"attempt": 3}, "attempt 3 of 3 failed, none is left"),
        ({"refusal": "tool_calls=5 leaves 0"}, "attempt 1 of 3 failed: tool_calls=5 leaves 0"),
        ({"refusal": "tool_calls=5 leaves 0", "hedged": True},
         "attempt 1 of 3 and its hedge failed: tool_calls=5 leaves 0"),
        ({"closed": "it is not called"}, "attempt 1 of 3 failed: it is not called"),
        ({"wait": 61.0}, "attempt 1 of 3 failed: it would have to wait 61 s, attempts.longest_wait=60"),
        ({"lends": False}, "attempt 1 of 3 failed: t fails too often, its bucket lends no extra attempts"),
        ({"remaining": 0.2}, "attempt 1 of 3 failed: after a wait of 0.1 s 0.200 s would be left, it usually takes "
                             "0.2 s"),
        ({"remaining": -1.0, "expected": None}, "attempt 1 of 3 failed: after a wait of 0.1 s 0.000 s would be left, "
                                                "it usually takes 0 s"),
    ],
)  # fmt: skip
def test_a_retry_needs_an_attempt_a_claim_a_token_and_time(change, reason):
    """Another attempt follows only where one is left, ledger and bucket grant it, and it can end in time."""
    situation = RetrySituation(**{"tool": "t", "attempt": 1, "retries": 2, "remaining": 1.0, "wait": 0.1,
                                  "expected": 0.2} | change)  # fmt: skip
    decided = Attempts().retry(situation)
    poor = bool({"refusal", "remaining"} & set(change))
    assert isinstance(decided, Retry) if reason is None else decided == GiveUp(reason=reason, poor=poor)


@pytest.mark.parametrize(
    ("situation", "stop_reason"),
    [
        (turn(), None),
        (turn(cut=True), "deadline"),
        (turn(next_turn=6.0), "deadline"),
        (turn(repeated=True), "enough"),
        (turn(turn=25), "enough"),
        (turn(exhausted="tool_calls"), "tool_calls"),
        (turn(remaining=math.inf, next_turn=100.0), None),
    ],
)
def test_stopping_has_one_reason_for_each_situation(situation, stop_reason):
    """Reasoning goes on while another turn fits and could bring something new."""
    decided = Stopping().decide(situation)
    assert decided.stop_reason == stop_reason if isinstance(decided, Stop) else isinstance(decided, Go)
    assert isinstance(decided, Go) == (stop_reason is None)


def test_enough_evidence_stops():
    """`enough=2` stops at the second checked result, not before."""
    assert isinstance(Stopping(enough=2).decide(turn(passed=1)), Go)
    assert Stopping(enough=2).decide(turn(passed=2)).stop_reason == "enough"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Reserve(margin=-1), "reserve.margin"),
        (lambda: Reserve(largest_share=2), "reserve.largest_share"),
        (lambda: Admission(smallest=-1), "admission.smallest"),
        (lambda: Admission(least_chance=2), "admission.least_chance"),
        (lambda: Admission(slim_chance=2), "admission.slim_chance"),
        (lambda: Attempts(false_last=1), "attempts.false_last"),
        (lambda: Attempts(learn_from=0), "attempts.learn_from"),
        (lambda: Stopping(enough=0), "stopping.enough"),
        (lambda: Limits(result=0), "limits.result"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(make, name):
    """A policy that cannot be meant names its setting."""
    with pytest.raises(InvalidPolicy, match=name):
        make()


def test_a_policy_file_changes_what_it_names(tmp_path):
    """A TOML file sets some values; the rest keep their defaults."""
    file = tmp_path / "policy.toml"
    file.write_text("[limits]\nresult = 500\n[stopping]\nenough = 2\n")
    policy = Policy.from_toml(file)
    assert policy == Policy(limits=Limits(result=500), stopping=Stopping(enough=2))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[limit]\nresult = 5", r"unknown table \[limit\]"),
        ("[limits]\nresults = 5", "unknown setting limits.results"),
        ("[limits]\nresult = 'many'", "limits.result"),
        ("[limits]\nresult = 0", "limits.result must be at least 1"),
        ("[limits]\nturns = true", "limits.turns: Input should be a valid integer, got True"),
        ("[admission]\nvalue_usd = '5'", "admission.value_usd: Input should be a valid number, got '5'"),
        ("[speculation]\neager = 'no'", "speculation.eager: Input should be a valid boolean, got 'no'"),
        ("limits = 3", "must be a table"),
        ("[limits", "cannot be read"),
    ],
)
def test_a_bad_policy_file_says_what_is_wrong(tmp_path, text, says):
    """Each mistake in a policy file is one sentence that names the file."""
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(InvalidPolicy, match=says) as caught:
        Policy.from_toml(file)
    assert str(file) in str(caught.value)


def test_a_missing_policy_file_is_named(tmp_path):
    """A file that is not there is one clear sentence."""
    with pytest.raises(InvalidPolicy, match=r"absent\.toml"):
        Policy.from_toml(tmp_path / "absent.toml")


def test_a_policy_file_can_say_none(tmp_path):
    """What is off by `None` in code is switched off by "none" in a file."""
    file = tmp_path / "policy.toml"
    file.write_text('[breaker]\nfailures = "none"\n[stopping]\nfruitless = "none"\n')
    policy = Policy.from_toml(file)
    assert (policy.breaker.failures, policy.stopping.fruitless) == (None, None)


def test_a_part_of_another_type_is_refused():
    """A table of plain values in the place of a part is refused where it is given, and the way to read one is named."""
    with pytest.raises(InvalidPolicy, match=r"policy.stopping must be a Stopping, got \{'enough': 2\}; .*from_dict"):
        Policy(stopping={"enough": 2})
