"""The files of a run: those of its query and those that its tools gave, by reference, and what a model is shown of
each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..policies.errors import InvalidQuery
from ..policies.outcome import Ok, Verdict
from ..tools.call import Evidence, Passage
from ..tools.media.parts import Attachment, Text
from ..tools.media.size import Sized
from ..tools.media.source import Source
from ..tools.media.spool import Spool
from .models.base import MediaPiece, Message, Model, PartMessage
from .models.modalities import modalities_of, priced
from .prompts import fence

ATTACHMENT: Final = "attachment"
"""What evidence that a file of the query gave names as its tool."""


@dataclass(slots=True, eq=False, kw_only=True)
class Attached:
    """A file of a run, and what has become of it so far.

    Attributes:
        key: its id in the run.
        part: the part it is.
        call: the id of the call that gave it; empty for one of the query.
        source: where its bytes are, once that is known.
        spool: holds them while they are read elsewhere, where they are many.
        sized: how large it is, once that is known.
        portion: characters of its text that are shown at most.
        pieces: what a model is handed of it.
        passages: its text.
        scribe: who wrote its text down, where it is a transcript of its sound.
        note: why it is not shown, or only in part; empty where it is shown as it is.
        ready: whether all of this has been decided.
    """

    key: str
    part: Attachment
    call: str = ""
    source: Source | None = None
    spool: Spool = field(default_factory=Spool)
    sized: Sized | None = None
    portion: int = 0
    pieces: tuple[MediaPiece, ...] = ()
    passages: tuple[Passage, ...] = ()
    scribe: str = ""
    note: str = ""
    ready: bool = False

    @property
    def kind(self) -> str:
        """What it is by its content, else as the program declared it."""
        return self.part.kind if self.sized is None or self.sized.kind is None else self.sized.kind

    @property
    def name(self) -> str:
        """What it is called."""
        return self.part.label

    @property
    def text(self) -> str:
        """Its text, each passage under its page."""
        return "\n\n".join(each.text if each.page is None else f"[page {each.page}]\n{each.text}"
                           for each in self.passages)  # fmt: skip

    @property
    def ref(self) -> PartMessage:
        """It as it stands in a message."""
        return PartMessage(key=self.key, kind=self.part.kind, name=self.name)

    def record(self) -> dict[str, Any]:
        """It as graph state keeps it: that it was shown and by whose word, and nothing of its content."""
        said = f"[{self.kind} {self.name}]"
        return replace(self.evidence(), content=said, passages=()).to_dict()

    def evidence(self) -> Evidence:
        """Its text as evidence: answers are checked against it, and it is data where nobody vouches for it."""
        was = f"it is a transcript by {self.scribe}" if self.scribe else "it was attached"
        return Evidence(
            id=self.key,
            tool=ATTACHMENT,
            arguments={"name": self.name},
            outcome=Ok(None),
            content=self.text,
            passages=self.passages,
            verdict=Verdict.unsure(ATTACHMENT, f"{was}, and nothing has checked it"),
            origin=self.part.origin,
            trusted=self.part.trusted and not self.scribe,
        )


@dataclass(slots=True, eq=False)
class Attachments:
    """The files of a run; used by its loop only.

    Attributes:
        items: each by its key, in the order they came.
        prefix: what keys begin with, as a conversation holds those of its earlier runs.
    """

    items: dict[str, Attached] = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def of(cls, parts: Iterable[Attachment]) -> Attachments:
        """Those of a query."""
        media = cls()
        for part in parts:
            media.add(part)
        return media

    def add(self, part: Attachment, call: str = "") -> Attached:
        """Take in a file."""
        key = f"{self.prefix}-{len(self.items) + 1}"
        item = self.items[key] = Attached(key=key, part=part, call=call)
        return item

    @property
    def waiting(self) -> list[Attached]:
        """Those of which nothing has been decided yet."""
        return [item for item in self.items.values() if not item.ready]

    @property
    def kinds(self) -> list[str]:
        """The kinds of files that were attached to the query."""
        return sorted({item.kind for item in self.items.values() if not item.call})

    @property
    def opaque(self) -> str:
        """Names of those that a model was handed and no check can read, such as the pictures of a video beside a
        transcript; empty where there are none."""
        opaque = (item for item in self.items.values() if item.pieces and (item.scribe or not item.passages))
        return ", ".join(item.name for item in opaque)

    def records(self) -> list[dict[str, Any]]:
        """Those of the query that were shown, for a later run of the conversation."""
        return [item.record() for item in self.items.values() if not item.call and (item.pieces or item.passages)]

    def refs(self) -> list[PartMessage]:
        """The files of the query as they stand in its message."""
        return [item.ref for item in self.items.values() if not item.call]

    def fitted(
        self, messages: Sequence[Message], model: Model
    ) -> tuple[list[Message], Mapping[str, tuple[MediaPiece, ...]]]:
        """Messages as a model takes them: files of kinds it takes by their keys, the others as text."""
        takes, media = modalities_of(model), {}
        told: list[Message] = []
        for message in messages:
            if "parts" not in message:
                told.append(message)
                continue
            here = [self._shown(ref, takes, model) for ref in message["parts"]]
            for ref, (_, pieces) in zip(message["parts"], here, strict=True):
                if pieces:
                    media[ref["key"]] = pieces
            content = "\n\n".join([message["content"], *(text for text, _ in here)])
            kept = [ref for ref in message["parts"] if ref["key"] in media]
            told.append(Message(**message | {"content": content, "parts": kept}))
        return told, media

    def _shown(self, ref: PartMessage, takes: frozenset[str], model: Model) -> tuple[str, tuple[MediaPiece, ...]]:
        """What a model is told of a file, and what it is handed of it."""
        item = self.items.get(ref["key"])
        if item is None:
            return f"[{ref['kind']} {ref['name']}: attached earlier, and not at hand any more]", ()
        pieces = tuple(priced(piece, model) for piece in item.pieces if piece.kind in takes)
        note = f" ({item.note})" if item.note else ""
        if pieces and not item.scribe:
            return f"[{item.kind} {item.name} is attached{note}]", pieces
        if item.passages:
            by = f", a transcript by {item.scribe}" if item.scribe else ""
            text = item.text if item.part.trusted and not item.scribe else fence(item.name, item.text)
            return f"[{item.kind} {item.name}{by}{note}]\n{text}", pieces if item.scribe else ()
        said = note or " (it cannot be shown to you)"
        return f"[{item.kind} {item.name} is not shown{said}]", ()


def read_parts(query: Sequence[Any], most: int) -> tuple[list[str], list[Attachment]]:
    """The texts and the files of a query.

    Raises:
        InvalidQuery: it is empty, holds something else, or more than `most` files.
    """
    texts: list[str] = []
    files: list[Attachment] = []
    for place, part in enumerate(query):
        if isinstance(part, (str, Text)):
            texts.append(part if isinstance(part, str) else part.text)
        elif isinstance(part, Attachment):
            files.append(part)
        else:
            raise InvalidQuery(
                f"query[{place}] must be a text, Text, Image, Document, Audio or Video, got a {type(part).__name__}"
            )
    if len(files) > most:
        raise InvalidQuery(f"query has {len(files)} files and media.files={most}; attach fewer or raise the limit")
    return texts, files


def question_of(texts: Sequence[str], files: Sequence[Attachment]) -> str:
    """The question as a text: what the user wrote, else that something is attached."""
    written = "\n\n".join(text for text in texts if text.strip())
    return written or f"See what is attached: {', '.join(part.label for part in files)}" * bool(files)


def counts(files: Iterable[Attachment]) -> dict[str, int]:
    """How many files of each kind there are, as the program declared them."""
    found: dict[str, int] = {}
    for part in files:
        found[part.kind] = found.get(part.kind, 0) + 1
    return found
