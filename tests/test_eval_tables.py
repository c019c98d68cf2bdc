from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.tables import csv_text, unquoted


@pytest.mark.parametrize("sign", "=+-@＝＋－＠")  # noqa: RUF001
@pytest.mark.parametrize(
    "before",
    ["", " ", "\u00a0", "\ufeff", "\u200b", "\u2060 ", "\n", "\v", "\t", "\x1f", "'", "''\n"],
)
def test_no_cell_begins_with_a_formula_whatever_unseen_stands_before_it(
    before: str, sign: str
) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_text([[f"{before}{sign}1+1"]]), newline=""))
    assert cell == f"'{before}{sign}1+1"


def test_words_stay_as_they_are() -> None:
    assert csv_text([["a=1", " a", "'a", "", "’=1"]]) == "a=1, a,'a,,’=1\n"  # noqa: RUF001


CELLS = st.text(
    st.sampled_from("'=\uff1d \n\r\t\u200ba") | st.characters(exclude_categories=["Cs"])
)


@given(st.lists(CELLS))
def test_a_cell_read_is_the_cell_written(cells: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(csv_text([[*cells, "end"]]), newline=""))
    assert [unquoted(cell) for cell in read] == [*cells, "end"]
