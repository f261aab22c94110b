"""Results are kept and calls under way are shared, and nobody pays for what another's run did to its attempt."""

from __future__ import annotations

import asyncio
import datetime
import threading
from dataclasses import dataclass
from enum import Enum

import pytest
from pydantic import BaseModel, SecretStr

from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.outcome import Cancelled, Failed, Ok, Skipped, TimedOut
from shotclock.testing import VirtualClock
from shotclock.tools.cache import Cache as Kept
from shotclock.tools.cache import canonical


def Cache(*args, **options):
    """A cache of outcomes: what a tool said is shared, what it returned is kept."""
    return Kept(lambda o: isinstance(o, Ok), lambda o: isinstance(o, (Ok, Failed)), *args, **options)


class Work:
    """Counts its starts; each takes `seconds` and gives the next outcome, the last again and again."""

    def __init__(self, *outcomes, seconds=1.0):
        self.outcomes = list(outcomes) or [Ok("value")]
        self.seconds = seconds
        self.starts = 0
        self.ends = 0

    async def __call__(self):
        self.starts += 1
        outcome = self.outcomes[min(self.starts, len(self.outcomes)) - 1]
        await asyncio.sleep(self.seconds)
        self.ends += 1
        return outcome


def run(main):
    """Run on a fresh virtual clock."""
    return VirtualClock().run(main())


def test_equal_calls_under_way_share_one_attempt():
    """Of twenty simultaneous callers one works and all get its outcome at the same moment."""

    async def main():
        cache, work = Cache(), Work()
        got = await asyncio.gather(*(cache.get_or_run("k", 60, work) for _ in range(20)))
        return got, work.starts, asyncio.get_running_loop().time()

    got, starts, now = run(main)
    assert starts == 1
    assert now == 1.0
    assert [source for _, source in got] == ["miss"] + ["shared"] * 19
    assert {outcome for outcome, _ in got} == {Ok("value")}


def test_a_result_is_kept_for_its_time():
    """Within its time to live a result costs nothing, from then on the work is done anew."""

    async def main():
        cache, work = Cache(), Work()
        sources = []
        for pause in (0, 9.9, 0.1):
            await asyncio.sleep(pause)
            sources.append((await cache.get_or_run("k", 10, work))[1])
        return sources, work.starts

    assert run(main) == (["miss", "hit", "miss"], 2)


@pytest.mark.parametrize("outcome", [Failed("OSError", "down"), TimedOut(1.0), Cancelled("cut"), Skipped("cost", "")])
def test_only_results_are_kept(outcome):
    """What is not `Ok` is given to its caller and forgotten."""

    async def main():
        cache, work = Cache(), Work(outcome, Ok(2))
        return [await cache.get_or_run("k", 10, work) for _ in range(3)]

    assert run(main) == [(outcome, "miss"), (Ok(2), "miss"), (Ok(2), "hit")]


def test_a_cancelled_leader_is_followed():
    """When the leader is cancelled one follower takes over, and the others get that one's result."""

    async def main():
        cache, work = Cache(), Work(seconds=5)
        tasks = [asyncio.create_task(cache.get_or_run("k", 60, work)) for _ in range(5)]
        await asyncio.sleep(1)
        tasks[0].cancel()
        got = await asyncio.gather(*tasks[1:])
        return got, work.starts, tasks[0].cancelled(), asyncio.get_running_loop().time()

    got, starts, cancelled, now = run(main)
    assert got == [(Ok("value"), "miss")] + [(Ok("value"), "shared")] * 3
    assert (starts, cancelled, now) == (2, True, 6.0)


