"""The page: one file of HTML that loads nothing, in which nothing but its own script can run."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any, Final

SCRIPTS: Final = ("elements.js", "many.js", "run.js", "page.js")
"""The parts of the script, in the order in which they are joined."""


def page(data: Mapping[str, Any], title: str) -> str:
    """The page that shows `data`, as `data.report` makes it.

    What traces hold goes into the page as data alone: the script writes it as text, and a content security policy lets
    no script run but that one, wherever it might come from.
    """
    style, script = _part("page.css"), "\n".join(_part(name) for name in SCRIPTS)
    script = f'"use strict";\n{script}'
    connect = " connect-src 'self';" if data.get("live") else ""
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;{connect} "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_part("page.html")).substitute(
        policy=html.escape(policy, quote=True).replace("&#x27;", "'"),
        title=html.escape(title),
        style=style,
        script=script,
        data=embedded(data),
    )


def embedded(data: Mapping[str, Any]) -> str:
    """Data as JSON that cannot end the element it stands in, nor begin a comment or another one."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
