from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.course import CHUNKS, UNITS, WHOLE, Course, in_step


class Run:
    """A run whose every step takes the time that it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seen: list[tuple[float, float]] = []
        self.course = Course(self.report, lambda: self.now)

    def report(self, stage: str, done: int, total: int) -> None:
        assert stage.startswith("Indexing") and total == WHOLE
        self.seen.append((self.now, done / total))

    def index(
        self, files: list[tuple[str, int, float]], read: float, embed: float, window: int
    ) -> None:
        """Reads files of a suffix, a size and a share of text; windows of so many files."""
        for suffix, size, _ in files:
            self.course.expect(suffix, size)
        for start in range(0, len(files), window):
            covered = 0
            for suffix, size, share in files[start : start + window]:
                chars = int(size * share)
                self.now += size * read
                self.course.opened(suffix, size, chars)
                if chars:
                    self.course.read(suffix, size)
                covered += chars
            self.course.known(covered, covered, covered)
            for kind in (CHUNKS, UNITS):
                for part in range(10):
                    some = covered * (part + 1) // 10 - covered * part // 10
                    self.now += some * embed
                    self.course.embedded(kind, some)
        self.course.end()

    def furthest(self) -> float:
        """Returns how far the share told was ever from that of the time."""
        return max(abs(share - now / self.now) for now, share in self.seen)


files = st.lists(
    st.tuples(st.sampled_from([".md", ".pdf", ".docx"]), st.integers(0, 10**7), st.floats(0, 1)),
    min_size=1,
    max_size=30,
)


@given(files, st.floats(0, 1e-4), st.floats(0, 1e-3), st.integers(1, 40))
def test_the_share_never_moves_back_and_ends_at_the_whole(
    files: list[tuple[str, int, float]], read: float, embed: float, window: int
) -> None:
    run = Run()
    run.index(files, read, embed, window)
    told = [share for _, share in run.seen]
    assert told == sorted(told)
    assert told[-1] == 1 and all(share < 1 for share in told[:-1])


@pytest.mark.parametrize("order", ["mixed", "slides first", "notes first"])
def test_few_words_a_byte_beside_many_do_not_mislead(order: str) -> None:
    slides, notes = [(".pdf", 1_000_000, 0.02)] * 40, [(".md", 4_000, 1.0)] * 400
    mixed = [file for part in range(40) for file in (slides[part], *notes[part * 10 :][:10])]
    run = Run()
    chosen = {"mixed": mixed, "slides first": slides + notes, "notes first": notes + slides}
    files = chosen[order]
    files = [files[place] for place in in_step([(suffix, size) for suffix, size, _ in files])]
    run.index(files, 5e-7, 2e-5, 40)
    assert run.furthest() < 0.1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 100)), max_size=50))
def test_kinds_keep_in_step_and_each_its_order(files: list[tuple[str, int]]) -> None:
    order = in_step(files)
    assert sorted(order) == list(range(len(files)))
    for kind in "abc":
        places = [place for place in order if files[place][0] == kind]
        assert places == sorted(places)


def test_kinds_in_step_by_hand() -> None:
    # Shares of their kinds at which they begin: 0, 0.5 of two; 0, 0.1, 0.9 of three.
    files = [("m", 5), ("m", 5), ("p", 10), ("p", 80), ("p", 10)]
    assert in_step(files) == [0, 2, 3, 1, 4]


def test_a_slow_machine_is_known_by_the_first_texts_it_embeds() -> None:
    run = Run()
    run.course.expect(".md", 100_000)
    run.course.opened(".md", 100_000, 100_000)
    run.course.read(".md", 100_000)
    run.course.known(100_000, 100_000, 100_000)
    for kind, seconds in ((CHUNKS, 1.4e-4), (UNITS, 1.3e-4)):  # ten times what is taken for granted
        for _ in range(20):
            run.now += 5_000 * seconds
            run.course.embedded(kind, 5_000)
    run.course.end()
    # Without it, 0.4 at the end of the chunks.
    assert run.furthest() < 0.2
