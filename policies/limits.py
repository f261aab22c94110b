"""How large things may be: what comes in is cut or refused, and it is said."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes, in characters, and counts.

    Attributes:
        query: longest query; a longer one is refused. Default 2,000,000.
        result: longest result shown to a model; a longer one is cut and says so. Default 20,000, some 5,000 tokens.
        turns: most turns of a run, whatever is left. Default 25.
        parallel: most calls taken from one turn; further ones are skipped and the model is told. Default 32.
    """

    query: int = 2_000_000
    result: int = 20_000
    turns: int = 25
    parallel: int = 32

    def __post_init__(self) -> None:
        for name in ("query", "result", "turns", "parallel"):
            if getattr(self, name) < 1:
                raise InvalidPolicy(f"limits.{name} must be at least 1, got {getattr(self, name)!r}")
