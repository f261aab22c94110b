"""Any LangChain chat model as a model of ours."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ...policies.errors import MissingExtra, UnknownModel
from . import prices
from .base import Model, ModelEvent, ModelRequest, Pace, Price, TextDelta, ToolSpec
from .chat_errors import error_of
from .chat_messages import Reader, as_tool, blocks_of, conversation
from .completion import Completion
from .effort import EFFORTS, thinks
from .forms import response_format
from .modalities import by_name, kinds_of
from .resolve import is_chat_model
from .threaded import POOL, in_thread

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

_log = logging.getLogger(__name__)

LINGER: Final = 0.5
"""Seconds to wait for the usage after the finish reason, before the call ends with its usage unknown."""
CHARACTERS_PER_TOKEN: Final = 4
"""By which the length of an answer is reckoned where the chat model has no field for a limit."""

_LIMITS = ("max_tokens", "max_output_tokens", "num_predict", "max_new_tokens")
"""Fields of chat models that hold the most tokens to write; the first one that there is."""
_NAMES = ("model_name", "model", "model_id", "deployment_name")
_URLS = ("openai_api_base", "anthropic_api_url", "base_url", "azure_endpoint", "endpoint_url")
_SYSTEMS = {
    "azure": "azure.ai.openai", "google_genai": "gcp.gemini", "google_vertexai": "gcp.vertex_ai", "xai": "x_ai",
    "amazon_bedrock": "aws.bedrock", "mistral": "mistral_ai",
}  # fmt: skip
"""LangChain's names of providers, where `gen_ai.provider.name` has another."""
_INPUTS = {"image": "image_inputs", "document": "pdf_inputs", "audio": "audio_inputs"}
"""How a chat model's profile calls the kinds of files that it takes."""
_HOMES = {
    "openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com", "groq": "https://api.groq.com",
    "google_genai": "https://generativelanguage.googleapis.com", "mistral": "https://api.mistral.ai",
    "deepseek": "https://api.deepseek.com", "xai": "https://api.x.ai", "fireworks": "https://api.fireworks.ai",
    "together": "https://api.together.xyz", "cohere": "https://api.cohere.ai", "openrouter": "https://openrouter.ai",
}  # fmt: skip
"""Where a provider's models are served unless the chat model says otherwise; prices are looked up by it."""