def test_a_cancelled_follower_costs_nobody_else():
    """When a follower is cancelled the leader and the other followers get their result."""

    async def main():
        cache, work = Cache(), Work(seconds=5)
        tasks = [asyncio.create_task(cache.get_or_run("k", 60, work)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[1].cancel()
        return await tasks[0], await tasks[2], work.starts

    assert run(main) == ((Ok("value"), "miss"), (Ok("value"), "shared"), 1)


def test_every_leader_may_be_cancelled():
    """When leader after leader is cancelled the last caller still gets its result."""

    async def main():
        cache, work = Cache(), Work(seconds=5)
        tasks = [asyncio.create_task(cache.get_or_run("k", 60, work)) for _ in range(4)]
        for task in tasks[:3]:
            await asyncio.sleep(1)
            task.cancel()
        return await tasks[3], work.starts, work.ends

    assert run(main) == ((Ok("value"), "miss"), 4, 1)


def test_a_failure_of_the_tool_is_shared():
    """Followers get the tool's own failure, instead of failing one after the other, and it is not kept."""

    async def main():
        cache, work = Cache(), Work(Failed("OSError", "down"), Ok(2))
        got = await asyncio.gather(*(cache.get_or_run("k", 60, work) for _ in range(3)))
        return [outcome.name for outcome, _ in got], work.starts, len(cache)

    assert run(main) == (["error"] * 3, 1, 0)


@pytest.mark.parametrize("outcome", [TimedOut(1.0), Cancelled("the run was interrupted"), Skipped("tool_calls", "")])
def test_what_the_leaders_run_did_is_not_shared(outcome):
    """Where the leader's own budget or deadline ended its attempt, a follower works for itself."""

    async def main():
        cache, work = Cache(), Work(outcome, Ok(2))
        return await asyncio.gather(*(cache.get_or_run("k", 60, work) for _ in range(3)))

    assert run(main) == [(outcome, "miss"), (Ok(2), "miss"), (Ok(2), "shared")]


def test_a_leader_that_raises_leaves_nobody_waiting():
    """An exception of the work goes to its caller only, and the next caller takes over."""

    async def main():
        cache, good = Cache(), Work()

        async def broken():
            await asyncio.sleep(1)
            raise KeyError("bug")

        return await asyncio.gather(
            cache.get_or_run("k", 60, broken), cache.get_or_run("k", 60, good), return_exceptions=True
        )

    raised, got = run(main)
    assert isinstance(raised, KeyError)
    assert got == (Ok("value"), "miss")


def test_a_follower_waits_no_longer_than_it_may():
    """A follower's own deadline ends its waiting, exactly then, and the leader goes on."""

    async def main():
        cache, work = Cache(), Work(seconds=100)
        leader = asyncio.create_task(cache.get_or_run("k", 60, work))
        await asyncio.sleep(1)
        follower = await cache.get_or_run("k", 60, work, until=Deadline(4.0))
        now = asyncio.get_running_loop().time()
        return follower, now, await leader

    assert run(main) == ((None, "shared"), 4.0, (Ok("value"), "miss"))


def test_no_time_to_live_still_shares():
    """`ttl=0` shares what is under way and keeps nothing."""

    async def main():
        cache, work = Cache(), Work()
        got = await asyncio.gather(*(cache.get_or_run("k", 0, work) for _ in range(2)))
        return [source for _, source in got], (await cache.get_or_run("k", 0, work))[1], len(cache)

    assert run(main) == (["miss", "shared"], "miss", 0)


def test_the_size_is_bounded():
    """Beyond `max_entries` the result that was not used for longest goes."""

    async def main():
        cache, work = Cache(max_entries=2), Work(seconds=0)
        sources = []
        for key in ("a", "b", "a", "c", "a", "b"):
            sources.append((await cache.get_or_run(key, 60, work))[1])
        return sources, len(cache)

    assert run(main) == (["miss", "miss", "hit", "miss", "hit", "miss"], 2)


def test_a_result_is_there_for_another_loop():
    """What one event loop learnt is a hit in the next, and a cleared cache has forgotten it."""
    cache, clock, work = Cache(), VirtualClock(), Work()
    clock.run(cache.get_or_run("k", 60, work))
    assert clock.run(cache.get_or_run("k", 60, work)) == (Ok("value"), "hit")
    cache.clear()
    assert clock.run(cache.get_or_run("k", 60, work)) == (Ok("value"), "miss")


def test_a_call_under_way_belongs_to_its_loop():
    """A loop in another thread does not wait for this one's call; it works for itself, and both get their result."""
    cache = Cache()
    inside, go_on = threading.Event(), threading.Event()
    got = []

    async def held():
        inside.set()
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait, 5)
        return Ok("first")

    async def quick():
        return Ok("second")

    thread = threading.Thread(target=lambda: got.append(asyncio.run(cache.get_or_run("k", 60, held))))
    thread.start()
    assert inside.wait(5)
    assert asyncio.run(cache.get_or_run("k", 60, quick)) == (Ok("second"), "miss")
    go_on.set()
    thread.join(5)
    assert got == [(Ok("first"), "miss")]


def test_a_loop_that_died_with_a_call_under_way_blocks_nobody():
    """The call of a loop that was closed under it is forgotten, and the cache does not hold the loop."""
    cache, work = Cache(), Work(seconds=1)
    loop = asyncio.new_event_loop()
    task = loop.create_task(cache.get_or_run("k", 60, Work(seconds=100)))
    loop.call_soon(loop.stop)
    loop.run_forever()
    asyncio.tasks._unregister_task(task)
    task._log_destroy_pending = False
    loop.close()
    assert run(lambda: cache.get_or_run("k", 60, work)) == (Ok("value"), "miss")
    assert loop not in cache._flights


def test_a_negative_size_is_refused():
    """`max_entries` below 0 is refused by name."""
    with pytest.raises(InvalidPolicy, match="max_entries"):
        Cache(max_entries=-1)


class Colour(Enum):
    RED = "red"


class Cat(BaseModel):
    name: str


class Dog(BaseModel):
    name: str


@dataclass
class Point:
    x: float


DISTINCT = [
    1, 1.0, True, "1", None, "None", "true", [], {}, [1, 2], [2, 1], [[1], 2], {"a": 1}, {1: "a"}, {"1": "a"}, {1, 2},
    {"$set": [1, 2]}, {"$dict": []}, Colour.RED, "red", Cat(name="x"), Dog(name="x"), {"name": "x"}, Point(1.0),
    datetime.date(2026, 1, 2), "2026-01-02", b"red", float("inf"), "x" * 300, "x" * 301,
]  # fmt: skip


def test_different_arguments_have_different_texts():
    """Values that differ in kind or content never share a key, even where JSON would write them alike."""
    texts = [canonical({"value": value}) for value in DISTINCT]
    assert len(set(texts)) == len(DISTINCT)
    assert max(map(len, texts)) <= 256


@pytest.mark.parametrize("value", DISTINCT, ids=repr)
def test_equal_arguments_have_one_text(value):
    """The same arguments give the same text each time, in whatever order they are given."""
    assert canonical({"a": value, "b": 2}) == canonical({"b": 2, "a": value})


def test_a_set_has_one_text_in_any_order():
    """Sets and nested dicts do not depend on the order they were filled in."""
    assert canonical({"s": {"b", "a", "c"}}) == canonical({"s": {"c", "a", "b"}})
    assert canonical({"d": {"x": 1, "y": 2}}) == canonical({"d": {"y": 2, "x": 1}})


def endless():
    """A list that holds itself."""
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value", [object(), SecretStr("s3cret"), endless(), 10**5000, Point], ids=lambda v: type(v).__name__
)
def test_what_has_no_faithful_text_is_never_a_hit(value):
    """An argument that cannot be written down faithfully gets a new key each time."""
    assert canonical({"v": value}) != canonical({"v": value})
