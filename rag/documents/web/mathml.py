"""A formula in MathML becomes LaTeX: the source it carries, else one made from its parts."""

from __future__ import annotations

import re
from typing import Any

_DEEPEST = 60
"""Elements inside elements; what lies deeper is read as plain characters."""

_STYLED = re.compile(r"\{\\(?:display|text|script)style\s*(.*)\}$", re.DOTALL)
_UNSEEN = re.compile("[\u2061-\u2064]")
"""Operators that say how a formula is spoken, and are not drawn."""

_FORMS = {
    "mfrac": r"\frac{{{0}}}{{{1}}}",
    "msup": "{0}^{{{1}}}",
    "msub": "{0}_{{{1}}}",
    "msubsup": "{0}_{{{1}}}^{{{2}}}",
    "munder": "{0}_{{{1}}}",
    "mover": "{0}^{{{1}}}",
    "munderover": "{0}_{{{1}}}^{{{2}}}",
    "mroot": r"\sqrt[{1}]{{{0}}}",
}


def tex_of(math: Any) -> str:
    """Returns the LaTeX source of a `math` element, without delimiters, on one line."""
    for part in math.iter():
        if "tex" in (part.get("encoding") or "").lower() and (tex := "".join(part.itertext())):
            return bare(tex)
    return bare(math.get("alttext") or _said(math, 0))


def bare(tex: str) -> str:
    """Returns LaTeX source on one line, without the style that Wikipedia wraps around it."""
    tex = " ".join(_UNSEEN.sub("", tex).split())
    match = _STYLED.match(tex)
    return match[1].strip() if match else tex


def _said(element: Any, depth: int) -> str:
    """Returns what a formula without a source of its own says, in the shape of LaTeX."""
    name = local(element)
    if depth > _DEEPEST or name in ("annotation", "annotation-xml"):
        return "" if depth <= _DEEPEST else "".join(element.itertext())
    parts = [_said(child, depth + 1) for child in element]
    form = _FORMS.get(name)
    if form is not None and len(parts) == form.count("{0}") + form.count("{1}") + form.count("{2}"):
        return form.format(*parts)
    if name == "msqrt":
        return f"\\sqrt{{{''.join(parts)}}}"
    if name == "mtr":
        return " & ".join(parts) + r" \\ "
    if name == "mtable":
        return rf"\begin{{matrix}}{''.join(parts)}\end{{matrix}}"
    tails = ((child.tail or "").strip() for child in element)
    said = (element.text or "").strip() + "".join(a + b for a, b in zip(parts, tails, strict=True))
    return rf"\text{{{said}}}" if name == "mtext" and said else said


def local(element: Any) -> str:
    """Returns an element's name in lower case, without its name space or prefix."""
    name: str = element.tag
    return name.rpartition("}")[2].rpartition(":")[2].lower()
