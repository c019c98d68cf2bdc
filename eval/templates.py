"""A template of `eval/page` and values become a page: one file, all that comes from notes escaped.

What could steer a screen is shown as `\ufffd`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could steer a screen, or is no character of a page."""


def render(name: str, words: Sequence[Callable[..., str]], **values: Any) -> str:
    """Returns the page; the template has the functions of `words`, and those here, as filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("eval", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {word.__name__: word for word in (*words, count, sentence, sha256)}
    page = environment.get_template(name, globals=values).render()
    return STEERING.sub("\ufffd", page.replace("\r\n", "\n"))


def count(value: float) -> str:
    """Returns a whole number with its thousands apart."""
    return f"{value:,.0f}"


def sentence(text: str) -> str:
    """Returns a text with a capital first and a full stop last."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def anchor(kind: str, name: str) -> str:
    """Returns the name within the page of what is said of something, the same in id and link."""
    return f"{kind}-{quote(name, safe='', errors='replace')}"


def sha256(script: str) -> str:
    """Returns the digest by which a Content-Security-Policy knows a script."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
