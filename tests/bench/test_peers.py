"""The benchmarks' peers: one tape and one drill for all, clocks that tell the truth, exceptions that score nothing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from bench import many, overhead
from bench.peers import process
from bench.peers.base import SCENE, SPENT, Bounded, Peer
from bench.peers.clock import Clock
from bench.peers.drill import ANSWER, DRILL, WIRING, Drill
from bench.peers.plain import LangGraph, Plain
from bench.peers.process import PeerError, Process, there
from bench.peers.register import OWN, PEERS, WORLD, load
from bench.world.faults import FAULTS
from bench.world.run import play
from bench.world.stage import Stage
from bench.world.systems.loop import Loop
from bench.world.systems.tuning import timeouts
from bench.world.table import Job, Size
from bench.world.tape import CLASSES

SEED = 7
NONE = FAULTS["none"]
TIMEOUTS = timeouts(NONE, 0.995, 0.995)


class Failing(Peer):
    """A library that raises."""

    name, distribution = "failing", ""

    def build(self) -> None:
        """Nothing is made."""

    async def converse(self, text: str, before: Any = None, **_: Any) -> tuple[str, Any]:
        """Wait for a moment, then raise."""
        await asyncio.sleep(0.1)
        raise LookupError("no way")


def test_a_row_of_a_peer_is_played_in_virtual_time():
    """A minute of sleep takes no real time, and the loop's clock has moved by a minute."""

    async def sleep() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time() - began

    began = time.perf_counter()
    assert Clock().run(sleep()) == pytest.approx(60)
    assert time.perf_counter() - began < 5


def test_work_in_threads_takes_no_virtual_time():
    """While a thread of the loop's executor works, no timer fires."""

    async def work() -> float:
        loop = asyncio.get_running_loop()
        began, timer = loop.time(), asyncio.create_task(asyncio.sleep(1))
        await loop.run_in_executor(None, time.sleep, 0.02)
        assert not timer.done()
        took = loop.time() - began
        await timer
        return took

    assert Clock().run(work()) == 0.0


def test_a_clock_that_a_library_reads_shows_the_loops_time():
    """A function that is named as a clock of the library's gives virtual seconds, and itself again afterwards."""

    async def read() -> float:
        await asyncio.sleep(5)
        return time.perf_counter()

    real = time.perf_counter
    assert Clock([("time", "perf_counter")]).run(read()) == 5.0
    assert time.perf_counter is real


@pytest.mark.parametrize("make", [Plain, LangGraph])
async def test_every_peer_does_the_whole_drill(make):
    """All calls of all turns are made, and the answer comes after them."""
    drill = Drill(3, 2)
    DRILL.set(drill)
    assert (await make(WIRING).converse("Go."))[0] == ANSWER
    assert drill.called == 6


def test_a_peer_meets_the_same_luck_as_the_loop():
    """Where nothing fails, a peer has the same answers as the loop with its timeouts, after the same attempts."""
    rows = []
    for make in (lambda stage: Loop(stage, TIMEOUTS), lambda stage: Bounded(Plain, stage, TIMEOUTS)):
        stage = Stage(SEED, NONE)
        rows.append([(r.text, r.elapsed, r.attempts) for r in play(make(stage), stage, range(12), 60.0)])
    assert rows[0] == rows[1]


def test_what_a_peer_raises_is_counted_and_scores_nothing():
    """An exception is the caller's, at its time; the answer has no credit."""
    stage = Stage(SEED, NONE)
    (record,) = play(Bounded(Failing, stage, TIMEOUTS), stage, [0], 5.0)
    assert (record.error, record.graded, record.good) == ("LookupError: no way", 0.0, False)
    assert record.elapsed == pytest.approx(0.1)


