from __future__ import annotations

from eval.marks import mark, svg, text


def test_no_word_of_a_picture_is_markup_or_steers() -> None:
    said = "<b>\x1b[2J\u202e\ud800&"
    shown = "&lt;b&gt;\ufffd[2J\ufffd\ufffd&amp;"
    page = svg(said, 9, 9, mark("circle", "dot", said, d=said), text(1, 1, said), about=said)
    assert page.count(shown) == 6
    assert said not in page
