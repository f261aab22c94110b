"""Search in documents: what is found, where it stands, and that no query breaks it."""

from __future__ import annotations

import builtins
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.policies.errors import MissingExtra
from shotclock.tools.builtin import documents as documents_module
from shotclock.tools.builtin.documents import Documents
from shotclock.tools.builtin.extraction import Block, blocks
from shotclock.tools.builtin.index import terms
from shotclock.tools.builtin.passages import MAX_PASSAGE, pieces
from shotclock.tools.call import Passage

HANDBOOK = """\
---
owner: people team
---
# Handbook

Welcome to the company.

## Parental leave

Every parent may take 20 weeks of leave. The pay is full.

## Travel

### Hotels

Hotels cost up to 140 euros a night.

```
# not a heading
```
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "handbook.md").write_text(HANDBOOK)
    (tmp_path / "notes.txt").write_text("The printer on the second floor is broken.\n\nCall Ada about it.")
    (tmp_path / "page.html").write_text(
        "<html><head><title>Site</title><style>p{}</style></head><body><nav>Menu</nav><h1>Refunds</h1>"
        "<p>Paid within <b>five</b> working days.</p><ul><li>by card</li><li>by transfer</li></ul>"
        "<table><tr><td>fee</td><td>none</td></tr></table><script>var refunds = 1</script></body></html>"
    )
    return tmp_path


def pdf(pages: list[str]) -> bytes:
    """A PDF whose pages hold one line of text each."""
    kids = [4 + 2 * number for number in range(len(pages))]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for kid, text in zip(kids, pages, strict=True):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {kid + 1} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return body + end % (len(objects) + 1, table, len(objects) + 1, len(body))


def test_a_passage_comes_with_its_heading_and_origin(folder: Path) -> None:
    """A Markdown passage stands under its heading, verbatim, with the file it is from."""
    found = Documents([folder]).search("parental leave weeks")
    assert found[0] == Passage(
        text="Parental leave\nEvery parent may take 20 weeks of leave. The pay is full.", origin="handbook.md"
    )


def test_nested_headings_are_shown_and_code_is_no_heading(folder: Path) -> None:
    """A passage shows the section it is in, and a `#` inside a code block is text."""
    (found,) = Documents([folder]).search("hotels night")
    assert found.text.startswith("Travel › Hotels\nHotels cost up to 140 euros a night.")
    assert "# not a heading" in found.text


def test_html_gives_its_text_and_nothing_else(folder: Path) -> None:
    """Scripts, styles and menus are not text; lists and table rows stand on lines of their own."""
    (found,) = Documents([folder / "page.html"]).search("refunds")
    assert found.text == "Refunds\nPaid within five working days.\n- by card\n- by transfer\nfee | none"
    assert Documents([folder / "page.html"]).search("menu style var") == []


def test_deeply_nested_html_is_read(tmp_path: Path) -> None:
    """Nesting deeper than Python's recursion limit is no matter."""
    (tmp_path / "deep.html").write_text("<div>" * 5000 + "buried treasure" + "</div>" * 5000)
    assert Documents([tmp_path]).search("treasure")[0].text == "buried treasure"


def test_a_pdf_passage_names_its_page(tmp_path: Path) -> None:
    """Pages of a PDF are counted from 1, and a passage never spans two."""
    (tmp_path / "guide.pdf").write_bytes(pdf(["Start here with the basics.", "Advanced calibration of probes."]))
    (found,) = Documents([tmp_path / "guide.pdf"]).search("probe calibration")
    assert (found.text, found.page, found.source) == (
        "Advanced calibration of probes.",
        2,
        "guide.pdf, page 2",
    )


def test_a_long_pdf_is_read_whole(tmp_path: Path) -> None:
    """The last of 200 pages is found."""
    (tmp_path / "long.pdf").write_bytes(pdf([f"This is sheet{number} of the manual." for number in range(1, 201)]))
    assert [passage.page for passage in Documents([tmp_path]).search("sheet200")] == [200]


def test_a_damaged_pdf_costs_only_itself(folder: Path) -> None:
    """A PDF that cannot be opened becomes a warning; the others are found."""
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing of use")
    documents = Documents([folder])
    assert documents.search("printer")
    assert any("bad.pdf could not be read" in warning for warning in documents.warnings)


def test_a_pdf_without_text_is_said_to_have_none(tmp_path: Path) -> None:
    """A scanned PDF is not silently missing."""
    (tmp_path / "scan.pdf").write_bytes(pdf([""]))
    documents = Documents([tmp_path])
    assert documents.search("anything") == []
    assert "scan.pdf has no text" in documents.warnings[0]


