"""The chat model class that most LangChain agents have, installed from PyPI: it and its tools run here unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .openai_server import HOLD, Answer, OpenAIServer, chunk, piece, sse, usage

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
PROGRAM = '''
import json, sys, time
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from shotclock import Agent, Budget

@tool
def apples(city: str) -> str:
    """How many apples a city has."""
    return f"There are 7 apples in {city}."

chat = ChatOpenAI(model="gpt-4.1-mini", base_url=sys.argv[1], api_key="key", max_retries=0)
question = "How many apples are there in Oslo?"
theirs = create_agent(chat, [apples]).invoke({"messages": [("user", question)]})["messages"][-1].text
agent = Agent(chat, [apples])
ours = agent.run_sync(question, budget=Budget(latency=30))
began = time.monotonic()
late = agent.run_sync(question, budget=Budget(latency=1.0))
print(json.dumps({"theirs": theirs, "ours": ours.answer, "verified": ours.verified, "spend": ours.spend.to_dict(),
                  "stop": late.stop_reason, "took": time.monotonic() - began}))
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the class is installed in; a registry that cannot be reached skips the test."""
    place = tmp_path_factory.mktemp("langchain")
    command = [sys.executable, "-m", "pip", "install", "-q", "-c", str(CONSTRAINTS), "--target", str(place)]
    try:
        subprocess.run([*command, "langchain-openai"], check=True, capture_output=True, timeout=500)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("langchain-openai could not be installed")
    return place


def whole(message, tokens):
    """An answer that is not streamed."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    used = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 2 * tokens}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": used}
    return Answer(steps=(json.dumps(body).encode(),), headers=(("Content-Type", "application/json"),), framing="length")


def test_the_same_object_answers_there_and_here_and_here_on_time(installed, tmp_path):
    """The answer is the same, streamed and checked here, with its tokens; where the endpoint hangs it is on time."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    call = {"id": "c1", "type": "function", "function": {"name": "apples", "arguments": '{"city": "Oslo"}'}}
    start = [piece("", id="c1", name="apples"), piece('{"city": "Os'), piece('lo"}')]
    asked = sse(*(chunk({"tool_calls": [each]}) for each in start), chunk(finish="tool_calls"), usage(20, 9))
    told = sse(chunk({"content": "There are 7 "}), chunk({"content": "apples in Oslo."}), chunk(finish="stop"), usage())
    with OpenAIServer() as server:
        server.script(
            whole({"content": None, "tool_calls": [call]}, 5),
            whole({"content": "There are 7 apples in Oslo."}, 5),
            Answer(steps=(asked,)),
            Answer(steps=(told,)),
            Answer(steps=(sse(chunk({"content": "Well, "}), done=False), HOLD)),
        )
        path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run([sys.executable, str(tmp_path / "program.py"), server.base_url], capture_output=True,
                              text=True, timeout=120, env={**os.environ, "PYTHONPATH": path})  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert server.left.wait(5)
        assert [each.body.get("stream", False) for each in server.received] == [False, False, True, True, True]
    assert (said["theirs"], said["ours"], said["verified"]) == (*["There are 7 apples in Oslo."] * 2, True)
    assert (said["spend"]["tool_calls"], said["spend"]["input_tokens"], said["spend"]["output_tokens"]) == (1, 30, 14)
    assert (said["stop"], said["took"] < 1.1) == ("deadline", True)
