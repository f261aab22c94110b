"""One timer of the loop for all the waits of a run."""

from __future__ import annotations

import asyncio

from shotclock.testing.clock import VirtualClock
from shotclock.tools.alarm import LINGER, Alarm


def rung(instants, dropped=()):
    """When each call was made, by its name; some are dropped at the same moment as they are set."""

    async def wait():
        loop, told = asyncio.get_running_loop(), {}
        alarm, calls = Alarm(loop), {}
        for name, at in instants.items():
            calls[name] = lambda name=name: told.setdefault(name, round(loop.time(), 6))
            alarm.set(calls[name], loop.time() + at)
        for name in dropped:
            alarm.drop(calls[name])
        await asyncio.sleep(10)
        return told

    return VirtualClock().run(wait())


def test_each_call_is_made_at_its_instant_whatever_the_order_they_were_set_in():
    """Nearer ones that are set later are not held up by the timer that was there, nor further ones lost after it."""
    assert rung({"b": 2.0, "a": 1.0, "d": 4.0, "c": 3.0, "a2": 1.0}) == {"a": 1, "a2": 1, "b": 2, "c": 3, "d": 4}


def test_what_is_dropped_is_not_called_and_the_others_are():
    """The timer rings for nobody, and goes on to the next."""
    assert rung({"a": 1.0, "b": 2.0, "c": 3.0}, dropped="ac") == {"b": 2}


def test_waits_that_end_before_share_one_timer():
    """A hundred attempts one after the other put one timer into the loop's heap, not a hundred; none that is far off
    is left there."""

    async def wait():
        loop = asyncio.get_running_loop()
        alarm, made = Alarm(loop), []
        call_at = loop.call_at
        loop.call_at = lambda *args, **more: made.append(args) or call_at(*args, **more)
        for _ in range(100):
            alarm.set(print, loop.time() + 0.1)
            alarm.drop(print)
        once = len(made)
        await asyncio.sleep(1)
        alarm.set(print, loop.time() + 50)
        alarm.drop(print)
        left = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
        return once, len(left), max(left) - loop.time() <= LINGER

    assert VirtualClock().run(wait()) == (1, 1, True)


def test_what_is_far_off_is_called_then_and_forgotten_when_it_is_dropped():
    """A wait of a minute rings twice, once for nobody; one that is dropped after a while leaves no timer behind."""

    async def wait():
        loop, told, made = asyncio.get_running_loop(), [], []
        alarm, call_at = Alarm(loop), loop.call_at
        loop.call_at = lambda *args, **more: made.append(args) or call_at(*args, **more)
        alarm.set(lambda: told.append(loop.time()), 60)
        alarm.set(print, 300)
        await asyncio.sleep(100)
        alarm.drop(print)
        return told, len(made) - 1, [timer for timer in loop._scheduled if not timer.cancelled()]

    assert VirtualClock().run(wait()) == ([60.0], 3, [])


def test_what_is_set_while_the_alarm_rings_is_called_too():
    """A call that sets another one, nearer than those that wait, is heard."""

    async def wait():
        loop, told = asyncio.get_running_loop(), []
        alarm = Alarm(loop)
        alarm.set(lambda: alarm.set(lambda: told.append(loop.time()), loop.time() + 1), loop.time() + 1)
        alarm.set(lambda: told.append(loop.time()), loop.time() + 3)
        await asyncio.sleep(10)
        return told

    assert VirtualClock().run(wait()) == [2.0, 3.0]
