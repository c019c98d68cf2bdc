from __future__ import annotations

import pytest
from lxml import etree

from rag.documents.office.formulas import from_mathml, from_office

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/math"
MATHML = "http://www.w3.org/1998/Math/MathML"


def office(inside: str) -> str:
    return from_office(etree.fromstring(f'<m:oMath xmlns:m="{OFFICE}">{inside}</m:oMath>'))


def mathml(inside: str) -> str:
    return from_mathml(etree.fromstring(f'<math xmlns="{MATHML}">{inside}</math>'))


def r(text: str, look: str = "") -> str:
    return f"<m:r><m:rPr>{look}</m:rPr><m:t>{text}</m:t></m:r>"


def part(name: str, *inside: str) -> str:
    return f"<m:{name}>{''.join(inside)}</m:{name}>"


def told(name: str, **properties: str) -> str:
    said = "".join(f'<m:{key} m:val="{value}"/>' for key, value in properties.items())
    return f"<m:{name}Pr>{said}</m:{name}Pr>"


def e(text: str) -> str:
    return part("e", r(text))


SUB, SUP = part("sub", r("i=1")), part("sup", r("n"))

OFFICE_CASES = [
    (r("α≤∞"), r"\alpha \le \infty"),
    (r("50%_{"), r"50\%\_\{"),
    (r("𝑥"), "x"),
    (r("if ", "<m:nor/>"), r"\text{if}"),
    (r("R", '<m:scr m:val="double-struck"/>'), r"\mathbb{R}"),
    (r("w", '<m:sty m:val="b"/>'), r"\mathbf{w}"),
    (part("f", part("num", r("m")), part("den", r("a"))), r"\frac{m}{a}"),
    (part("f", told("f", type="noBar"), part("num", r("n")), part("den", r("k"))), r"\binom{n}{k}"),
    (part("f", told("f", type="lin"), part("num", r("1")), part("den", r("2"))), "1/2"),
    (part("sSubSup", e("x"), SUB, SUP), "x_{i=1}^{n}"),
    (part("sPre", SUB, SUP, e("C")), "{}_{i=1}^{n}C"),
    (part("rad", part("deg", r("3")), e("x")), r"\sqrt[3]{x}"),
    (part("rad", part("deg"), e("x")), r"\sqrt{x}"),
    (part("nary", told("nary", chr="∑"), SUB, SUP, e("i")), r"\sum_{i=1}^{n} i"),
    (part("nary", part("sub"), part("sup"), e("x")), r"\int x"),
    (part("d", e("x")), r"\left( x\right)"),
    (
        part("d", told("d", begChr="[", endChr="", sepChr=","), e("a"), e("b")),
        r"\left[ a, b\right.",
    ),
    (
        part("m", part("mr", e("a"), e("b")), part("mr", e("c"), e("d"))),
        r"\begin{matrix}a & b \\ c & d\end{matrix}",
    ),
    (part("eqArr", e("x&amp;=1"), e("y&amp;=2")), r"\begin{aligned}x&=1 \\ y&=2\end{aligned}"),
    (part("func", part("fName", r("sin\u2061")), e("θ")), r"\sin \theta"),
    (
        part("limLow", e("lim"), part("lim", r("n→∞"))),
        r"\lim_{n\to \infty}",
    ),
    (part("acc", told("acc", chr="\u20d7"), e("v")), r"\vec{v}"),
    (part("acc", e("y")), r"\hat{y}"),
    (part("bar", told("bar", pos="top"), e("x")), r"\overline{x}"),
    (part("groupChr", e("x")), r"\underbrace{x}"),
    (part("borderBox", e("x")), r"\boxed{x}"),
    (part("phant", told("phant", show="0"), e("x")), ""),
    (part("unknown", e("kept")), "kept"),
]


@pytest.mark.parametrize(("inside", "tex"), OFFICE_CASES)
def test_a_formula_of_office_becomes_its_source(inside: str, tex: str) -> None:
    assert office(inside) == tex


@pytest.mark.parametrize(
    ("inside", "tex"),
    [
        ("<mfrac><mi>m</mi><mi>λ</mi></mfrac>", r"\frac{m}{\lambda}"),
        ("<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>", "x_{1}^{2}"),
        ("<munderover><mo>∑</mo><mn>1</mn><mi>n</mi></munderover><mi>i</mi>", r"\sum_{1}^{n}i"),
        ("<munder><mo>lim</mo><mi>n</mi></munder>", r"\lim_{n}"),
        ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
        ("<mover><mi>v</mi><mi>a</mi></mover>", r"\overset{a}{v}"),
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x+1}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", r"\left( a, b\right)"),
        ("<mtable><mtr><mtd><mi>a</mi></mtd></mtr></mtable>", r"\begin{matrix}a\end{matrix}"),
        ("<semantics><mi>x</mi><annotation>y</annotation></semantics>", "x"),
        ("<mtext>if  so</mtext>", r"\text{if so}"),
        ("<mrow><unknown>kept</unknown></mrow>", "kept"),
    ],
)
def test_a_formula_of_the_web_becomes_its_source(inside: str, tex: str) -> None:
    assert mathml(inside) == tex


def test_a_formula_too_deep_for_the_stack_leaves_its_characters() -> None:
    formula = etree.fromstring(
        "<math>" + "<msqrt>" * 240 + "<mi>x</mi>" + "</msqrt>" * 240 + "</math>"
    )

    def read(frames: int) -> str:
        return read(frames - 1) if frames else from_mathml(formula)

    assert read(300) == "x"
