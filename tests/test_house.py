"""The house: imports point down, packages are listed, the public surface is what it says, and imports stay cheap."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import shotclock
from shotclock.tools.media.parts import Attachment

ROOT = Path(__file__).parents[1]
LAYERS = ("policies", "tools", "agent", "testing")
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]

NAMED = re.compile(r"`(\w+)`")
"""A name in a docstring."""

PUBLIC = {
    "Agent",
    "Answered",
    "Audio",
    "AudioChunk",
    "Budget",
    "BudgetTick",
    "Call",
    "CallFinished",
    "CallProgress",
    "CallStarted",
    "Document",
    "Event",
    "Evidence",
    "Image",
    "InnerCall",
    "Judged",
    "McpServer",
    "MediaReady",
    "Model",
    "Passage",
    "PendingCall",
    "Policy",
    "Provisional",
    "Result",
    "RunStarted",
    "ShotclockError",
    "Spend",
    "Text",
    "TextDelta",
    "TextWithdrawn",
    "Tool",
    "ToolError",
    "UsageError",
    "Verdict",
    "Video",
    "Warned",
    "arriving",
    "builtin_tools",
    "costly",
    "deadline_headers",
    "deadline_hook",
    "entailment",
    "judge",
    "langchain_tool",
    "load_forecasts",
    "load_quality",
    "local_tracing",
    "mcp_tools",
    "openapi_tools",
    "progress",
    "remaining",
    "save_forecasts",
    "save_quality",
    "send_audio",
    "tool",
    "while_connected",
    "within",
}


def imports(path: Path) -> list[tuple[int, str]]:
    """Every import of a file as its level and module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
        elif isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_are_relative_and_point_down(path):
    """A module imports its own layer and those below it, and never `shotclock` by name."""
    parts = path.relative_to(ROOT).parts
    own = LAYERS.index(parts[0])
    for level, module in imports(path):
        head = module.split(".")[0]
        assert not (level == 0 and head == "shotclock"), f"{path.name} imports shotclock by its name"
        if level == len(parts):
            assert head in LAYERS[: own + 1], f"{path.name} imports {module}, which is above it"


def test_policies_import_only_the_standard_library_pydantic_and_the_sketch():
    """Decisions are pure: nothing that touches the outside is within their reach."""
    allowed = {"pydantic", "pydantic_core", "ddsketch"} | set(sys.stdlib_module_names) - {
        "asyncio",
        "time",
        "socket",
        "subprocess",
    }
    for path in (ROOT / "policies").rglob("*.py"):
        for level, module in imports(path):
            assert level or module.split(".")[0] in allowed, f"{path.name} imports {module}"


def test_every_package_is_listed_and_none_is_missing():
    """A package that is not listed imports in development and is absent from the wheel."""
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {"shotclock"} | {
        ".".join(("shotclock", *init.parent.relative_to(ROOT).parts))
        for layer in LAYERS
        for init in (ROOT / layer).rglob("__init__.py")
    }
    assert listed == folders


def test_no_other_module_lies_at_the_root():
    """A module at the root would ship inside the package."""
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def test_the_public_surface_is_what_it_says():
    """`__all__` holds these names, each loads, and each has a docstring or is a type alias."""
    assert set(shotclock.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(shotclock, name) is not None
    assert set(shotclock.__all__) <= set(dir(shotclock))
    with pytest.raises(AttributeError, match="nonsense"):
        shotclock.nonsense  # noqa: B018  # reading it is the test


def test_types_ship():
    """`py.typed` is in the wheel, so that a product's type checker reads our annotations."""
    assert (Path(shotclock.__file__).parent / "py.typed").exists()
    assert (
        distribution("shotclock").version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_public_name_has_a_docstring(path):
    """Modules, public classes and public functions say what they mean."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path.name} has no docstring"
    bodies = [tree, *[node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]]
    for body in bodies:
        for node in body.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name[0] != "_":
                overloads = [ast.unparse(d) for d in node.decorator_list]
                assert ast.get_docstring(node) or "overload" in overloads, f"{path.name}: {node.name} has no docstring"


def public_callables() -> list[Any]:
    """The public names that take something, the methods of an agent, and how policies are read."""
    found = {name: getattr(shotclock, name) for name in PUBLIC}
    found |= {f"Agent.{name}": each for name, each in vars(shotclock.Agent).items() if name[0] != "_"}
    found |= {f"Policy.{name}": getattr(shotclock.Policy, name) for name in ("from_toml", "from_dict")}
    errors = {name for name, each in found.items() if inspect.isclass(each) and issubclass(each, Exception)}
    return [pytest.param(found[name], id=name) for name in sorted(found.keys() - errors) if callable(found[name])]


@pytest.mark.parametrize("thing", public_callables())
def test_every_parameter_of_a_public_name_is_explained(thing):
    """The docstring says what each parameter means, or names another public one that does: `run`, `Attachment`."""
    own = inspect.getdoc(thing) or ""
    others = [vars(shotclock.Agent).get(name) or {"Attachment": Attachment}.get(name) for name in NAMED.findall(own)]
    said = "\n".join([own, *(inspect.getdoc(each) or "" for each in others if each)])
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for name, parameter in inspect.signature(thing).parameters.items():
        explained = re.search(rf"^\s*{name}:|`{name}`", said, re.MULTILINE)
        assert explained or name == "self" or parameter.kind not in plain, name


def modules_after(code: str) -> set[str]:
    """The modules loaded by a fresh interpreter that runs `code`."""
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


HEAVY = {"langgraph", "pydantic", "httpx", "opentelemetry.sdk", "duckdb", "pint", "rich"}


def test_importing_the_face_loads_nothing_heavy():
    """`import shotclock` is nearly free; parts load when they are used."""
    assert not modules_after("import shotclock") & (HEAVY | {"asyncio", "typing"} - {"typing"})


@pytest.mark.parametrize("arguments", [["--help"], ["trace", "list"], ["ask", "--help"]])
def test_looking_around_loads_neither_langgraph_nor_a_model(arguments, tmp_path):
    """Help and the list of traces are quick because they load no engine."""
    code = (
        f"import os; os.environ['SHOTCLOCK_TRACES'] = {str(tmp_path / 'none.db')!r}\n"
        f"sys.argv = ['shotclock', *{arguments!r}]\nimport contextlib, io\nfrom shotclock.agent.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    )
    loaded = modules_after(code)
    assert not {name for name in loaded if name.startswith(("langgraph", "shotclock.agent.models", "duckdb", "pint"))}
