"""Files and folders: what is sorted where, and what is said of a file that cannot be used."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from shotclock.policies.errors import InvalidPath
from shotclock.tools.builtin import paths as paths_module
from shotclock.tools.builtin.files import builtin_files, sort_paths

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
PAGE = b"<!DOCTYPE html>\n<html><body><p>Please log in.</p></body></html>"
EXAMPLES = Path(__file__).parents[3] / "examples" / "data"


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_is_sorted_into_documents_and_tables(tmp_path: Path) -> None:
    """A folder's files are taken by their type, in subfolders too, and labelled by their path in it."""
    write(tmp_path / "a.md", "# A")
    write(tmp_path / "sub" / "b.TXT", "text")
    write(tmp_path / "sub" / "c.csv", "x,y\n1,2\n")
    write(tmp_path / "d.jsonl", '{"x": 1}\n')
    files = sort_paths([tmp_path])
    assert names(files.documents) == ["a.md", "b.TXT"]
    assert names(files.tables) == ["d.jsonl", "c.csv"]
    assert files.warnings == ()
    assert files.label(tmp_path / "sub" / "b.TXT") == "sub/b.TXT"


def test_hidden_files_and_package_folders_are_not_walked(tmp_path: Path) -> None:
    """Hidden files and folders and node_modules are skipped without a warning."""
    for name in (".env.txt", ".git/HEAD.txt", "node_modules/x/readme.md", "kept.md"):
        write(tmp_path / name, "text")
    files = sort_paths([tmp_path])
    assert names(files.documents) == ["kept.md"]
    assert files.warnings == ()


def test_a_file_given_twice_is_taken_once(tmp_path: Path) -> None:
    """A file that is named and also lies in a named folder is there once."""
    file = write(tmp_path / "a.md", "text")
    assert sort_paths([file, tmp_path, file]).documents == (file,)


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    """Where two folders hold files of one name, the labels begin with the folder's name."""
    one, two = write(tmp_path / "one" / "x" / "a.md", "1"), write(tmp_path / "two" / "x" / "a.md", "2")
    files = sort_paths([tmp_path / "one", tmp_path / "two"])
    assert [files.label(one), files.label(two)] == ["one/x/a.md", "two/x/a.md"]


def test_links_that_form_a_loop_end(tmp_path: Path) -> None:
    """A link to a folder above it is followed no second time."""
    write(tmp_path / "sub" / "a.md", "text")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert names(sort_paths([tmp_path]).documents) == ["a.md"]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """What lies outside the given folder is not read, and a warning says so."""
    outside = write(tmp_path / "outside" / "secret.md", "secret")
    inside = tmp_path / "inside"
    write(inside / "a.md", "text")
    (inside / "link.md").symlink_to(outside)
    files = sort_paths([inside])
    assert names(files.documents) == ["a.md"]
    assert "leads out" in files.warnings[0]


def test_a_walk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the limit of files the walk ends with a warning that names the limit."""
    monkeypatch.setattr(paths_module, "MAX_FILES", 3)
    for number in range(5):
        write(tmp_path / f"{number}.md", "text")
    files = sort_paths([tmp_path])
    assert names(files.documents) == ["0.md", "1.md", "2.md"]
    assert "first 3 files" in files.warnings[0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "is an empty file"),
        ("blank.md", b"\n  \n", "is an empty file"),
        ("picture.csv", PNG, "holds a PNG image, not delimited text"),
        ("letter.pdf", b"Dear Sir or Madam,", "holds text, not PDF"),
        ("program.txt", b"\x7fELF\x02\x01\0\0\0", "holds a program, not text"),
        ("noise.txt", b"ab\0\x01\x02" * 50, "holds binary data, not text"),
        ("login.json", PAGE, "holds HTML, not JSON"),
        ("login.csv", PAGE, "holds HTML, not delimited text"),
        ("rows.csv", b'[{"a": 1}]', "holds JSON, not delimited text"),
        ("book.csv", b"PK\x03\x04rest", "holds a ZIP archive"),
        ("numbers.json", b"[1, 2, 3]", "JSON that is no table"),
        ("prose.json", b"hello there", "holds text, not JSON"),
        ("text.db", b"hello there", "holds text, not SQLite"),
        ("x.docx", b"PK\x03\x04rest", "is of a type that is not supported (.docx)"),
        ("README", b"text", "not supported (no ending)"),
    ],
)
def test_a_bad_file_raises_when_named_and_warns_in_a_folder(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    """A named file that is not what its name says raises one sentence; in a folder it costs only itself."""
    bad = write(tmp_path / name, content)
    with pytest.raises(InvalidPath) as error:
        sort_paths([bad])
    assert says in str(error.value)
    assert str(bad) in str(error.value)
    good = write(tmp_path / "good.md", "text")
    files = sort_paths([tmp_path])
    assert files.documents == (good,)
    assert files.tables == ()
    assert len(files.warnings) == 1


def test_what_is_supported_is_named(tmp_path: Path) -> None:
    """A type that is not supported is answered with those that are."""
    with pytest.raises(InvalidPath, match=r"\.md .*\.pdf.* tables \(\.csv .*\.parquet"):
        sort_paths([write(tmp_path / "x.docx", "text")])


def test_a_path_that_does_not_exist_raises(tmp_path: Path) -> None:
    """A path that is not there is an error of its own."""
    with pytest.raises(InvalidPath, match="does not exist"):
        sort_paths([tmp_path / "nothing.csv"])


def test_a_path_the_system_refuses_raises(tmp_path: Path) -> None:
    """Whatever the operating system says against a path becomes one sentence."""
    for bad in (tmp_path / ("x" * 300 + ".csv"), "nul\0byte.csv"):
        with pytest.raises(InvalidPath, match="cannot be read"):
            sort_paths([bad])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_raises(tmp_path: Path) -> None:
    """A file that may not be read is named with the reason."""
    file = write(tmp_path / "a.md", "text")
    file.chmod(0)
    with pytest.raises(InvalidPath, match="Permission denied"):
        sort_paths([file])


def test_a_directory_named_like_a_file_raises(tmp_path: Path) -> None:
    """A directory in a file's place is said to be one."""
    (tmp_path / "orders.csv").mkdir()
    with pytest.raises(InvalidPath, match="is a directory where a file is needed"):
        sort_paths([tmp_path / "orders.csv"])


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    """A pipe is refused without being opened, since opening it would wait for a writer."""
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InvalidPath, match="no regular file"):
        sort_paths([tmp_path / "pipe.txt"])
    assert "no regular file" in sort_paths([tmp_path]).warnings[0]


