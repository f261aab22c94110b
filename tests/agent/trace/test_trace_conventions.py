"""The vendored names."""

from __future__ import annotations

from shotclock.agent.trace import conventions


def _names() -> set[str]:
    constants = {value for name, value in vars(conventions).items() if name.isupper() and isinstance(value, str)}
    budget = {make(kind) for kind in conventions.BUDGET_TYPES for make in (conventions.limit, conventions.consumed)}
    budget |= {conventions.remaining(kind) for kind in conventions.BUDGET_TYPES}
    return {name for name in constants | budget if "." in name}


def test_no_name_is_a_prefix_of_another() -> None:
    """No name is a dotted prefix of another, because viewers that nest names by their dots lose one of the two."""
    names = sorted(_names())
    assert len(names) > 50
    clashes = [(a, b) for a in names for b in names if a != b and b.startswith(a.rstrip(".") + ".")]
    assert clashes == []


def test_ours_stand_under_shotclock() -> None:
    """A name that says `shotclock` stands under `shotclock.`, and none of the others is made up under `gen_ai.`."""
    roots = {name.partition(".")[0] for name in _names()}
    assert roots == {"gen_ai", "shotclock", "error", "server", "openinference", "input", "output"}
