r"""A formula as Office (OMML) or the web (MathML) holds it becomes LaTeX source, on one line.

The source is what one would type: `\frac{m\lambda}{a}`, not a picture of it; words in it can be
searched (`\theta`). What has no rule here leaves its text. Trees are at most 256 levels deep
(`archive`), so the walks recurse; a few frames a level, which a deep caller may not have left.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from rag.documents.office.archive import child, local, value
from rag.documents.raised import lowered, raised

_NAMES = re.findall(
    r"(\S+) (\S+)",
    r"""
Α A Β B Γ \Gamma Δ \Delta Ε E Ζ Z Η H Θ \Theta Ι I Κ K Λ \Lambda Μ M Ν N Ξ \Xi Ο O Π \Pi Ρ P
Σ \Sigma Τ T Υ \Upsilon Φ \Phi Χ X Ψ \Psi Ω \Omega α \alpha β \beta γ \gamma δ \delta
ε \varepsilon ϵ \epsilon ζ \zeta η \eta θ \theta ϑ \vartheta ι \iota κ \kappa λ \lambda
μ \mu ν \nu ξ \xi ο o π \pi ϖ \varpi ρ \rho ϱ \varrho σ \sigma ς \varsigma τ \tau
υ \upsilon φ \varphi ϕ \phi χ \chi ψ \psi ω \omega ∂ \partial ∇ \nabla ∞ \infty ± \pm
∓ \mp × \times ÷ \div ⋅ \cdot ∙ \cdot ∘ \circ ∗ * ≤ \le ≥ \ge ≠ \ne ≈ \approx ≡ \equiv
∼ \sim ≃ \simeq ≅ \cong ∝ \propto ≪ \ll ≫ \gg ∈ \in ∉ \notin ∋ \ni ⊂ \subset ⊆ \subseteq
⊃ \supset ⊇ \supseteq ∪ \cup ∩ \cap ∖ \setminus ∅ \emptyset ∀ \forall ∃ \exists ¬ \neg
∧ \land ∨ \lor → \to ← \leftarrow ↔ \leftrightarrow ⇒ \Rightarrow ⇐ \Leftarrow
⇔ \Leftrightarrow ↦ \mapsto ↑ \uparrow ↓ \downarrow … \ldots ⋯ \cdots ⋮ \vdots ⋱ \ddots
∑ \sum ∏ \prod ∐ \coprod ∫ \int ∬ \iint ∭ \iiint ∮ \oint ⋃ \bigcup ⋂ \bigcap ⋁ \bigvee
⋀ \bigwedge ⊕ \oplus ⊗ \otimes ⨁ \bigoplus ⨂ \bigotimes ⊥ \perp ∥ \parallel ∠ \angle
ℏ \hbar ℓ \ell ℜ \Re ℑ \Im ℵ \aleph ′ ' ″ '' − - ⟨ \langle ⟩ \rangle ⌈ \lceil ⌉ \rceil
⌊ \lfloor ⌋ \rfloor ‖ \| ℝ \mathbb{R} ℕ \mathbb{N} ℤ \mathbb{Z} ℚ \mathbb{Q} ℂ \mathbb{C}
† \dagger ° ^\circ ⊤ \top ∣ \mid ≔ := \ \backslash % \% # \# $ \$ _ \_ { \{ } \}
""",
)
_CHARACTERS = {
    character: f"{name} " if name[0] in "\\^" and name[-1].isalpha() else name
    for character, name in _NAMES
}
_DROPPED = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b\u200c\u200d\u2060\ufeff"))
_FUNCTIONS = frozenset(
    (
        *("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh"),
        *("tanh", "coth", "log", "ln", "lg", "exp", "lim", "limsup", "liminf", "max", "min"),
        *("sup", "inf", "arg", "det", "dim", "ker", "deg", "gcd", "hom", "Pr"),
    )
)
_LIMITED = ("sum", "prod", "coprod", "int", "big", "overbrace", "underbrace")
_ACCENTS = {
    **{"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar", "\u0306": "breve"},
    **{"\u0307": "dot", "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec", "\u0301": "acute"},
    **{"\u0300": "grave", "^": "hat", "~": "tilde", "¯": "bar", "‾": "bar", "→": "vec"},
    **{"˙": "dot", "¨": "ddot", "ˇ": "check", "⃗": "vec", "ˆ": "hat", "˜": "tilde", "_": "bar"},
}
_BRACES = {"⏞": "overbrace", "⏟": "underbrace", "→": "overrightarrow", "←": "overleftarrow"}
_ALPHABETS = {"double-struck": "mathbb", "script": "mathcal", "fraktur": "mathfrak"}
_SPACES = re.compile(r"\s+")
_TIGHT = re.compile(r"(?<!\\) (?=[}^_,;)\]]|$)")


class Formula(str):
    """LaTeX among the pieces of a paragraph."""

    __slots__ = ()


class Raised(str):
    """A superscript among the pieces of a paragraph, or a part of one."""

    __slots__ = ()


class Lowered(str):
    """A subscript among the pieces of a paragraph, or a part of one."""

    __slots__ = ()


def formulas_in(element: Any) -> list[Formula]:
    """Returns the LaTeX of an `oMath`, or of each in an `oMathPara`."""
    if local(element) == "oMath":
        return [Formula(from_office(element))]
    return [Formula(from_office(one)) for one in element if local(one) == "oMath"]


def formulas_only(pieces: Sequence[str]) -> str:
    """Returns the formulas of a paragraph that holds nothing else, a line each, else ""."""
    if any(piece.strip() and not isinstance(piece, Formula) for piece in pieces):
        return ""
    return "\n".join(piece for piece in pieces if isinstance(piece, Formula))


def joined(pieces: Sequence[str]) -> str:
    """Returns a paragraph: formulas between dollars, superscripts and subscripts told as such."""
    said: list[str] = []
    for kind, group in groupby(pieces, key=type):
        if kind is Formula:
            said += (f"${one}$" for one in group)
        elif kind is Raised:
            said.append(raised("".join(group)))
        elif kind is Lowered:
            said.append(lowered("".join(group)))
        else:
            said += group
    return "".join(said)


def from_office(formula: Any) -> str:
    """Returns the LaTeX of an `oMath` element or anything inside one."""
    return _read(_office, formula)


def from_mathml(formula: Any) -> str:
    """Returns the LaTeX of a MathML element."""
    return _read(_mathml, formula)


def _read(read: Callable[[Any], str], formula: Any) -> str:
    """Returns what a walk makes of a formula; of one too deep for the stack its characters."""
    try:
        return _tidy(read(formula))
    except RecursionError:
        return _tidy("".join(formula.itertext()))


def _tidy(source: str) -> str:
    return _TIGHT.sub("", _SPACES.sub(" ", source)).strip()


def _said(text: str) -> str:
    """Returns characters as LaTeX; those of mathematical alphabets become plain letters first."""
    text = "".join(
        unicodedata.normalize("NFKC", character) if ord(character) >= 0x1D400 else character
        for character in text.translate(_DROPPED)
    )
    if (name := text.strip()) in _FUNCTIONS:
        return f"\\{name} "
    return "".join(_CHARACTERS.get(character, character) for character in text)


def _fence(character: str) -> str:
    return _CHARACTERS.get(character, character).strip() or "."


def _script(base: str, mark: str, inside: str) -> str:
    return f"{base.rstrip()}{mark}{{{inside.strip()}}}" if inside.strip() else base


def _rows(name: str, rows: Iterable[Iterable[str]]) -> str:
    lines = " \\\\ ".join(" & ".join(row) for row in rows)
    return f"\\begin{{{name}}}{lines}\\end{{{name}}}"


def _accented(mark: str, inside: str, *, above: bool = True) -> str:
    if mark in _BRACES and not (mark in _ACCENTS and len(inside) == 1):
        return f"\\{_BRACES[mark]}{{{inside}}}"
    if not above:
        return f"\\underline{{{inside}}}"
    return f"\\{_ACCENTS.get(mark, 'hat')}{{{inside}}}"


def _over(base: str, inside: str, *, above: bool) -> str:
    """Returns something over or under something; a limit under a function is its subscript."""
    name = base.strip().lstrip("\\")
    if name in _FUNCTIONS or name.startswith(_LIMITED):
        return _script(base, "^" if above else "_", inside)
    return f"\\{'over' if above else 'under'}set{{{inside}}}{{{base}}}"


def _fraction(over: str, under: str, *, bar: bool = True) -> str:
    return f"\\frac{{{over}}}{{{under}}}" if bar else f"\\binom{{{over}}}{{{under}}}"


def _root(inside: str, degree: str) -> str:
    return f"\\sqrt[{degree.strip()}]{{{inside}}}" if degree.strip() else f"\\sqrt{{{inside}}}"


class _Office:
    """One OMML element (ECMA-376 part 1, 22.1) and how its parts are read."""

    def __init__(self, element: Any) -> None:
        self.element = element

    def of(self, name: str) -> str:
        """Returns the LaTeX of the first child of that name."""
        found = child(self.element, name)
        return "" if found is None else _all(found)

    def each(self, name: str) -> list[str]:
        """Returns the LaTeX of every child of that name."""
        return [_all(one) for one in self.element if local(one) == name]

    def told(self, name: str, default: str = "") -> str:
        """Returns a property of the element."""
        said = child(self.element, f"{local(self.element)}Pr", name)
        return default if said is None else value(said, "val", default)

    def limits(self, base: str) -> str:
        """Returns a base with what stands below and above it to the right."""
        return _script(_script(base, "_", self.of("sub")), "^", self.of("sup"))

    def fraction(self) -> str:
        if self.told("type") == "lin":
            return f"{self.of('num')}/{self.of('den')}"
        return _fraction(self.of("num"), self.of("den"), bar=self.told("type") != "noBar")

    def delimited(self) -> str:
        left, right = _fence(self.told("begChr", "(")), _fence(self.told("endChr", ")"))
        inside = f" {_fence(self.told('sepChr', '|'))} ".join(self.each("e"))
        return f"\\left{left} {inside}\\right{right} "

    def matrix(self) -> str:
        rows = [row for row in self.element if local(row) == "mr"]
        return _rows("matrix", [[_all(one) for one in row] for row in rows])

    def phantom(self) -> str:
        return "" if self.told("show") in ("0", "false", "off") else self.of("e")


_OFFICE: dict[str, Callable[[_Office], str]] = {
    "t": lambda it: _said(it.element.text or ""),
    "r": lambda it: _office_run(it.element),
    "f": _Office.fraction,
    "sSup": lambda it: it.limits(it.of("e")),
    "sSub": lambda it: it.limits(it.of("e")),
    "sSubSup": lambda it: it.limits(it.of("e")),
    "sPre": lambda it: it.limits("{}") + it.of("e"),
    "rad": lambda it: _root(it.of("e"), it.of("deg")),
    "nary": lambda it: f"{it.limits(_said(it.told('chr', '∫')))} {it.of('e')}",
    "d": _Office.delimited,
    "m": _Office.matrix,
    "eqArr": lambda it: _rows("aligned", [[row] for row in it.each("e")]),
    "func": lambda it: f"{it.of('fName')} {it.of('e')}",
    "acc": lambda it: _accented(it.told("chr", "\u0302"), it.of("e")),
    "bar": lambda it: f"\\{'over' if it.told('pos') == 'top' else 'under'}line{{{it.of('e')}}}",
    "groupChr": lambda it: _accented(
        it.told("chr", "⏟"), it.of("e"), above=it.told("pos") == "top"
    ),
    "limLow": lambda it: _over(it.of("e"), it.of("lim"), above=False),
    "limUpp": lambda it: _over(it.of("e"), it.of("lim"), above=True),
    "borderBox": lambda it: f"\\boxed{{{it.of('e')}}}",
    "phant": _Office.phantom,
    **dict.fromkeys(("del", "moveFrom", "rPr", "ctrlPr"), lambda it: ""),
}


def _office(element: Any) -> str:
    read = _OFFICE.get(local(element))
    return read(_Office(element)) if read else _all(element)


def _all(element: Any) -> str:
    return "".join([_office(one) for one in element])


def _office_run(run: Any) -> str:
    """Returns a run of characters, in the alphabet and upright as it is set."""
    text = "".join(one.text or "" for one in run if local(one) == "t")
    look = child(run, "rPr")
    if child(look, "nor") is not None:
        return f"\\text{{{text}}}" if text.strip() else " "
    said = _said(text)
    if not said.strip().isalnum():
        return said
    if alphabet := _ALPHABETS.get(value(child(look, "scr"), "val")):
        return f"\\{alphabet}{{{said}}}"
    return f"\\mathbf{{{said}}}" if value(child(look, "sty"), "val") == "b" else said


class _MathML:
    """One element of presentation MathML (MathML 3, chapter 3) and how its parts are read."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.inner = [one for one in element if local(one)]

    def nth(self, number: int) -> str:
        """Returns the LaTeX of a child, "" where there are fewer."""
        return _mathml(self.inner[number]) if number < len(self.inner) else ""

    def all(self) -> str:
        """Returns the LaTeX of all that is inside."""
        return (self.element.text or "").strip() + "".join([_mathml(one) for one in self.inner])

    def text(self) -> str:
        """Returns the characters inside, white space as one space."""
        return _SPACES.sub(" ", "".join(self.element.itertext()))

    def words(self) -> str:
        text = self.text()
        return f"\\text{{{text}}}" if text.strip() else " "

    def limits(self) -> str:
        return _script(_script(self.nth(0), "_", self.nth(1)), "^", self.nth(2))

    def over(self, *, above: bool) -> str:
        base = self.nth(0)
        mark = (self.inner[1].text or "").strip() if len(self.inner) > 1 else ""
        if mark in _ACCENTS or mark in _BRACES:
            return _accented(mark, base, above=above)
        return _over(base, self.nth(1), above=above)

    def fraction(self) -> str:
        bar = self.element.get("linethickness", "1")[:1] != "0"
        return _fraction(self.nth(0), self.nth(1), bar=bar)

    def fenced(self) -> str:
        left, right = self.element.get("open", "("), self.element.get("close", ")")
        sign = self.element.get("separators", ",")[:1]
        inside = f"{sign} ".join([_mathml(one) for one in self.inner])
        return f"\\left{_fence(left)} {inside}\\right{_fence(right)} "

    def matrix(self) -> str:
        return _rows("matrix", [[_mathml(one) for one in row if local(one)] for row in self.inner])


_MATHML: dict[str, Callable[[_MathML], str]] = {
    **dict.fromkeys(("annotation", "annotation-xml", "mphantom"), lambda it: ""),
    **dict.fromkeys(("mi", "mn", "mo", "ms"), lambda it: _said(it.text().strip())),
    "mtext": _MathML.words,
    "mspace": lambda it: " ",
    "mfrac": _MathML.fraction,
    "msup": lambda it: _script(it.nth(0), "^", it.nth(1)),
    "msub": lambda it: _script(it.nth(0), "_", it.nth(1)),
    "msubsup": _MathML.limits,
    "munderover": _MathML.limits,
    "munder": lambda it: it.over(above=False),
    "mover": lambda it: it.over(above=True),
    "mroot": lambda it: _root(it.nth(0), it.nth(1)),
    "msqrt": lambda it: _root(it.all(), ""),
    "mfenced": _MathML.fenced,
    "mtable": _MathML.matrix,
    "semantics": lambda it: it.nth(0),
}


def _mathml(element: Any) -> str:
    it = _MathML(element)
    read = _MATHML.get(local(element))
    return read(it) if read else it.all()