class ChatModel:
    """A LangChain chat model; a `Model`. `Agent(chat_model)` makes one.

    A run cuts the call when its time is up, as with any model: a chat model's own timeout need not be set. Retries that
    the chat model makes itself are hidden from the ledger and take the run's time, so give it `max_retries=0`; a run
    asks again where that may help. What has an async side is read in the event loop, anything else in daemon threads.

    Args:
        chat: any `BaseChatModel`, or one with arguments bound (`chat.bind(...)`).
        name: what traces and results call it. Default: the chat model's name of its model.
        price: US dollars per million tokens. Default: looked up by that name and the provider's endpoint, else unknown.
        pace: how long a call takes, before anything was measured.
        structured: whether answers that have to fit a JSON Schema are asked for with `response_format`, the keyword
            that LangChain's own agents use. Default: where the chat model's `profile` says that it takes it, and no
            tools are offered beside. The messages ask for the schema either way.
        efforts: the values of `reasoning_effort` that a run may ask for where time is short (`[routing] effort`).
            Default: `low`, `medium` and `high` of OpenAI's models that are known to take it, where the chat model has
            that field and leaves it open; none elsewhere.
        modalities: the kinds of files that the model takes: `image`, `document` (PDF) and `audio`. Default: what the
            chat model's `profile` says, else what a model of that name is known to take.

    Raises:
        UnknownModel: `chat` is no chat model.
    """

    def __init__(
        self,
        chat: Any,
        *,
        name: str | None = None,
        price: Price | None = None,
        pace: Pace = Pace(),  # noqa: B008 (a frozen value)
        structured: bool | None = None,
        efforts: Collection[str] | None = None,
        modalities: Collection[str] | None = None,
    ) -> None:
        if not is_chat_model(chat):
            raise UnknownModel(f"chat must be a LangChain chat model, got a value of type {type(chat).__name__}")
        self._chat: BaseChatModel = getattr(chat, "bound", chat)
        bound: Mapping[str, Any] = getattr(chat, "kwargs", {}) if self._chat is not chat else {}
        self._arguments = {key: value for key, value in bound.items() if key not in ("tools", "tool_choice")}
        self._config = getattr(chat, "config", None) if self._chat is not chat else None
        said = _said(self._chat)
        self.name = name or said
        provider = _provider(self._chat)
        self.provider = _SYSTEMS.get(provider, provider)
        self.pace = pace
        self.price: Price | None = price or prices.lookup(said, _url(self._chat) or _HOMES.get(provider, ""))
        fields = type(self._chat).model_fields
        self._limit = next((each for each in _LIMITS if each in fields), None)
        self._structured = structured
        open_ = "reasoning_effort" in fields and getattr(self._chat, "reasoning_effort", None) is None
        known = open_ and provider in ("openai", "azure") and thinks(said)
        self._efforts = frozenset(efforts if efforts is not None else EFFORTS if known else ())
        self.modalities = _modalities(self._chat, said) if modalities is None else kinds_of(modalities)
        self._is_async = _has_async_side(self._chat)
        self._idle: list[BaseChatModel] = []
        self._binds = True
        self._prepared = False

    def __repr__(self) -> str:
        return f"ChatModel({self.name!r}, provider={self.provider!r})"

    def takes_effort(self, effort: str) -> bool:
        """Whether requests may carry this reasoning effort."""
        return effort in self._efforts

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one call: text as it comes, each tool call once its arguments are complete, `Usage`, `Finish`.

        Raises:
            ModelError: whatever the chat model raised; see `chat_errors.error_of`.
        """
        taken = {call["id"] for m in request.messages for call in m.get("calls", ())}
        completion = Completion(taken, piecewise={tool.name for tool in request.tools if tool.piecewise})
        begun = False
        try:
            async with aclosing(self._read(request, completion)) as events:
                async for event in events:
                    begun = True
                    yield event
        except Exception as error:
            raise error_of(self.name, error, begun=begun) from error
        for event in completion.end():
            yield event

    async def _read(self, request: ModelRequest, completion: Completion) -> AsyncGenerator[ModelEvent, None]:
        reader, left = Reader(), _Left(None if self._limit else request.max_tokens)
        chat = self._taken(request)
        async with aclosing(self._chunks(chat, request)) as chunks:
            while (chunk := await _next(chunks, completion)) is not None:
                for event in completion.feed(reader.read(chunk)):
                    yield event
                    left.take(event)
                if left.over:
                    completion.reason = "length"
                    break
        completion.closed = True
        if chat is not self._chat:
            self._idle.append(chat)

    async def _chunks(self, chat: BaseChatModel, request: ModelRequest) -> AsyncGenerator[Any, None]:
        messages = conversation(request, await blocks_of(request) if request.media else {})
        tools = request.tools if request.purpose == "reason" else ()
        runnable, arguments = self._bound(chat, tools), dict(self._arguments)
        if request.form is not None and self._asks_for_form(bool(tools)):
            await self._prepare_form()
            arguments["response_format"] = response_format(request.form)
        stream: AsyncIterator[Any]
        if self._is_async:
            stream = runnable.astream(messages, self._config, **arguments)
        else:
            stream = in_thread(lambda: runnable.stream(messages, self._config, **arguments), self)
        try:
            async for chunk in stream:
                yield chunk
        finally:
            # At once, and not when the garbage collector comes to it: the thread stops, the connection is shut.
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()

    def _bound(self, chat: BaseChatModel, tools: Sequence[ToolSpec]) -> Runnable[Any, Any]:
        if not tools or not self._binds:
            return chat
        try:
            return chat.bind_tools([as_tool(tool) for tool in tools])
        except NotImplementedError:
            self._binds = False
            _log.warning("%s cannot bind tools; it is asked without them, and calls none by itself", self.name)
            return chat

    async def _prepare_form(self) -> None:
        """Let OpenAI's client load what it needs for it, which takes a second, beside the loop and not in it."""
        if not self._prepared:
            self._prepared = True
            client = getattr(self._chat, "root_async_client", None)
            await POOL.run(lambda: getattr(client, "beta", None), owner=self)

    def _asks_for_form(self, beside_tools: bool) -> bool:
        if self._structured is not None:
            return self._structured
        profile = getattr(self._chat, "profile", None) or {}
        return bool(profile.get("structured_output")) and not beside_tools

    def _taken(self, request: ModelRequest) -> BaseChatModel:
        """A chat model for one call: the caller's own, or a copy that carries the call's limit and effort.

        A keyword would not do: what providers' packages make of one differs, but all of them read their fields. A copy
        is used again, so that the clients it holds keep their connections.
        """
        wanted: dict[str, Any] = {"reasoning_effort": request.effort} if request.effort else {}
        if request.max_tokens is not None and self._limit is not None:
            wanted[self._limit] = min(request.max_tokens, _count(getattr(self._chat, self._limit, None)))
        if not wanted:
            return self._chat
        chat = self._idle.pop() if self._idle else self._chat.model_copy()
        fields = [name for name in (self._limit, "reasoning_effort") if name in type(chat).model_fields]
        vars(chat).update({name: wanted.get(name, getattr(self._chat, name)) for name in fields})
        return chat


