"""An approval outlives its process: the run goes on in another one, from a file, and nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

pytest.importorskip("langgraph.checkpoint.sqlite.aio", reason="langgraph-checkpoint-sqlite is not installed")

PROGRAM = '''
import asyncio, json, os, sys, time
from dataclasses import dataclass
from shotclock import Agent, Budget, tool
from shotclock.agent import threads
from shotclock.testing import ScriptedModel, ask

command, folder = sys.argv[1:3]
thread, postgres = os.path.basename(folder), os.environ.get("STORE", "")

def checkpointer():
    if postgres:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        return AsyncPostgresSaver.from_conn_string(postgres)
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    return AsyncSqliteSaver.from_conn_string(os.path.join(folder, "state.sqlite"))

def note(what):
    with open(os.path.join(folder, "done.txt"), "a") as file:
        file.write(what + "\\n")

@dataclass
class Stock:
    apples: int

@tool(read_only=True)
async def stock() -> Stock:
    """How many apples there are."""
    note("stock")
    return Stock(7)

@tool(approval=True)
async def send_mail(to: str) -> str:
    """Send a mail."""
    note(f"mail {to}")
    if command == "die":
        os._exit(9)
    return f"sent to {to}"

async def main():
    async with checkpointer() as saver:
        if command == "begin":
            await saver.setup()
        first = [ask(("stock", {}), ("send_mail", {"to": "ann"}))] if command == "begin" else []
        if command == "claim":  # it dies when the answer is to be kept, after the run was taken up
            threads.LEASE = 1.0
            saver.aput = lambda *given: os._exit(9)
        agent = Agent(ScriptedModel([*first, "There are 7 apples."]), [stock, send_mail], checkpointer=saver)
        try:
            if command == "begin":
                budget = Budget(latency=5, tool_calls=2)
                result = await agent.run("How many apples? Tell Ann.", budget=budget, thread_id=thread)
            else:
                if command == "at":
                    await asyncio.sleep(max(0.0, float(sys.argv[3]) - time.time()))
                result = await agent.resume(thread, True)
            print(json.dumps({"status": result.status, "spend": result.spend.to_dict(), "answer": result.answer,
                              "verified": result.verified, "evidence": [item.to_dict() for item in result.evidence],
                              "pending": [call.to_dict() for call in result.pending],
                              "decisions": [d["choice"] for d in result.decisions if d["kind"] == "approval"]}))
        except Exception as error:
            print(json.dumps({"error": type(error).__name__, "said": str(error)}))

asyncio.run(main())
'''


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def folder(request, tmp_path_factory, monkeypatch):
    """A folder with the program, and nothing done yet; its name is the thread's, in SQLite there or in Postgres."""
    tmp_path = tmp_path_factory.mktemp(uuid.uuid4().hex)
    if request.param == "postgres":
        if not os.environ.get("SHOTCLOCK_POSTGRES"):
            pytest.skip("SHOTCLOCK_POSTGRES names no database, such as postgresql://user@localhost/test")
        monkeypatch.setenv("STORE", os.environ["SHOTCLOCK_POSTGRES"])
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    return tmp_path


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, str(folder / "program.py"), arguments[0], str(folder), *arguments[1:]]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> dict:
    told, _ = process.communicate(timeout=60)
    return json.loads(told) if told else {"died": process.returncode}


def run(folder: Path, *arguments: str) -> dict:
    return ended(begun(folder, *arguments))


def done(folder: Path) -> list[str]:
    return (folder / "done.txt").read_text(encoding="utf-8").split("\n")[:-1]


def test_a_run_goes_on_in_another_process(folder):
    """What was found and spent before is there, the approved call is made once, and the answer rests on both."""
    waiting = run(folder, "begin")
    assert (waiting["status"], waiting["pending"][0]["tool"]) == ("suspended", "send_mail")
    assert done(folder) == ["stock"]
    result = run(folder, "resume")
    assert done(folder) == ["stock", "mail ann"]
    assert (result["status"], result["answer"], result["verified"]) == ("complete", "There are 7 apples.", True)
    assert (result["spend"]["tool_calls"], result["spend"]["model_calls"]) == (2, 2)
    assert [item["tool"] for item in result["evidence"]] == ["stock", "send_mail"]
    assert run(folder, "resume")["error"] == "InvalidThread"
    assert done(folder) == ["stock", "mail ann"]


def test_of_two_processes_that_resume_at_once_one_goes_on(folder):
    """The call is made by one of them, and the other is told."""
    run(folder, "begin")
    at = str(time.time() + 4.0)
    both = [begun(folder, "at", at) for _ in range(2)]
    results = [ended(process) for process in both]
    assert done(folder) == ["stock", "mail ann"]
    assert sorted(result.get("status") or result["error"] for result in results) == ["InvalidThread", "complete"]


def test_a_process_that_dies_in_an_approved_call_leaves_it_alone(folder):
    """Whether the call had its effect is unknown then: it is said, and not made again."""
    run(folder, "begin")
    assert run(folder, "die") == {"died": 9}
    result = run(folder, "resume")
    assert result["error"] == "InvalidThread"
    assert "whether they had their effect is unknown" in result["said"]
    assert done(folder) == ["stock", "mail ann"]


def test_a_process_that_dies_before_the_answer_is_kept_blocks_the_thread_for_its_lease_only(folder):
    """Nobody else takes the run up while it may still go on, and whoever asks later does, with nothing made before."""
    run(folder, "begin")
    assert run(folder, "claim") == {"died": 9}
    time.sleep(1.0)  # its lease is over, which is measured from when it took the run up
    assert run(folder, "resume")["status"] == "complete"
    assert done(folder) == ["stock", "mail ann"]
