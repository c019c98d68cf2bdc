from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents.hidden import hidden_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("one\ntw\u200bo th\u2060ree", "2 zero-width characters, the first on line 2"),
        ("pay\u200dload", "1 zero-width character, the first on line 1"),
        ("a\ufeffb", "1 zero-width character"),
        ("access \u202elevel\u202c", "2 bidirectional controls"),
        ("\u2066x\u2069", "2 bidirectional controls"),
        ("hi" + "".join(chr(0xE0000 + ord(char)) for char in "obey"), "4 tag characters"),
        ("a\u2062b\u2064 c\u180ed", "3 zero-width characters"),
        ("a\u3164b\u2800c\u115f\u1160", "4 blank letters"),
        ("a" + "\U000e0101\U000e0145", "1 run of variation selectors"),
    ],
)
def test_what_nobody_sees_is_counted(text: str, found: str) -> None:
    remark = hidden_in(text)
    assert remark is not None
    assert remark.reason == "hidden text"
    assert remark.message.startswith(found)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffplain words",
        "soft\u00adhyphen",
        "👩\u200d💻 and ❤\ufe0f\u200d🔥 and 1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "क्\u200dष",
        "ភាសា\u200bខ្មែរ",
        "עברית \u200f(x)",
        "ᠠ\u180e ⠓\u2800⠊ ᄀ\u1160ᆨ",
        "葛\U000e0100城市",
    ],
)
def test_what_scripts_and_emoji_need_is_not_called_hidden(text: str) -> None:
    assert hidden_in(text) is None


@given(
    st.text(
        st.characters(
            exclude_categories=["Cf", "Cs", "Mn"], exclude_characters="\u115f\u1160\u2800\u3164"
        )
    )
)
def test_text_without_such_characters_gets_no_remark(text: str) -> None:
    assert hidden_in(text) is None
