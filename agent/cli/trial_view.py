"""What `shotclock tools try` shows of a call: what the tool takes, what was expected, what came, what each check says,
and where the time went."""

from __future__ import annotations

import json
import shlex
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ...policies.forecast import Forecast
from ...policies.outcome import Failed
from ...tools.checking import Checked
from ...tools.example import example_of
from ...tools.tool import Tool
from ..trace.output import console
from ..trace.run_view import RunView
from ..trace.show import decisions_of
from ..trace.tables import columns, glyphs_of, section
from ..trace.waterfall import waterfall
from ..trace.wording import clean, duration
from ..trial import Trial
from .result_view import show_evidence, show_tools

_SHOWN = (0.5, 0.95, 0.99)
_STYLES = {"pass": "green", "fail": "red", "unsure": "yellow"}


def show_trial(trial: Trial, view: RunView | None, out: Console | None = None) -> None:
    """Print a call whole; `view` is its trace, where it could be stored."""
    out = out or console()
    show_tools([trial.tool], out)
    section(out, "Takes", _takes(trial.tool))
    section(out, "Forecast", _forecasts(trial))
    section(out, "Result", Text(f"attempts: {trial.evidence.attempts}", "dim"))
    show_evidence(trial.evidence, out)
    for advice in advice_of(trial):
        out.print(f"[yellow]![/] {escape(advice)}")
    section(out, "Checks", _checks(trial))
    if view is not None:
        section(out, "Trace", Group(*waterfall(view, out.width, glyphs_of(out))))
        section(out, "Decisions", decisions_of(view))
        out.print(f"[dim]trace {trial.trace_id[:12]}: shotclock trace show {trial.trace_id[:12]}[/]")


def trial_dict(trial: Trial, view: RunView | None) -> dict[str, Any]:
    """The same as JSON values: the evidence, and beside it what else is known of the call."""
    return {
        **trial.evidence.to_dict(),
        "parameters": trial.tool.schema.parameters,
        "example": example_of(trial.tool.schema.parameters),
        "forecast": {"before": _forecast_dict(trial.before), "after": _forecast_dict(trial.after)},
        "checks": [{"name": c.name, "outcome": c.outcome, "reason": c.reason} for c in trial.checks],
        "advice": advice_of(trial),
        "trace_id": trial.trace_id,
        "trace": None if view is None else view.to_dict(),
    }


def advice_of(trial: Trial) -> list[str]:
    """What its developer may do about a call that went wrong, one sentence each."""
    outcome, tool = trial.evidence.outcome, trial.tool
    said = [f"{trial.blocked.message}."] if trial.blocked is not None else []
    if isinstance(outcome, Failed) and outcome.error_type == "InvalidArguments":
        example = shlex.quote(json.dumps(example_of(tool.schema.parameters), ensure_ascii=False))
        said.append(f"Right arguments are, for example: {example}")
    elif isinstance(outcome, Failed) and outcome.error_type != "ToolError":
        retried = "it may pass, and is tried again where retry= says so" if outcome.retryable else "it is final"
        said.append(f"{outcome.error_type} counts as a failure of the tool: {retried}. Raise ToolError to tell the "
                    "model what to ask for instead.")  # fmt: skip
    elif outcome.name == "timed_out" and trial.blocked is None:
        limit = "timeout= is shorter than it takes" if tool.timeout else "it has no timeout= of its own"
        killed = "its process was ended" if tool.isolation == "process" else "isolation='process' alone can end that"
        said.append(f"It was given up: {limit}, or it never returns; {killed}.")
    return said


def _takes(tool: Tool) -> RenderableType:
    parameters = tool.schema.parameters
    if not parameters["properties"]:
        return Text("no arguments", "dim")
    table = columns("argument", "type", "needed", "about")
    for name, schema in parameters["properties"].items():
        needed = "yes" if name in parameters.get("required", ()) else f"no, {json.dumps(schema.get('default'))}"
        table.add_row(clean(name), _type(schema), needed, clean(schema.get("description", "")))
    return table


def _type(schema: dict[str, Any]) -> str:
    """A type in few words: `integer 1 to 20`, `string or null`, `one of "a", "b"`."""
    if "enum" in schema:
        return f"one of {', '.join(json.dumps(value) for value in schema['enum'][:6])}"
    if isinstance(kinds := schema.get("anyOf") or schema.get("oneOf"), list):
        return " or ".join(_type(each) for each in kinds)
    name = str(schema.get("type") or str(schema.get("$ref", "any")).rpartition("/")[2])
    if name == "array" and isinstance(schema.get("items"), dict):
        return f"array of {_type(schema['items'])}"
    low, high = schema.get("minimum"), schema.get("maximum")
    return name if low is None and high is None else f"{name} {_limits(low, high)}"


def _limits(low: Any, high: Any) -> str:
    return f"{low} or more" if high is None else f"{high} or less" if low is None else f"{low} to {high}"


def _forecasts(trial: Trial) -> Table:
    table = columns("", *(f"p{q * 100:g}>" for q in _SHOWN), "from")
    for when, forecast in (("before", trial.before), ("after", trial.after)):
        if forecast is None:
            table.add_row(when, "", "", "", Text("nothing is known: it was never measured, and latency= is not set"))
            continue
        rests = f"{forecast.n} measured" if forecast.n else "latency=, nothing was measured"
        table.add_row(when, *(duration(forecast.quantile(q)) for q in _SHOWN), rests)
    return table


def _forecast_dict(forecast: Forecast | None) -> dict[str, float] | None:
    if forecast is None:
        return None
    return {"n": forecast.n, **{f"p{q * 100:g}": forecast.quantile(q) for q in _SHOWN}}


def _checks(trial: Trial) -> RenderableType:
    if not trial.checks:
        return Text("none was asked: there is no result", "dim")
    table = columns("check", "verdict", "why")
    for checked in trial.checks:
        table.add_row(clean(checked.name), _outcome(checked), clean(checked.reason))
    return table


def _outcome(checked: Checked) -> Text:
    return Text(checked.outcome, _STYLES.get(checked.outcome, "dim"))