def test_words_match_by_their_stem_and_stop_words_do_not_count(folder: Path) -> None:
    """Other forms of a word match, and the little words of a question do not matter."""
    documents = Documents([folder])
    assert documents.search("What is the hotel costing us?")[0].origin == "handbook.md"
    assert documents.search("PRINTERS")[0].origin == "notes.txt"


def test_a_passage_with_every_word_comes_before_one_with_some(tmp_path: Path) -> None:
    """All words together rank above one word that is repeated."""
    (tmp_path / "a.md").write_text("laptop laptop laptop laptop laptop")
    (tmp_path / "b.md").write_text("A " + "very " * 60 + "long text about a lost laptop.")
    assert [passage.origin for passage in Documents([tmp_path]).search("lost laptop")] == ["b.md", "a.md"]


def test_a_word_in_a_heading_weighs_more(tmp_path: Path) -> None:
    """A section about a thing ranks above one that mentions it."""
    (tmp_path / "a.md").write_text("# Things\n\nThe warranty is mentioned here, as are some other things.")
    (tmp_path / "b.md").write_text("# Warranty\n\nIt lasts for three years, and covers most of what there is.")
    assert Documents([tmp_path]).search("warranty")[0].origin == "b.md"


def test_nothing_matching_gives_nothing(folder: Path) -> None:
    """A query whose words are nowhere gives an empty list."""
    assert Documents([folder]).search("zebra quantum") == []


def test_the_limit_bounds_the_passages(tmp_path: Path) -> None:
    """At most `limit` passages come back, and the tool refuses a limit out of range."""
    for number in range(10):
        (tmp_path / f"{number}.md").write_text(f"apple number {number}")
    documents = Documents([tmp_path])
    assert len(documents.search("apple", limit=3)) == 3
    assert documents.search_documents.schema.read({"query": "x", "limit": 0}).__class__.__name__ == "Problem"


@pytest.mark.parametrize(
    "query",
    [
        *(
            '"',
            "'",
            "*",
            "()",
            "a AND",
            "NEAR(a b)",
            "col:x",
            "-a",
            "^a",
            "a OR OR b",
            "\0",
            "a\0b",
            "😀",
            "",
            " ",
            "_",
        ),
        *(
            "headings:leave",
            '"unclosed',
            "leave*",
            "\ud800",
            "x" * 1_000_000,
            "leave " * 200_000,
            "東京 の 天気",
            "a" * 70,
        ),
    ],
)
def test_no_query_is_an_error(folder: Path, query: str) -> None:
    """Operators, quotes, control characters, emoji and a megabyte of text are only words or nothing."""
    assert isinstance(Documents([folder]).search(query), list)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "handbook.md").write_text(HANDBOOK)
    documents = Documents([folder])
    documents.prepare()
    return documents