@pytest.mark.parametrize("paths", ["handbook", Path("handbook"), [""], [3]])
def test_what_is_no_list_of_paths_is_refused(paths: object) -> None:
    """A single text is not taken for a list of its letters, and only file names are paths."""
    with pytest.raises(InvalidPath, match="paths must"):
        sort_paths(paths)  # type: ignore[arg-type]


def test_many_unsupported_files_make_one_warning(tmp_path: Path) -> None:
    """Files of other types are counted by their ending rather than named one by one."""
    for number in range(30):
        write(tmp_path / f"{number}.ico", PNG)
    write(tmp_path / "a.md", "text")
    assert len(sort_paths([tmp_path]).warnings) == 1
    assert "30 .ico" in sort_paths([tmp_path]).warnings[0]


def test_many_bad_files_do_not_flood_the_warnings(tmp_path: Path) -> None:
    """Past twenty bad files the rest is counted."""
    for number in range(30):
        write(tmp_path / f"{number}.csv", b"")
    warnings = sort_paths([tmp_path]).warnings
    assert len(warnings) == 22  # twenty, the count of the rest, and that nothing is left
    assert "10 further files" in warnings[20]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    """A folder with nothing to read gives nothing and a warning that names what is supported."""
    files = sort_paths([tmp_path])
    assert (files.documents, files.tables) == ((), ())
    assert "nothing that is supported" in files.warnings[0]


def test_a_name_that_is_no_utf8_gets_a_printable_label(tmp_path: Path) -> None:
    """A label can always be written as JSON."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")
    try:
        Path(path).write_text("text")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    files = sort_paths([tmp_path])
    files.label(files.documents[0]).encode("utf-8")


def test_tools_are_made_for_what_is_there(tmp_path: Path) -> None:
    """Documents bring one tool, tables two, and nothing brings none."""
    document, table = write(tmp_path / "a.md", "# A\n\ntext"), write(tmp_path / "b.csv", "x\n1\n")
    assert [tool.name for tool in builtin_files([document])] == ["search_documents"]
    assert [tool.name for tool in builtin_files([table])] == ["describe_table", "query_table"]
    assert [tool.name for tool in builtin_files([document, table])] == [
        "search_documents",
        "describe_table",
        "query_table",
    ]
    assert builtin_files([]) == []
    assert all(tool.read_only and not tool.trusted for tool in builtin_files([tmp_path]))


def test_a_folder_whose_only_table_is_broken_brings_no_table_tools(tmp_path: Path) -> None:
    """A broken table in a folder costs only itself, even when it is the only one."""
    write(tmp_path / "broken.parquet", b"PAR1 and then nothing")
    write(tmp_path / "a.md", "text")
    assert [tool.name for tool in builtin_files([tmp_path])] == ["search_documents"]


def test_the_examples_answer() -> None:
    """The company folder and the orders that come with the project are read without a warning and answer."""
    assert sort_paths([EXAMPLES]).warnings == ()
    search, describe, query = builtin_files([EXAMPLES])
    leave = search(query="How many weeks of parental leave are there?")
    assert "20 weeks of parental leave" in leave[0].text
    assert leave[0].source == "handbook/leave.md"
    hotels = search(query="hotel limit in London")
    assert "190 euros a night in London" in hotels[0].text
    assert hotels[0].source == "handbook/travel.pdf, page 2"
    assert describe(statistic="rows")["value"] == 120
    assert query(sql="SELECT count(*) AS n FROM orders")["rows"] == [{"n": 120}]


def test_sqlite_files_are_tables(tmp_path: Path) -> None:
    """A SQLite file is known by its content and is a table."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE goods (name TEXT)")
    connection.close()
    assert names(sort_paths([tmp_path]).tables) == ["shop.db"]
