"""A local model of entailment as a verifier of answers: whether each sentence follows from what was found."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..policies.errors import InvalidPath, MissingExtra, UsageError
from ..policies.outcome import Verdict
from ..policies.sentences import split, stems
from .priced import Priced, costly
from .verifiers import Answered

PREMISE: Final = 1_200
"""Characters of evidence that a sentence is held against at once: some 300 tokens, beside the sentence within 512."""
PREMISES: Final = 4
"""Pieces of evidence that a sentence is held against: those that share most words with it."""
SENTENCES: Final = 24
"""Sentences of an answer that are read; a longer answer is left open."""
TOKENS: Final = 512
"""Tokens of a pair that a model is given; what is longer is cut at the end of the evidence."""
BATCH: Final = 16
"""Pairs that a model is given at once."""
FILES: Final = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
"""Where a model's graph lies in its folder; the first one that there is."""


class Odds(NamedTuple):
    """What a model makes of a pair: how likely the sentence follows from the evidence, and how likely it contradicts
    it."""

    follows: float
    contradicts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From which likelihood on a sentence counts as following from a piece of evidence, or as contradicting it."""

    accept: float
    refuse: float


class CrossEncoder:
    """A model that reads a piece of evidence and a sentence together; it runs on the processor, in one thread.

    Args:
        folder: where its graph (`FILES`), `tokenizer.json` and `config.json` lie.
    """

    def __init__(self, folder: Path) -> None:
        self._follows, self._contradicts = _labels(folder)
        graph = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if graph is None:
            raise InvalidPath(f"entailment(model={str(folder)!r}): there is none of {', '.join(FILES)}")
        runtime, tokenizers = _libraries()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # what runs beside it has its processors
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(_file(folder, "tokenizer.json")))
            self._session = runtime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except InvalidPath:
            raise
        except Exception as error:  # both libraries raise classes of their own
            raise InvalidPath(f"entailment(model={str(folder)!r}): it cannot be read: {error}") from error
        self._tokenizer.enable_truncation(TOKENS, strategy="only_first")
        self._tokenizer.enable_padding()
        self._inputs = {each.name for each in self._session.get_inputs()}

    def odds(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        """What it makes of pairs of evidence and sentence."""
        return [each for at in range(0, len(pairs), BATCH) for each in self._batch(pairs[at : at + BATCH])]

    def _batch(self, pairs: Sequence[tuple[str, str]]) -> Iterable[Odds]:
        import numpy

        read = self._tokenizer.encode_batch(list(pairs))
        columns = {
            "input_ids": [each.ids for each in read],
            "attention_mask": [each.attention_mask for each in read],
            "token_type_ids": [each.type_ids for each in read],
        }
        given = {name: numpy.array(rows, dtype=numpy.int64) for name, rows in columns.items() if name in self._inputs}
        for logits in self._session.run(None, given)[0]:
            chances = _softmax([float(each) for each in logits])
            against = 0.0 if self._contradicts is None else chances[self._contradicts]
            yield Odds(chances[self._follows], against)


class Entailment:
    """The check that `entailment` makes.

    Args:
        model: what reads pairs.
        bounds: what counts.
        name: what reasons call it.
    """

    def __init__(self, model: CrossEncoder, bounds: Bounds, name: str) -> None:
        self.__name__ = name
        self._model = model
        self._bounds = bounds

    def __call__(self, answered: Answered) -> Verdict:
        """Pass where every sentence follows from a piece of evidence, fail where one contradicts the piece that is
        nearest to it and follows from none, and unsure otherwise."""
        sentences = [each.text.strip() for each in split(answered.text)]
        pieces = [piece for text in _texts(answered) for piece in _pieces(text)]
        if not sentences or not pieces or len(sentences) > SENTENCES:
            return Verdict.unsure(self.__name__, "there is nothing to hold the answer against, or too much of it")
        asked = [(near, sentence) for sentence in sentences for near in _nearest(sentence, pieces)]
        odds = self._model.odds(asked)
        each = len(asked) // len(sentences)
        return self._verdict(sentences, [odds[at : at + each] for at in range(0, len(odds), each)])

    def _verdict(self, sentences: Sequence[str], odds: Sequence[Sequence[Odds]]) -> Verdict:
        best = [max(each.follows for each in found) for found in odds]
        follow = sum(each >= self._bounds.accept for each in best)
        score = min(best)
        for sentence, found, chance in zip(sentences, odds, best, strict=True):
            if chance < self._bounds.accept and found[0].contradicts >= self._bounds.refuse:
                reason = (
                    f"the model reads a contradiction of the evidence ({found[0].contradicts:.2f}): {sentence[:120]}"
                )
                return Verdict(outcome="fail", reason=reason, verifier=self.__name__, score=1 - found[0].contradicts)
        if follow == len(sentences):
            reason = f"the model reads each of {follow} sentences as following from the evidence"
            return Verdict(outcome="pass", reason=reason, verifier=self.__name__, score=score)
        return Verdict.unsure(self.__name__, f"the model reads {follow} of {len(sentences)} sentences as following")


def entailment(
    model: str | PathLike[str],
    *,
    accept: float = 0.9,
    refuse: float = 0.9,
    latency: float | str | timedelta = 0.3,
    name: str = "entailment",
) -> Priced:
    """A verifier that asks a small model on this machine whether each sentence of an answer follows from the evidence.

    ::

        Agent("openai:gpt-5-mini", tools, verify=[entailment("models/nli-deberta-v3-small")])

    It is a costly one: asked after the check against the evidence and the functions that cost nothing, in a thread, and
    only where its verdict would come in time and something can follow from it (`policy.verification`). A judgement of
    words it is and no more: such models overlook numbers, names and dates, which the check against the evidence
    compares, and it never overrules that one. No model is shipped: the folder is one that you have, such as a
    cross-encoder for natural language inference exported to ONNX. It is loaded here, so that no run waits for it.

    Args:
        model: the folder with the graph (`model.onnx` or `onnx/model.onnx`), `tokenizer.json`, and `config.json`, whose
            `id2label` names the model's answers: one of them `entailment`, and usually `contradiction`.
        accept: from which likelihood on a sentence follows from a piece of evidence. Default 0.9, which is strict and
            not fitted to any model: look at the scores that yours gives for answers of your own.
        refuse: from which likelihood on a sentence contradicts the piece of evidence that is nearest to it. Default
            0.9, likewise.
        latency: seconds a verdict usually takes, before anything was measured. Default 0.3.
        name: what traces, reasons and forecasts call it. Default `entailment`.

    Raises:
        MissingExtra: the extra `entailment` is not installed.
        InvalidPath: the folder lacks a file, or one cannot be read.
        UsageError: `accept` or `refuse` is no likelihood above a half, or no answer of the model is `entailment`.
        InvalidBudget: `latency` is no such amount.
    """
    for parameter, value in (("accept", accept), ("refuse", refuse)):
        if not 0.5 < value <= 1:
            raise UsageError(f"entailment({parameter}={value!r}): it must be a likelihood above 0.5, 1 at most")
    check = Entailment(CrossEncoder(Path(model)), Bounds(accept=accept, refuse=refuse), name)
    return costly(check, latency=latency, name=name)


def _libraries() -> tuple[Any, Any]:
    try:
        import onnxruntime
        import tokenizers
    except ImportError:
        raise MissingExtra("a local check of entailment", "entailment") from None
    return onnxruntime, tokenizers


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise InvalidPath(f"entailment(model={str(folder)!r}): there is no {name}")
    return folder / name


def _labels(folder: Path) -> tuple[int, int | None]:
    """Which of the model's answers says that the sentence follows, and which that it contradicts."""
    try:
        said = json.loads(_file(folder, "config.json").read_text(encoding="utf-8")).get("id2label") or {}
        names = {int(at): str(label).lower() for at, label in said.items()}
    except (ValueError, AttributeError) as error:
        raise InvalidPath(f"entailment(model={str(folder)!r}): config.json cannot be read: {error}") from error
    follows = next((at for at, label in names.items() if label.startswith("entail")), None)
    if follows is None:
        known = ", ".join(names.values()) or "none"
        raise UsageError(f"entailment(model={str(folder)!r}): no answer of the model is 'entailment'; it has: {known}")
    return follows, next((at for at, label in names.items() if label.startswith("contradict")), None)


def _texts(answered: Answered) -> Iterable[str]:
    for item in answered.evidence:
        if item.usable:
            yield from (passage.text for passage in item.passages) if item.passages else (item.content,)


def _pieces(text: str) -> Iterable[str]:
    """The text in pieces of whole sentences, each as long as a model reads at once."""
    piece = ""
    for each in split(text):
        if piece and len(piece) + len(each.text) > PREMISE:
            yield piece
            piece = ""
        piece = f"{piece} {each.text.strip()}".strip()[:PREMISE]
    if piece:
        yield piece


def _nearest(sentence: str, pieces: Sequence[str]) -> list[str]:
    """The pieces that share most words with a sentence; as many for each sentence."""
    asked = set(stems(sentence))
    return sorted(pieces, key=lambda piece: -len(asked.intersection(stems(piece))))[:PREMISES]


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(each - top) for each in logits]
    return [each / sum(powers) for each in powers]
