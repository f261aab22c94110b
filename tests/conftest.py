"""What all tests may use."""

import sys
from pathlib import Path

import pytest

from .workers import modules

# `bench` is no part of the package: it is found beside it.
ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.append(ROOT)

importable = pytest.fixture(scope="module")(modules)