async def test_a_peers_tools_stop_at_the_querys_attempts():
    """Where its attempts are used up a tool says so, and none is started."""
    stage = Stage(SEED, NONE)
    scene, bounded = stage.set(0), Bounded(Plain, stage, TIMEOUTS)
    SCENE.set(scene)
    scene.attempts = scene.query.calls
    assert await bounded._once("catalog", "ID-1", "berth") == SPENT
    assert scene.attempts == scene.query.calls


def test_every_peer_has_its_pinned_requirements():
    """There is one file a peer, in which everything is pinned, and all but one play in the world."""
    folder = Path(process.__file__).parent
    files = {file.stem.removeprefix("requirements-"): file for file in folder.glob("requirements-*.txt")}
    assert set(files) == set(PEERS)
    for file in files.values():
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert lines
        assert all("==" in line for line in lines)
    assert set(PEERS) - set(WORLD) == {"adk"}


def test_a_peer_without_an_environment_says_how_to_make_one(monkeypatch, tmp_path):
    """Asking for it names the command; it is not among those that are there."""
    monkeypatch.setattr(process, "ENVIRONMENTS", tmp_path)
    assert there() == []
    with pytest.raises(PeerError, match="make peers"):
        Process("strands")


def test_a_process_says_what_it_could_not_do():
    """What a peer's process raises reaches the driver with its name; the process answers on."""
    with Process("asyncio") as peer:
        with pytest.raises(PeerError, match="asyncio could not drill: ZeroDivisionError"):
            peer.ask("drill", turns=1, tools=1, runs=0, limited=False)
        assert peer.ask("drill", turns=1, tools=1, runs=1, limited=False)["cpu"] > 0


def test_overhead_and_many_have_a_row_for_each_peer():
    """The tables hold ours and the bare loop, with ratios to ours."""
    found = overhead.measure(["ours", "asyncio"], [(2, 2)], rounds=1, starts=1)
    assert found["rows"]["ours"]["2x2"]["times_ours"] == 1.0
    assert found["rows"]["asyncio"]["2x2"]["times_ours"] < 1.0
    assert "asyncio" in overhead.text(found)
    crowd = many.measure(["asyncio"], [1, 3], rounds=1)
    assert crowd["rows"]["asyncio"]["3"]["p50_s"] >= many.IDEAL
    assert "ideal 260 ms" in many.text(crowd)


@pytest.mark.slow
@pytest.mark.parametrize("name", there())
def test_every_library_that_is_there_drills_and_plays(name):
    """In its own environment it does the drill with and without limits, and answers a query of the world."""
    with Process(name) as peer:
        for limited in (False, True):
            peer.ask("drill", turns=2, tools=2, runs=1, limited=limited)
        if name in WORLD:
            way, limits = load_way(name), {"tools": dict.fromkeys(CLASSES, 9.0), "model": 9.0, "audit": 1.0}
            asked = {"seed": SEED, "fault": "none", "deadline": 60.0, "indices": [0, 1]}
            assert all(row["whole"] for row in peer.ask("play", **asked, way=way, timeouts=limits))


def load_way(name: str) -> dict[str, Any]:
    """A way a library may be bounded."""
    return {"reserve": 2.0} if name == "agent-framework" else {}


def test_own_peers_are_found_by_name():
    """Each name leads to its class."""
    assert [load(name).name for name in OWN] == list(OWN)


def test_a_row_of_a_library_goes_to_its_process(monkeypatch):
    """The job of another library is asked of its process with what it was tuned to, and gives records."""
    asked = []

    class Told:
        def ask(self, do: str, **values: Any) -> list[dict[str, Any]]:
            asked.append((do, values))
            return []

    monkeypatch.setattr("bench.world.table.kept", lambda name: Told())
    size = Size(("strands",), ("none",), (SEED,), 2, warm_up=1)
    assert Job("strands", "none", 2.0, SEED, 3.0, size, {"way": {}, "timeouts": {}}).run() == []
    values = {"seed": SEED, "fault": "none", "deadline": 6.0, "indices": [1, 2], "way": {}, "timeouts": {}}
    assert asked == [("play", values)]
