"""A clock that jumps: tests about time are exact and take none."""

from __future__ import annotations

from ..agent.lab.clock import VirtualClock, VirtualLoop

__all__ = ["VirtualClock", "VirtualLoop"]
