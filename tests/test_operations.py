"""The alert rules, the dashboard and the collector's policy of `examples/operations` speak of what the code emits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shotclock.agent.trace import conventions as names
from shotclock.agent.trace.metrics import OVERRUN_SECONDS, Instruments

FOLDER = Path(__file__).parents[1] / "examples" / "operations"
RUNBOOK = FOLDER.parents[1] / "docs" / "operations.md"
ALERTS = FOLDER / "alerts.yaml"
DASHBOARD = FOLDER / "dashboard.json"
LABELS = {
    "le", names.AGENT_NAME, names.TOOL_NAME, names.REQUEST_MODEL, names.TOKEN_TYPE, names.ERROR_TYPE, names.RUN_STATUS,
    names.RUN_VERIFIED, names.BUDGET_TYPE, names.SKIP_REASON, names.PHASE, names.VERIFIER_NAME, names.VERIFIER_OUTCOME,
}  # fmt: skip
"""The labels that `metrics` tells its values apart by, as far as anything here uses them."""
POLICIES = {
    "status_code": {"status_codes"},
    "string_attribute": {"key", "values"},
    "boolean_attribute": {"key", "value"},
    "latency": {"threshold_ms"},
    "probabilistic": {"sampling_percentage"},
}
"""The policies of the collector's tail_sampling processor that are used, and the fields each takes."""


def emitted() -> set[str]:
    """The names of all series, as the collector's Prometheus exporter makes them of the instruments."""
    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    instruments = Instruments(meter)
    assert instruments.ready()
    found: set[str] = set()
    for instrument in vars(instruments).values():
        if not hasattr(instrument, "unit"):
            continue
        base = instrument.name.replace(".", "_") + ("_seconds" if instrument.unit == "s" else "")
        if hasattr(instrument, "add"):
            found.add(f"{base}_total")
        else:
            found |= {f"{base}_{part}" for part in ("bucket", "sum", "count")}
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> list[str]:
    """Every expression of the dashboard, with its variables filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [text.replace("$__rate_interval", "5m").replace("$agent", ".*") for text in asked]


def test_every_series_and_label_is_one_that_is_emitted() -> None:
    """Every metric that an alert or a panel asks for is emitted under that name, and so is every label."""
    known, labels = emitted(), {name.replace(".", "_") for name in LABELS}
    for text in [*(rule["expr"] for rule in rules()), *queries()]:
        words = set(re.findall(r"\b(?:shotclock|gen_ai|error)_\w+", text))
        assert words <= known | labels, words - known - labels
        assert words & known or "shotclock:" in text  # an alert on what a rule above it has recorded


def test_every_metric_is_on_the_dashboard() -> None:
    """Every instrument is on the dashboard: one that nobody looks at need not be emitted."""
    asked = " ".join(queries())
    bases = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in emitted()}
    assert [base for base in sorted(bases) if base not in asked] == []


def test_the_bucket_of_the_promise_is_there() -> None:
    """The bucket that says whether a run was on time is one of the histogram's, written as Prometheus writes it."""
    asked = {number for rule in rules() for number in re.findall(r'le="([^"]+)"', rule["expr"])}
    assert asked == {"0.064"}
    assert "0.064" in {str(edge) for edge in OVERRUN_SECONDS}


def test_every_alert_says_what_to_do() -> None:
    """Every alert names a part of the runbook that is there, and how urgent it is."""
    parts = {re.sub(r"[^a-z0-9 ]", "", line.lstrip("# ").lower()).replace(" ", "-")
             for line in RUNBOOK.read_text().splitlines() if line.startswith("#")}  # fmt: skip
    alerts = [rule for rule in rules() if "alert" in rule]
    assert alerts
    for alert in alerts:
        path, _, part = alert["annotations"]["runbook"].partition("#")
        assert path == "docs/operations.md"
        assert part in parts
        assert alert["labels"]["severity"] in ("page", "ticket")


def test_the_dashboard_is_well_formed() -> None:
    """Panels have ids and places of their own, a description, and ask the data source that is chosen."""
    board = json.loads(DASHBOARD.read_text())
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "agent"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    for panel in board["panels"]:
        assert panel["description"].endswith(".")
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_the_collector_samples_by_attributes_that_are_there() -> None:
    """Every policy is of a kind the processor has, with its fields, and asks for attributes that spans carry."""
    config = yaml.safe_load((FOLDER / "collector.yaml").read_text())
    sampling = config["processors"]["tail_sampling"]
    known = {value for value in vars(names).values() if isinstance(value, str)}
    for policy in sampling["policies"]:
        fields = policy[policy["type"]]
        assert set(fields) <= POLICIES[policy["type"]]
        assert fields.get("key", names.RUN_STATUS) in known
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which Prometheus brings")


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_prometheus_takes_the_rules_and_the_queries(tmp_path: Path) -> None:
    """Prometheus's own tool reads every rule and every query of the dashboard."""
    promtool("check", "rules", ALERTS)
    asked = [{"record": f"panel:{at}", "expr": text} for at, text in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", file)


@needs_promtool
def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Twenty late runs in a thousand page, one in ten thousand says nothing; a tool that mostly fails is told of."""
    overrun, run = "shotclock_run_overrun_duration_seconds", "gen_ai_invoke_agent_duration_seconds_count"
    tool = "gen_ai_execute_tool_duration_seconds_count"
    series = {
        f'{overrun}_count{{gen_ai_agent_name="late"}}': "0+1000x120",
        f'{overrun}_bucket{{gen_ai_agent_name="late",le="0.064"}}': "0+980x120",
        f'{overrun}_count{{gen_ai_agent_name="fine"}}': "0+10000x120",
        f'{overrun}_bucket{{gen_ai_agent_name="fine",le="0.064"}}': "0+9999x120",
        f'{run}{{gen_ai_agent_name="late",shotclock_run_verified="true"}}': "0+1000x120",
        f'{tool}{{gen_ai_tool_name="search",error_type="timeout"}}': "0+6x120",
        f'{tool}{{gen_ai_tool_name="search"}}': "0+4x120",
    }
    page = {
        "exp_labels": {"severity": "page", "gen_ai_agent_name": "late"},
        "exp_annotations": {
            "summary": "late: 2% of the runs of the last hour came late",
            "runbook": "docs/operations.md#runs-come-late",
        },
    }
    broken = {
        "exp_labels": {"severity": "ticket", "gen_ai_tool_name": "search"},
        "exp_annotations": {
            "summary": "search: 60% of its attempts failed or were cut",
            "runbook": "docs/operations.md#a-tool-fails",
        },
    }
    test = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [
                {"eval_time": "90m", "alertname": "ShotclockLateFast", "exp_alerts": [page]},
                {"eval_time": "90m", "alertname": "ShotclockToolFails", "exp_alerts": [broken]},
                {"eval_time": "90m", "alertname": "ShotclockVerifiedLow", "exp_alerts": []},
            ],
        }],
    }  # fmt: skip
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    promtool("test", "rules", file)
