"""Files and folders sorted into documents, tables, images and archives."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ...policies.errors import InvalidPath
from .content import SUPPORTED, check, ending, kind_of

MAX_FILES = 10_000
"""Files that are looked at in one folder at most."""
MAX_WARNINGS = 20
"""Bad files of one folder that are named one by one."""

_PILLOW = find_spec("PIL") is not None
"""Whether images can be looked at; those of a folder are left out where they cannot."""

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What was found at some paths.

    Attributes:
        documents: text, Markdown, HTML and PDF files, in the order found.
        tables: CSV, TSV, JSON, Parquet and SQLite files, in the order found.
        images: PNG, JPEG, GIF, WebP, BMP and TIFF files, in the order found.
        archives: ZIP and tar files, in the order found.
        warnings: what was left out of folders, one sentence each.
        labels: how a file is named to people: its path in its folder, or its name.
        named: files that were given by their own path rather than found in a folder.
        folders: the folders that were walked.
    """

    documents: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    archives: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    labels: Mapping[Path, str] = field(default_factory=dict)
    named: frozenset[Path] = frozenset()
    folders: tuple[Path, ...] = ()

    def label(self, path: Path) -> str:
        """How `path` is named in results: its path in its folder, else its name."""
        return self.labels.get(path, path.name)


def sort_paths(paths: Sequence[str | os.PathLike[str]]) -> Files:
    """Sort files and folders into documents, tables, images and archives.

    A folder is walked: at most 10,000 files; hidden ones, `node_modules` and links that lead out of it are skipped. A
    bad file in a folder becomes a warning, so that it does not cost the rest; one that is named itself raises.

    Args:
        paths: files and folders; `~` is the home folder.

    Raises:
        InvalidPath: a named path does not exist, cannot be read, is empty, is of a type that is not supported, or holds
            something else than its name says.
    """
    if isinstance(paths, (str, os.PathLike)):
        raise InvalidPath(f"paths must be a list of paths, got {os.fspath(paths)!r}; write [{os.fspath(paths)!r}]")
    sorting = _Sorting()
    for item in paths:
        sorting.add(_expanded(item))
    return sorting.files()


def stamp_of(path: Path) -> tuple[int, int]:
    """When a file was changed and how large it is; zeros where it is gone. It tells when to read it again."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _expanded(item: str | os.PathLike[str]) -> Path:
    if not isinstance(item, (str, os.PathLike)) or not os.fspath(item):
        raise InvalidPath(f"paths must hold file names, got {item!r}; give a file or a folder")
    try:
        return Path(item).expanduser()
    except RuntimeError as error:
        raise InvalidPath(f"{item} cannot be read: {error}; give the full path") from error


class _Sorting:
    """The files seen so far."""

    def __init__(self) -> None:
        # Insertion order is the order of the result, and a file given twice is taken once.
        self._labels: dict[Path, str] = {}
        self._warnings: list[str] = []
        self._named: set[Path] = set()
        self._folders: list[Path] = []

    def add(self, path: Path) -> None:
        if _is_folder(path):
            self._folders.append(path)
            self._walk(path)
        else:
            check(path)
            self._labels.setdefault(path, path.name)
            self._named.add(path)

    def files(self) -> Files:
        return Files(
            documents=self._of("documents"),
            tables=self._of("tables"),
            images=self._of("images"),
            archives=self._of("archives"),
            warnings=tuple(self._warnings),
            labels={path: _printable(label) for path, label in _distinct(self._labels).items()},
            named=frozenset(self._named),
            folders=tuple(self._folders),
        )

    def _of(self, kind: str) -> tuple[Path, ...]:
        return tuple(path for path in self._labels if kind_of(path) == kind)

    def _walk(self, root: Path) -> None:
        walk = _Walk(root)
        good = 0
        unsupported: Counter[str] = Counter()
        bad: list[str] = []
        for path in walk.files():
            if (kind := kind_of(path)) is None or (kind == "images" and not _PILLOW):
                unsupported[ending(path) or "no ending"] += 1
                continue
            try:
                check(path)
            except InvalidPath as error:
                bad.append(str(error))
                continue
            self._labels.setdefault(path, path.relative_to(root).as_posix())
            good += 1
        self._warnings += walk.warnings + _first(bad, root) + _left_out(unsupported, root)
        if not good:
            self._warnings.append(f"the folder {root} holds nothing that is supported; give {SUPPORTED}")


class _Walk:
    """A bounded walk of one folder, in sorted order."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._seen = {self._real_root}
        self.warnings: list[str] = []

    def files(self) -> Iterator[Path]:
        waiting, count = [self._root], 0
        while waiting:
            folders, files = self._entries(waiting.pop())
            waiting.extend(reversed(folders))
            for path in files:
                if count == MAX_FILES:
                    self.warnings.append(f"only the first {MAX_FILES:,} files of {self._root} were looked at")
                    return
                count += 1
                yield path

    def _entries(self, folder: Path) -> tuple[list[Path], list[Path]]:
        folders: list[Path] = []
        files: list[Path] = []
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            self.warnings.append(f"the folder {folder} cannot be read: {error.strerror}")
            return folders, files
        for name in names:
            path = folder / name
            if name.startswith(".") or name in SKIPPED_FOLDERS or self._leads_out(path):
                continue
            if not path.is_dir():
                files.append(path)
            elif self._first_visit(path):
                folders.append(path)
        return folders, files

    def _leads_out(self, path: Path) -> bool:
        """Whether a link points outside the folder: what the caller did not give is not read."""
        if not path.is_symlink() or Path(os.path.realpath(path)).is_relative_to(self._real_root):
            return False
        self.warnings.append(f"{path} is a link that leads out of {self._root}; it was not followed")
        return True

    def _first_visit(self, folder: Path) -> bool:
        """Whether a folder is met for the first time: links may form a loop."""
        real = os.path.realpath(folder)
        if real in self._seen:
            return False
        self._seen.add(real)
        return True


def _is_folder(path: Path) -> bool:
    # A folder whose name ends like a file is a mistake more often than a wish; `check` says so.
    try:
        return path.is_dir() and kind_of(path) is None
    except (OSError, ValueError):
        return False


def _first(bad: list[str], root: Path) -> list[str]:
    if len(bad) <= MAX_WARNINGS:
        return bad
    return [*bad[:MAX_WARNINGS], f"{len(bad) - MAX_WARNINGS} further files of {root} were left out for like reasons"]


def _left_out(unsupported: Counter[str], root: Path) -> list[str]:
    if not unsupported:
        return []
    endings = ", ".join(f"{count} {ending}" for ending, count in unsupported.most_common(5))
    return [f"{unsupported.total()} files of {root} are of types that are not supported ({endings}) and were left out"]


def _distinct(labels: Mapping[Path, str]) -> dict[Path, str]:
    """The labels, with the folder's name in front where two folders hold files of one name."""
    counts = Counter(labels.values())
    return {path: label if counts[label] == 1 else f"{_above(path, label)}/{label}" for path, label in labels.items()}


def _printable(label: str) -> str:
    """A file name that is no UTF-8 comes with lone surrogates, which neither JSON nor SQLite takes."""
    return label.encode("utf-8", errors="replace").decode("utf-8")


def _above(path: Path, label: str) -> str:
    root = path.absolute().parents[label.count("/")]
    return root.name or str(root)
