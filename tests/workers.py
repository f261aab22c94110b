"""What tests of worker processes share: modules that a worker can import, and a look at who is there."""

from __future__ import annotations

import importlib
import sys
import time


def modules(tmp_path_factory):
    """A fixture's body: it makes modules, of a name and a source, that worker processes find while it lasts."""
    folder = tmp_path_factory.mktemp("modules")
    sys.path.insert(0, str(folder))

    def make(name, source):
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        return importlib.import_module(name)

    yield make
    sys.path.remove(str(folder))


def pids(pool):
    """The numbers of the pool's workers that live."""
    return [worker._process.pid for worker in list(pool._workers)]


def until(condition, seconds=10.0) -> bool:
    """Whether the condition comes true within that many real seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
