"""The fakes that ship, so that products test their agents as we test ours: a virtual clock, a scripted model, and tools
that are slow or fail on demand.

::

    from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool

    def test_a_slow_tool_costs_only_itself():
        model = ScriptedModel([ask(("fast", {}), ("slow", {})), "Done."])
        agent = Agent(model, [fake_tool("fast", returns=1), fake_tool("slow", after=60)])
        result = VirtualClock().run(agent.run("?", budget=Budget(latency=5)))
"""

from __future__ import annotations

from .clock import VirtualClock, VirtualLoop
from .model import Ask, Fail, Hang, Say, ScriptedModel, Step, ask
from .tools import fake_tool

__all__ = ["Ask", "Fail", "Hang", "Say", "ScriptedModel", "Step", "VirtualClock", "VirtualLoop", "ask", "fake_tool"]
