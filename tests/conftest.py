"""What all tests may use."""

import gc
import sys
from pathlib import Path

import pytest

from .workers import modules

# `bench` is no part of the package: it is found beside it.
ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.append(ROOT)

importable = pytest.fixture(scope="module")(modules)


def pytest_collection_finish() -> None:
    """What the tests have imported stays until they end, and is not looked through for garbage again and again."""
    gc.collect()
    gc.freeze()
