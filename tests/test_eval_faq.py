from __future__ import annotations

from eval.faq import LEAST_LINES, above, asked_lines, telling

ENTRY = "**What does owl number {n} eat at night? 🦉**\n\nIt hunts voles, beetles and worms.\n\n"
FAQ = "# Owls\n\n" + "".join(ENTRY.format(n=n) for n in range(LEAST_LINES))


def test_a_line_that_asks_ends_where_the_next_begins() -> None:
    lines = asked_lines(FAQ, "english")
    assert len(lines) == LEAST_LINES
    first, second = lines[:2]
    assert first.span.of(FAQ) == "**What does owl number 0 eat at night? 🦉**"
    assert first.below.of(FAQ).strip() == "It hunts voles, beetles and worms."
    assert first.below.end == second.span.start
    assert all(line.answered for line in lines)


def test_a_question_with_nothing_below_is_open() -> None:
    text = (
        "**How do owls find their way home?**\n\nAnswer here\n\n## Food\n\nVoles, mice and worms."
    )
    (line,) = asked_lines(text, "english")
    assert line.below.of(text).strip() == "Answer here"
    assert not line.answered


def test_what_stands_in_the_sections_of_a_heading_answers_it() -> None:
    text = (
        "# What are barn owls?\n\n## What do they eat?\n\nVoles, shrews and mice.\n\n"
        "## Nests\n\nTo be done\n\n# Eagles\n\nAnother kind of bird."
    )
    whole, food = asked_lines(text, "english")
    assert whole.answered and food.answered
    assert whole.below.of(text).strip().endswith("To be done")
    assert food.below.of(text).strip() == "Voles, shrews and mice."


def test_a_place_stands_under_the_question_above_it_in_notes_of_questions_alone() -> None:
    lines = asked_lines(FAQ, "english")
    place = FAQ.index("beetles", FAQ.index("number 3"))
    line = above(lines, place)
    assert line is lines[3]
    assert above(lines, FAQ.index("Owls")) is None
    assert above(lines[: LEAST_LINES - 1], place) is None


def test_likeness_is_the_share_of_common_terms() -> None:
    (line,) = asked_lines("Why do young owls leave the nest?", "english")
    assert line.likeness({"owl", "leav", "nest"}) == 3 / len(line.terms)
    assert line.likeness(line.terms) == 1
    assert line.likeness(set()) == 0
    assert line.includes({"owl", "nest"})
    assert not line.includes({"owl", "winter"})


def test_a_sheet_of_exercises_says_nothing_of_what_is_answered() -> None:
    sheet = "1. Why do owls turn their heads?\n2. What do owls eat?\n3. How do owls hear?\n"
    lines = asked_lines(sheet, "english")
    assert len(lines) == 3
    assert telling(lines) == []
    text = f"{FAQ}**Which owls winter in the south?**\n\nTo be done\n"
    lines = asked_lines(text, "english")
    assert not lines[-1].answered
    assert telling(lines) == lines
