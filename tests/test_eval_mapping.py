from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import WordLengths, constant_fit

from eval import Map, Wanted, map_notes, mapping
from eval.mapping import HEIGHT, MARGIN, STEP, WIDTH, Sign
from rag import Library, Settings

WORDS = "one two three " * 60
"""So many that a passage holds them once."""

NEAR = (0.95, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)


def notes_in(folder: Path, notes: dict[str, str]) -> Library:
    """Returns a library of notes, by path; texts are told apart by the lengths of their words."""
    for path, text in notes.items():
        file = folder / "notes" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    made = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"))
    library = Library(made, WordLengths(), constant_fit(0.1))
    library.index()
    return library


def many(count: int) -> dict[str, str]:
    """Returns notes that lie in three folders, and say the same in each of them."""
    return {
        f"{'abc'[i % 3]}/n{i}.md": f"{'x' * (3 + 3 * (i % 3))} {'y' * (1 + i % 8)} one {'z' * 5}.\n"
        for i in range(count)
    }


def asked(*near: float) -> list[Wanted]:
    return [Wanted(f"q{i}", "xxx yyyy one", Sign.THIN, value) for i, value in enumerate(near)]


def gaps(drawn: Map) -> list[float]:
    """Returns how far each question lies from the nearest passage."""
    dots = np.array([(dot.x, dot.y) for dot in drawn.dots])
    return [float(np.hypot(*(dots - (pin.x, pin.y)).T).min()) for pin in drawn.pins]


def test_a_question_lies_farther_from_all_passages_the_less_alike_they_are(tmp_path: Path) -> None:
    drawn = map_notes(notes_in(tmp_path, many(24)), asked(*NEAR))
    # By hand: 72 * ((1 - .4) / .8) ** 3 = 30.4 for a cosine of .4; 72 for one of .2.
    expected = [MARGIN * ((1 - near) / 0.8) ** 3 for near in NEAR]
    assert expected[4] == pytest.approx(30.4, abs=0.1)
    assert gaps(drawn) == pytest.approx(expected, abs=1.5 * STEP)
    assert [pin.wanted.id for pin in drawn.pins] == [f"q{i}" for i in range(len(NEAR))]


def test_the_same_notes_and_questions_give_the_same_map_whatever_else_is_asked(
    tmp_path: Path,
) -> None:
    library = notes_in(tmp_path, many(24))
    drawn = map_notes(library, asked(*NEAR))
    assert map_notes(library, asked(*NEAR)) == drawn
    assert map_notes(library, []).dots == drawn.dots


def test_passages_that_are_alike_lie_together(tmp_path: Path) -> None:
    # Two kinds of note, no words of a length in common.
    notes = {f"a/{i}.md": f"xxx yyyy {'z' * (1 + i % 2)}.\n" for i in range(12)}
    notes |= {f"b/{i}.md": f"xxxxxxxxx yyyyyyyy {'z' * (11 + i % 2)}.\n" for i in range(12)}
    drawn = map_notes(notes_in(tmp_path, notes), [])
    assert drawn.groups == ("a", "b")
    a, b = ([dot.x for dot in drawn.dots if dot.group == group] for group in (0, 1))
    assert max(a) < min(b) or max(b) < min(a)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_few_notes_and_copies_have_a_map(tmp_path: Path, count: int) -> None:
    notes = {f"{i}.md": "the same words in every note\n" for i in range(count)}
    drawn = map_notes(notes_in(tmp_path, notes), asked(0.9, 0.9, 0.1))
    assert len(drawn.dots) == count
    for place in (*drawn.dots, *drawn.pins):
        assert 0 < place.x < WIDTH
        assert 0 < place.y < HEIGHT
    assert len({(pin.x, pin.y) for pin in drawn.pins}) == 3


def test_of_many_passages_each_note_keeps_some_and_each_question_its_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "".join(f"# H{i}\n\nxxx yyyy {'z' * (1 + i % 8)} {WORDS}\n\n" for i in range(40))
    library = notes_in(tmp_path, {"long.md": long, "short.md": "xxxxxxxxxxxx yyyyyyyyyyyyy\n"})
    monkeypatch.setattr(mapping, "MOST_PASSAGES", 10)
    question = Wanted("q", f"xxx yyyy {'z' * 8} {WORDS}", Sign.MISSING, 0.9)
    drawn = map_notes(library, [question])
    assert drawn.passages >= 41
    assert 10 <= len(drawn.dots) <= 12
    assert {dot.document for dot in drawn.dots} == {"long.md", "short.md"}
    contents = library.contents()
    nearest = contents.chunk(int((contents.vectors() @ library.embed([question.text])[0]).argmax()))
    assert drawn.dots[drawn.pins[0].dot].place == nearest.place(nearest.span)


def test_how_near_a_question_is_comes_from_its_vector_where_nobody_says(tmp_path: Path) -> None:
    library = notes_in(tmp_path, {"a.md": "xxx yyyy one\n"})
    (item,) = asked(0.0)
    cosine = (library.embed([item.text]) @ library.contents().vectors().T).item()
    assert map_notes(library, [item]).pins[0].wanted.near == pytest.approx(cosine)


def test_more_folders_than_colours_share_the_last(tmp_path: Path) -> None:
    notes = {f"f{i}/n.md": f"{'x' * (1 + i)} one\n" for i in range(10)}
    drawn = map_notes(notes_in(tmp_path, notes), [])
    assert drawn.groups == (*(f"f{i}" for i in range(7)), "others")
    assert [dot.group for dot in drawn.dots] == [*range(7), 7, 7, 7]
