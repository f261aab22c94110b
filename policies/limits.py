"""How large things may be: what comes in is cut or refused, and it is said."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy

MIB = 1 << 20
"""Bytes in a mebibyte."""

_LEAST_MEMORY = 128 * MIB
"""Bytes of address space below which an interpreter cannot even import a tool's module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """What calls in worker processes may take, as `Limits` says it.

    Attributes:
        workers: most worker processes at a time, over the whole program. Default 4.
        memory: bytes of address space a worker may have, where the system can limit it; `None` is no cap.
            Default 2 GiB.
        output: bytes of a pickled result; a larger one is refused before it is sent. Default 16 MiB.
    """

    workers: int = 4
    memory: int | None = 2048 * MIB
    output: int = 16 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes, in characters or bytes, and counts.

    Attributes:
        query: longest query; a longer one is refused. Default 2,000,000.
        result: longest result shown to a model; a longer one is cut and says so. Default 20,000, some 5,000 tokens.
        turns: most turns of a run, whatever is left. Default 25.
        parallel: most calls taken from one turn; further ones are skipped and the model is told. Default 32.
        processes: most worker processes for tools with `isolation="process"`, over the whole program; further calls
            wait for one. Default 4.
        process_memory: bytes of address space such a worker may have, where the system can limit it, as Linux can and
            macOS cannot reliably; `None` is no cap. At least 128 MiB. Default 2 GiB.
        process_output: bytes of its pickled result; a larger one is refused before it is sent. Default 16 MiB.
    """

    query: int = 2_000_000
    result: int = 20_000
    turns: int = 25
    parallel: int = 32
    processes: int = 4
    process_memory: int | None = 2048 * MIB
    process_output: int = 16 * MIB

    def __post_init__(self) -> None:
        for name in ("query", "result", "turns", "parallel", "processes", "process_output"):
            if getattr(self, name) < 1:
                raise InvalidPolicy(f"limits.{name} must be at least 1, got {getattr(self, name)!r}")
        if self.process_memory is not None and self.process_memory < _LEAST_MEMORY:
            raise InvalidPolicy(
                f"limits.process_memory must be at least {_LEAST_MEMORY:,} bytes (128 MiB), as an interpreter needs "
                f"that much to begin, got {self.process_memory!r}; None is no cap"
            )

    @property
    def process(self) -> ProcessLimits:
        """What is said here of worker processes, as the value that travels to them."""
        return ProcessLimits(workers=self.processes, memory=self.process_memory, output=self.process_output)
