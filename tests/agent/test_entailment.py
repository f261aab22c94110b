"""A local model of entailment as a verifier: a real graph, built here as small as can be, run by the real runtime."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from shotclock import Agent, Answered, Budget, Evidence, UsageError, Verdict, entailment
from shotclock.policies.errors import InvalidPath, MissingExtra
from shotclock.policies.outcome import Ok
from shotclock.testing import ScriptedModel, VirtualClock, ask, fake_tool

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [
    *MARKS,
    "not",
    *["there", "are", "seven", "nine", "apples", "pears", "in", "the", "basket", "red", "and", "it", "is"],
]
LABELS = {"0": "contradiction", "1": "entailment", "2": "neutral"}


def build(folder: Path, labels: dict[str, str] = LABELS) -> Path:
    """A model that reads a sentence as following where each of its words stands in the evidence, and as contradicting
    where it says `not` and the evidence does not."""
    numpy, onnx = pytest.importorskip("numpy"), pytest.importorskip("onnx")
    tokenizers = pytest.importorskip("tokenizers")
    pytest.importorskip("onnxruntime")
    helper, kinds = onnx.helper, onnx.TensorProto
    size = len(WORDS)
    counted = numpy.ones((1, size), dtype=numpy.float32)
    counted[0, [0, 2, 3]] = 0.0  # padding and marks are no words
    denial = numpy.zeros((1, size), dtype=numpy.float32)
    denial[0, 4] = 1.0
    nodes = [
        helper.make_node("OneHot", ["input_ids", "size", "off_on"], ["hot"], axis=-1),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=kinds.FLOAT),
        helper.make_node("Unsqueeze", ["second", "last"], ["second3"]),
        helper.make_node("Mul", ["hot", "second3"], ["of_sentence"]),
        helper.make_node("Sub", ["hot", "of_sentence"], ["of_evidence"]),
        helper.make_node("ReduceMax", ["of_sentence", "words"], ["sentence"], keepdims=0),
        helper.make_node("ReduceMax", ["of_evidence", "words"], ["evidence"], keepdims=0),
        helper.make_node("Sub", ["one", "evidence"], ["absent"]),
        helper.make_node("Mul", ["sentence", "absent"], ["lacking"]),
        helper.make_node("Mul", ["lacking", "counted"], ["missing"]),
        helper.make_node("ReduceSum", ["missing", "words"], ["many"], keepdims=1),
        helper.make_node("Mul", ["missing", "denial"], ["denied"]),
        helper.make_node("ReduceSum", ["denied", "words"], ["denies"], keepdims=1),
        helper.make_node("Mul", ["many", "minus"], ["less"]),
        helper.make_node("Add", ["less", "five"], ["follows"]),
        helper.make_node("Mul", ["denies", "ten"], ["contradicts"]),
        helper.make_node("Mul", ["many", "zero"], ["neutral"]),
        helper.make_node("Concat", ["contradicts", "follows", "neutral"], ["logits"], axis=1),
    ]

    def constant(name: str, value: Any, kind: Any) -> Any:
        return onnx.numpy_helper.from_array(numpy.array(value, dtype=kind), name)

    floats = {"off_on": [0.0, 1.0], "one": 1.0, "minus": -10.0, "five": 5.0, "ten": 10.0, "zero": 0.0,
              "counted": counted, "denial": denial}  # fmt: skip
    whole = {"size": [size], "last": [-1], "words": [1]}
    constants = [constant(name, value, numpy.float32) for name, value in floats.items()]
    constants += [constant(name, value, numpy.int64) for name, value in whole.items()]
    given = [helper.make_tensor_value_info(n, kinds.INT64, ["b", "t"]) for n in ("input_ids", "token_type_ids")]
    gives = [helper.make_tensor_value_info("logits", kinds.FLOAT, ["b", 3])]
    graph = helper.make_graph(nodes, "overlap", given, gives, constants)
    folder.mkdir(exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(folder / "model.onnx"))

    vocabulary = {word: at for at, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Whitespace(), tokenizers.pre_tokenizers.Punctuation("removed")]
    )
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"id2label": labels}))
    return folder


def found(content: str) -> Evidence:
    verdict = Verdict.unsure("checks", "")
    return Evidence(id=content[:8], tool="t", arguments={}, outcome=Ok(content), content=content, verdict=verdict)


def said(check: Any, text: str, *contents: str) -> Verdict:
    verdict = check(Answered(text=text, query="?", evidence=tuple(map(found, contents))))
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        ("There are seven apples. The apples are red.", "pass", "each of 2 sentences"),
        ("There are seven apples in the basket. There are nine pears.", "pass", "each of 2 sentences"),
        ("There are seven apples. There are zebras.", "unsure", "1 of 2 sentences"),
        (
            "There are seven apples. The apples are not red.",
            "fail",
            r"contradiction of the evidence \(1.00\): The apples",
        ),
        ("", "unsure", "nothing to hold"),
    ],
)
def test_each_sentence_is_held_against_the_evidence(tmp_path, text, outcome, reason):
    """It passes what follows sentence by sentence, refuses what contradicts the nearest evidence, else is unsure."""
    check = entailment(build(tmp_path / "model"))
    verdict = said(
        check, text, "There are seven red apples in the basket and the apples are it.", "There are nine pears."
    )
    assert verdict.outcome == outcome, verdict
    assert pytest.importorskip("re").search(reason, verdict.reason)


def test_long_evidence_is_read_where_it_is_near(tmp_path):
    """Of long evidence the pieces that share most words with a sentence are read."""
    check = entailment(build(tmp_path / "model"))
    filler = "It is in the basket. " * 2_000
    assert said(check, "There are nine pears.", filler + "There are nine pears. " + filler).outcome == "pass"


def test_in_a_run_it_vouches_for_what_the_evidence_leaves_open(tmp_path):
    """An answer that the check against the evidence leaves open is verified by it, as a costly rung that was bought."""
    check = entailment(build(tmp_path / "model"), latency="50ms")
    basket = fake_tool("basket", returns="There are seven apples in the basket and it is red.")

    def run(verify: list[Any]) -> Any:
        model = ScriptedModel([ask(("basket", {})), "It is in there."])
        return VirtualClock().run(Agent(model, [basket], verify=verify).run("Is it?", budget=Budget(latency=30)))

    assert run([]).verdict.outcome == "unsure"
    result = run([check])
    bought = [each["figures"]["verifier"] for each in result.decisions if each["choice"] == "buy"]
    assert (bought, result.verified, result.verdict.verifier) == (["entailment"], True, "entailment")


@pytest.mark.parametrize(
    ("missing", "error", "reason"),
    [
        ("model.onnx", InvalidPath, "there is none of model.onnx"),
        ("tokenizer.json", InvalidPath, "there is no tokenizer.json"),
        ("config.json", InvalidPath, "there is no config.json"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(tmp_path, missing, error, reason):
    """What is missing is named when the check is made, and not in a run."""
    folder = build(tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(error, match=reason):
        entailment(folder)


def test_a_broken_graph_and_other_labels_are_refused(tmp_path):
    """A file that is no graph, and a model that says nothing of entailment, are refused when the check is made."""
    with pytest.raises(UsageError, match="no answer of the model is 'entailment'; it has: good, bad"):
        entailment(build(tmp_path / "other", {"0": "good", "1": "bad"}))
    folder = build(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(InvalidPath, match="it cannot be read"):
        entailment(folder)


@pytest.mark.parametrize("value", [0.5, 1.1])
def test_likelihoods_are_likelihoods(tmp_path, value):
    """A bound that a coin would pass is refused."""
    with pytest.raises(UsageError, match=f"refuse={value}"):
        entailment(tmp_path, refuse=value)


def test_without_the_extra(tmp_path, monkeypatch):
    """Without the runtime the error names the extra."""
    (tmp_path / "config.json").write_text(json.dumps({"id2label": LABELS}))
    (tmp_path / "model.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"shotclock\[entailment\]"):
        entailment(tmp_path)
