"""A simulated world on a tape, in which every system meets the same luck, and what its answers are worth there."""