@given(query=st.text(max_size=200), limit=st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_is_a_query(indexed: Documents, query: str, limit: int) -> None:
    """Whatever the text, a search returns a list of passages no longer than the limit."""
    found = indexed.search(query, limit)
    assert len(found) <= limit
    assert all(isinstance(passage, Passage) for passage in found)


def test_a_query_of_stop_words_is_searched_as_it_is() -> None:
    """Where nothing but little words was asked, they are the query."""
    assert terms("who are we") == ['"who"', '"are"', '"we"']
    assert terms("who are the owners") == ['"owners"']


def test_text_without_spaces_is_found(tmp_path: Path) -> None:
    """Words of scripts without spaces are found inside a sentence."""
    (tmp_path / "a.md").write_text("東京の天気は晴れです。")
    assert Documents([tmp_path]).search("天気")[0].text == "東京の天気は晴れです。"


def test_latin1_text_is_read(tmp_path: Path) -> None:
    """A text that is no UTF-8 is read as Windows-1252."""
    (tmp_path / "a.txt").write_bytes("Größe: fünf".encode("cp1252"))
    assert Documents([tmp_path]).search("größe")[0].text == "Größe: fünf"


@given(
    st.lists(
        st.builds(
            Block,
            text=st.text(st.sampled_from("ab .!\n東"), min_size=1, max_size=3000).filter(str.strip),
            headings=st.sampled_from([(), ("Title",), ("Title", "Part")]),
        ),
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_passages_are_short_and_lose_nothing(given_blocks: list[Block]) -> None:
    """No passage is over 900 characters, and together they hold every character but white space."""
    made = list(pieces(given_blocks))
    assert all(len(piece.text) <= MAX_PASSAGE for piece in made)
    assert "".join("".join(piece.body for piece in made).split()) == "".join(
        "".join(block.text for block in given_blocks).split()
    )


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    """A cut falls between sentences where there is one."""
    text = " ".join(f"This is sentence number {number} of the paragraph." for number in range(60))
    made = list(pieces([Block(text)]))
    assert len(made) > 2
    assert all(piece.body.startswith("This is") and piece.body.endswith(".") for piece in made)


def test_a_changed_file_is_indexed_again(folder: Path) -> None:
    """What a file says now is found, what it said is not, and a file that is gone is not found."""
    documents = Documents([folder])
    notes = folder / "notes.txt"
    assert documents.search("printer")
    notes.write_text("The scanner works again.")
    os.utime(notes, ns=(1, 1))
    assert documents.search("printer") == []
    assert documents.search("scanner")[0].origin == "notes.txt"
    notes.unlink()
    assert documents.search("scanner") == []


def test_a_file_over_the_limit_is_skipped_with_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An oversized document costs only itself, and the warning names the limit."""
    monkeypatch.setattr(documents_module, "MAX_BYTES", 100)
    documents = Documents([folder])
    assert documents.search("printer")[0].origin == "notes.txt"
    assert documents.search("parental") == []
    assert any("handbook.md" in warning and "100" in warning for warning in documents.warnings)


def test_threads_share_one_index(folder: Path) -> None:
    """Searches from many threads at once, the first of which builds the index, all find the same."""
    documents = Documents([folder])
    found: list[list[Passage]] = []
    threads = [threading.Thread(target=lambda: found.append(documents.search("printer floor"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(passages == found[0] and passages for passages in found)


def test_the_description_says_what_is_there(folder: Path) -> None:
    """A model reads which folder it is, how many documents, and their titles and headings."""
    description = Documents([folder]).search_documents.description
    assert f"3 documents in {folder.name}" in description
    for topic in ("Handbook", "Refunds", "notes", "Parental leave", "Hotels"):
        assert topic in description


def test_the_description_is_bounded(tmp_path: Path) -> None:
    """However many headings there are, the description stays short."""
    (tmp_path / "a.md").write_text("\n\n".join(f"# Heading number {number}\n\ntext" for number in range(500)))
    assert len(Documents([tmp_path]).search_documents.description) < 650


def test_the_schema_marks_the_query(folder: Path) -> None:
    """The query is marked for models that fill arguments by format."""
    tool = Documents([folder]).search_documents
    assert tool.schema.parameters["properties"]["query"]["format"] == "query"
    assert tool.schema.parameters["required"] == ["query"]
    assert tool.schema.problem_of_result(tool(query="printer")) is None


@pytest.mark.parametrize(("name", "module"), [("a.pdf", "pypdfium2")])
def test_a_missing_extra_is_named_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    """Without the extra, PDF and HTML name it when they are given, and Markdown works."""
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(pdf(["text"]) if name.endswith("pdf") else b"<html><body>text</body></html>")
    with pytest.raises(MissingExtra, match="'files'"):
        Documents([tmp_path / name])
    (tmp_path / "b.md").write_text("plain text")
    assert Documents([tmp_path / "b.md"]).search("plain")


def test_nothing_is_read_before_it_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making Documents does not read the documents through: that is left to the tool's thread."""
    documents = Documents([folder])
    (folder / "notes.txt").write_text("Written after the object was made.")
    assert documents.search("written after")[0].origin == "notes.txt"
    opened: list[object] = []
    real = builtins.open

    def noted(*args: Any, **options: Any) -> Any:
        opened.append(args)
        return real(*args, **options)

    monkeypatch.setattr(builtins, "open", noted)
    documents.search("printer")
    assert opened == []


def test_setext_headings_are_headings(tmp_path: Path) -> None:
    """A line underlined with `=` or `-` is a heading; a row of a table is not."""
    (tmp_path / "a.md").write_text("Title\n=====\n\nIntro.\n\nPart\n----\n\nBody.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert [(block.headings, block.text) for block in blocks(tmp_path / "a.md")] == [
        (("Title",), "Intro."),
        (("Title", "Part"), "Body."),
        (("Title", "Part"), "| a | b |\n|---|---|\n| 1 | 2 |"),
    ]
