"""What several verdicts say together."""

from __future__ import annotations

from collections.abc import Sequence

from .outcome import Verdict


def together(grounding: Verdict, said: Sequence[tuple[Verdict, bool]]) -> Verdict:
    """The verdict of an answer, from the check against the evidence and what the product's verifiers said.

    Each comes with whether it counts for more than that there is no objection: a `Verdict` of the author's own and not
    a mere `True`, or the silence of one that is always asked and could not answer.

    | evidence        | verifiers                       | together                   |
    |-----------------|---------------------------------|----------------------------|
    | fail            | not asked                       | fail                       |
    | pass or unsure  | one fails                       | fail, with its reason      |
    | pass            | one could not answer            | unsure, with its reason    |
    | pass            | none fails                      | pass                       |
    | unsure          | one passes and vouches          | pass, with its reason      |
    | unsure          | none does                       | unsure, as the evidence is |
    """
    if grounding.outcome == "fail":
        return grounding
    failed = next((verdict for verdict, _ in said if verdict.outcome == "fail"), None)
    if failed is not None:
        return failed
    open_ = next((verdict for verdict, counts in said if counts and verdict.outcome == "unsure"), None)
    if grounding.outcome == "pass" and open_ is not None:
        return open_
    vouching = next((verdict for verdict, vouches in said if vouches and verdict.outcome == "pass"), None)
    return vouching if grounding.outcome == "unsure" and vouching is not None else grounding
