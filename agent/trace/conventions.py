"""The names Shotclock writes into spans, events and metrics, in one place.

Source of the `gen_ai.*` and `mcp.*` names: the OpenTelemetry semantic conventions for generative AI (the repository
`open-telemetry/semantic-conventions-genai`) as read in November 2026, all of status *Development*. They are vendored
because the constants published for Python are deprecated and incomplete. Source of the `openinference.*` names: the
OpenInference specification. Ours stand under `shotclock.*`, never under `gen_ai.*`.

Durations are float seconds with no unit in the name. No name is a dotted prefix of another, because a popular viewer
turns dots into nested objects and loses one of the two; a test holds it.
"""

from __future__ import annotations

from typing import Final

# What is done: values of gen_ai.operation.name, and the first word of the span's name.
OPERATION_NAME: Final = "gen_ai.operation.name"
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
VERIFY: Final = "verify"

AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

# Content: written only where the capture is on.
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
CAPTURE_CONTENT_ENV: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

ERROR_TYPE: Final = "error.type"
ERROR_TYPE_OTHER: Final = "_OTHER"

# The event of a verdict.
EVALUATION_RESULT: Final = "gen_ai.evaluation.result"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"

# The run, on its root span.
RUN_STATUS: Final = "shotclock.run.status"
RUN_STOP_REASON: Final = "shotclock.run.stop_reason"
RUN_VERIFIED: Final = "shotclock.run.verified"
RUN_NESTED: Final = "shotclock.run.nested"
METADATA: Final = "shotclock.metadata"
NODE: Final = "shotclock.node"
PURPOSE: Final = "shotclock.model.purpose"

# The budget: `shotclock.budget.{type}.{limit|consumed|remaining|reserve}`.
BUDGET_TYPES: Final = ("latency", "tool_calls", "model_calls", "tokens", "cost_usd")
LATENCY_REMAINING: Final = "shotclock.budget.latency.remaining"
LATENCY_RESERVE: Final = "shotclock.budget.latency.reserve"
PER_TOOL_LIMIT: Final = "shotclock.budget.per_tool.limit"
PER_TOOL_CONSUMED: Final = "shotclock.budget.per_tool.consumed"

# A call.
CALL_TIMEOUT: Final = "shotclock.call.timeout"
CALL_ATTEMPT: Final = "shotclock.call.attempt"
CALL_KIND: Final = "shotclock.call.kind"
CALL_OUTCOME: Final = "shotclock.call.outcome"
CALL_QUEUE_DURATION: Final = "shotclock.call.queue.duration"
CALL_COST_USD: Final = "shotclock.call.cost_usd"
FORECAST_P50: Final = "shotclock.forecast.p50"
FORECAST_P95: Final = "shotclock.forecast.p95"
HEDGE_WON: Final = "shotclock.hedge.won"
VERIFIER_NAME: Final = "shotclock.verifier.name"
VERIFIER_OUTCOME: Final = "shotclock.verifier.outcome"

# Events on the root span. The budget's event is no bare `shotclock.budget`: that is a prefix of the attributes above.
BUDGET_TICK: Final = "shotclock.budget.tick"
DECISION: Final = "shotclock.decision"
TOOL_SKIPPED: Final = "shotclock.tool.skipped"
ELAPSED: Final = "shotclock.elapsed"
KIND: Final = "shotclock.kind"
CHOICE: Final = "shotclock.choice"
REASON: Final = "shotclock.reason"
SITUATION: Final = "shotclock.situation"
FIGURE: Final = "shotclock.figure."
"""What the name of a decision's input begins with: `shotclock.figure.remaining`."""

# Metrics. The buckets stand with the instruments, in `metrics`.
CLIENT_OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
CLIENT_TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
CLIENT_TOKEN_USAGE: Final = "gen_ai.client.token.usage"
EXECUTE_TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
INVOKE_AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
INVOKE_AGENT_TOOL_CALLS: Final = "gen_ai.invoke_agent.tool_calls"
INVOKE_AGENT_INFERENCE_CALLS: Final = "gen_ai.invoke_agent.inference_calls"
BUDGET_UTILIZATION: Final = "shotclock.budget.utilization"
BUDGET_EXHAUSTIONS: Final = "shotclock.budget.exhaustions"
RUN_OVERRUN_DURATION: Final = "shotclock.run.overrun.duration"
RUN_CRITICAL_PATH_TIME: Final = "shotclock.run.critical_path.time"
TOOL_SKIPS: Final = "shotclock.tool.skips"
TOOL_ABANDONED: Final = "shotclock.tool.abandoned"
VERIFIER_VERDICTS: Final = "shotclock.verifier.verdicts"

# What only metrics are told apart by.
TOKEN_TYPE: Final = "gen_ai.token.type"
BUDGET_TYPE: Final = "shotclock.budget.type"
SKIP_REASON: Final = "shotclock.skip.reason"
PHASE: Final = "shotclock.phase"

# OpenInference, for viewers that know only its kinds; off unless the variable is `true`.
OPENINFERENCE_ENV: Final = "SHOTCLOCK_OPENINFERENCE"
OPENINFERENCE_KIND: Final = "openinference.span.kind"
OPENINFERENCE_INPUT: Final = "input.value"
OPENINFERENCE_OUTPUT: Final = "output.value"
OPENINFERENCE_KINDS: Final = {INVOKE_AGENT: "AGENT", CHAT: "LLM", EXECUTE_TOOL: "TOOL", VERIFY: "EVALUATOR"}


def limit(budget_type: str) -> str:
    """The attribute of a limit, such as `shotclock.budget.tool_calls.limit`; on the root, at creation."""
    return f"shotclock.budget.{budget_type}.limit"


def consumed(budget_type: str) -> str:
    """The attribute of what was used of a limit; on the root, at the end."""
    return f"shotclock.budget.{budget_type}.consumed"


def remaining(budget_type: str) -> str:
    """The attribute of what is left of a limit; on calls and on the budget's events."""
    return f"shotclock.budget.{budget_type}.remaining"