class _Left:
    """What a chat model without a field for it may still write, by characters."""

    def __init__(self, tokens: int | None) -> None:
        self._characters = None if tokens is None else tokens * CHARACTERS_PER_TOKEN

    @property
    def over(self) -> bool:
        """Whether it has written more than it was granted."""
        return self._characters is not None and self._characters < 0

    def take(self, event: ModelEvent) -> None:
        """Count a piece of text."""
        if self._characters is not None and isinstance(event, TextDelta):
            self._characters -= len(event.text)


def named(text: str) -> Model:
    """The chat model of `"provider:name"`, made by LangChain's `init_chat_model` without retries of its own.

    Raises:
        MissingExtra: LangChain is not installed.
        UnknownModel: the provider's package or its key is missing, or LangChain knows no such provider.
    """
    try:
        from langchain.chat_models import init_chat_model
    except ImportError:
        raise MissingExtra(f"the model {text!r}", "langchain") from None
    provider, _, name = text.partition(":")
    try:
        return ChatModel(_made(init_chat_model, provider, name))
    except ImportError as error:
        package = (error.name or f"langchain_{provider}").partition(".")[0].replace("_", "-")
        raise UnknownModel(f"the model {text!r} needs the package {package}: pip install {package}") from error
    except Exception as error:  # a provider's class may refuse its settings by anything, a missing key above all
        said = " ".join(str(error).split())[:300]
        raise UnknownModel(f"the model {text!r} cannot be made: {said}") from error


def _made(init_chat_model: Any, provider: str, name: str) -> BaseChatModel:
    try:
        chat: BaseChatModel = init_chat_model(name, model_provider=provider, max_retries=0)
    except (TypeError, ValueError):  # some take no such setting
        chat = init_chat_model(name, model_provider=provider)
    return chat


async def _next(chunks: AsyncIterator[Any], completion: Completion) -> Any:
    if completion.reason is None:
        return await anext(chunks, None)
    try:
        async with asyncio.timeout(LINGER):
            return await anext(chunks, None)
    except Exception:  # all but the usage has arrived
        return None


def _said(chat: BaseChatModel) -> str:
    names = (getattr(chat, attribute, None) for attribute in _NAMES)
    found = next((name for name in names if isinstance(name, str) and name), chat._llm_type or type(chat).__name__)
    return found.removeprefix("models/")


def _provider(chat: BaseChatModel) -> str:
    try:
        provider = chat._get_ls_params().get("ls_provider")
    except Exception:  # a class of the caller's own; it is a name for traces only
        provider = None
    return str(provider or chat._llm_type or "langchain")


def _url(chat: BaseChatModel) -> str:
    urls = (getattr(chat, attribute, None) for attribute in _URLS)
    return next((url for url in urls if isinstance(url, str) and urlsplit(url).hostname), "")


def _has_async_side(chat: BaseChatModel) -> bool:
    """Whether `astream` ends in async methods of the class; else LangChain takes it to asyncio's own threads."""
    streams, generates = _overrides(chat, "_astream"), _overrides(chat, "_agenerate")
    off = chat.disable_streaming or ("streaming" in chat.model_fields_set and not getattr(chat, "streaming", True))
    return generates if off else streams or (generates and not _overrides(chat, "_stream"))


def _overrides(chat: BaseChatModel, method: str) -> bool:
    return not getattr(type(chat), method).__module__.startswith("langchain_core.")


def _count(limit: object) -> int:
    """A limit that a chat model has of its own; some write -1 for none."""
    return limit if isinstance(limit, int) and limit > 0 else sys.maxsize


def _modalities(chat: BaseChatModel, name: str) -> frozenset[str]:
    """The kinds of files that it takes by its profile, or by the name of its model where that says nothing."""
    profile = getattr(chat, "profile", None) or {}
    told = {kind for kind, key in _INPUTS.items() if profile.get(key)}
    return frozenset(told) if any(key in profile for key in _INPUTS.values()) else by_name(name)
