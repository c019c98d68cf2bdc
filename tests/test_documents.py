from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

import pytest
from conftest import WordLengths
from hypothesis import given
from hypothesis import strategies as st

from rag import Library, Settings
from rag.documents import LOADERS, find_files, load, read
from rag.documents.formats import REMEDIES
from rag.errors import CorpusError, DocumentError

GERMAN = (
    "Müller schätzt die Größe der Verteilung. Für jede Aufgabe gibt es eine eigene Lösung, "
    "die über die Übertragung von Gewichten möglich wird. Das gehört zu den schönsten Übungen. "
)
ENGLISH = (
    "The model’s loss — “cross entropy” — falls, yet a naïve baseline isn’t far behind. "
    "See the résumé of the chapter: the target’s own labels are what counts. "
)
FRENCH = (
    "L’apprentissage par transfert réutilise ce qu’un modèle a déjà appris ailleurs. "
    "Les données de la tâche d’arrivée sont peu nombreuses, c’est là son intérêt. "
)


def reason(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(DocumentError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_decides_and_is_no_part_of_the_text(encoding: str) -> None:
    text = "# Größe 😀\r\n\r\nIt stays as it is.\r\n"
    assert load("a.md", text.encode(encoding)).text == text


@pytest.mark.parametrize("order", ["le", "be"])
def test_both_byte_orders_are_read(order: str) -> None:
    data = "\ufeffÜbertragung".encode(f"utf-16-{order}")
    assert load("a.txt", data).text == "Übertragung"


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_mark_is_known_by_the_empty_halves_of_its_letters(order: str) -> None:
    text = "Plain words, “quoted” — and Größe."
    assert load("a.txt", text.encode(f"utf-16-{order}")).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "cp1252"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        ("Перенос обучения использует знания, полученные при решении одной задачи.", "cp1251"),
        ("転移学習は、ある課題で学んだ知識を別の課題に利用します。", "shift_jis"),
    ],
    ids=["english", "german", "french", "russian", "japanese"],
)
def test_text_that_is_not_unicode_is_read_as_it_was_written(text: str, encoding: str) -> None:
    with pytest.raises(UnicodeDecodeError):
        text.encode(encoding).decode()
    assert load("a.txt", text.encode(encoding)).text == text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"], include_characters="\r\n\t")))
def test_utf_8_is_never_changed(text: str) -> None:
    text = re.sub(r"\r(?!\n)", "\n", text)
    if text.strip() and not text.startswith("\ufeff"):
        assert load("a.txt", text.encode()).text == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "# T\r\rFirst para.\r\r## Sub\r\rLine seven.\r"),
        ("a.txt", "T\r==\r\rFirst para.\r\rSub\r---\r\rLine seven.\r"),
        ("a.rst", "T\r===\r\rFirst para.\r\rSub\r---\r\rLine seven.\r"),
        ("a.tex", "\\section{T}\r\rFirst para.\r\r\\subsection{Sub}\r\rLine seven.\r"),
        ("a.html", "<h1>T</h1><p>First para.\r<h2>Sub</h2><pre>Line\rseven.</pre>"),
    ],
)
def test_line_ends_of_a_mac_end_lines(path: str, text: str) -> None:
    document = load(path, text.encode())
    kinds = [block.kind.value for block in document.blocks]
    last = "code" if path == "a.html" else "paragraph"
    assert kinds == ["heading", "paragraph", "heading", last]
    assert document.title == "T"
    assert "\r" not in document.text
    assert load("a.txt", b"One\r\ntwo\r").text == "One\r\ntwo\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((GERMAN * 50).encode() + b"caf\xe9\n", GERMAN * 50 + "café\n"),
        ((GERMAN * 50).encode() + "ü".encode()[:1], GERMAN * 50 + "\ufffd"),
        ("Größe 😀".encode()[:-1], "Größe \ufffd"),
        ((GERMAN + "It\x92s so.").encode("utf-8") + b"\x92\n", GERMAN + "It\x92s so.’\n"),
        ((ENGLISH * 9).encode() + b"a quoted \x93word\x94", ENGLISH * 9 + "a quoted “word”"),
        ((GERMAN * 9).encode() + b"\x81", GERMAN * 9 + "\ufffd"),
        (GERMAN.encode() + b"trans\x02fer", GERMAN + "transfer"),
        (GERMAN.encode() + b"nu\0ll", GERMAN + "null"),
        (GERMAN.encode("cp1252") + b"trans\x02fer", GERMAN + "transfer"),
    ],
)
@pytest.mark.parametrize("path", ["a.md", "a.txt", "a.rst", "a.tex"])
def test_few_bad_bytes_cost_no_note(path: str, data: bytes, said: str) -> None:
    document = load(path, b"First.\n\n" + data)
    assert document.text == "First.\n\n" + said
    (remark,) = [one for one in document.remarks if one.reason == "damaged text"]
    assert "on line 3:" in remark.message


@pytest.mark.parametrize("path", ["a.html", "a.csv", "a.srt"])
def test_bad_bytes_are_remarked_in_every_format_made_of_text(path: str) -> None:
    start = "1\n00:00:01,000 --> 00:00:02,000\n" if path == "a.srt" else ""
    data = (start + GERMAN).encode() + b"caf\xe9."
    document = load(path, data)
    assert "café" in document.text
    assert [remark.reason for remark in document.remarks] == ["damaged text"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
        b"PK\x03\x04\x14\x00\x00\x00",
        b"\x00" * 100,
        "Привет".encode("utf-16-le") + b"\0\0",  # without a mark it looks like any binary file
        "plain words \ue000\uffff".encode("utf-16-le"),
        b"\xff\xfe\x00",
        bytes(range(256)) * 4,
        b"before \x07 after",
    ],
)
def test_what_is_not_text_is_refused(data: bytes) -> None:
    assert reason(load, "a.txt", data) == "not text"


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_words_is_empty(data: bytes) -> None:
    assert reason(load, "a.md", data) == "empty"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("close", ["---", "..."])
def test_front_matter_gives_the_title_and_is_not_indexed(end: str, close: str) -> None:
    text = end.join(["---", 'title: "Deep: notes"', "tags: [a]", close, "# Heading", "", "Body."])
    document = load("x.md", text.encode())
    assert document.title == "Deep: notes"
    assert document.text == text
    assert [b.span.of(text) for b in document.blocks] == ["# Heading", "Body."]


def test_front_matter_without_a_title_leaves_it_to_the_heading() -> None:
    assert load("x.md", b"---\ntags: a\n---\n\n# Heading\n").title == "Heading"


@pytest.mark.parametrize("text", ["---\n\nWords.\n\n---\n", "---\nWords.\n", "Words.\n---\na: b\n"])
def test_a_rule_at_the_top_is_no_front_matter(text: str) -> None:
    document = load("x.md", text.encode())
    assert any("Words." in block.span.of(text) for block in document.blocks)


def test_plain_text_has_no_front_matter() -> None:
    text = "---\ntitle: T\n---\nWords.\n"
    document = load("x.txt", text.encode())
    assert "title: T" in "".join(b.span.of(text) for b in document.blocks)


@pytest.mark.parametrize(
    ("path", "text", "title"),
    [
        ("a/few-shot_notes.md", "No heading here.", "few shot notes"),
        ("a/x.md", "Words.\n\n## Second *level* ##\n", "Second *level*"),
        ("a/x.txt", "Underlined\n==========\n\nWords.\n", "Underlined"),
    ],
)
def test_title_is_the_first_heading_or_the_stem(path: str, text: str, title: str) -> None:
    document = load(path, text.encode())
    assert (document.path, document.title) == (path, title)


def test_find_files_lists_all_but_hidden_ones_sorted(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "a/c/d.md", "B.md", ".hidden.md", ".git/x.md", "a/.x/y.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x", encoding="utf-8")
    found = find_files(tmp_path).files
    assert [path for path, _ in found] == ["B.md", "a/c/d.md", "a/z.txt", "b.md"]
    assert all(file == tmp_path / path for path, file in found)


def test_a_corpus_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.md").write_text("x", encoding="utf-8")
    with pytest.raises(CorpusError, match="does not exist"):
        find_files(tmp_path / "missing")
    with pytest.raises(CorpusError, match="is not a folder"):
        find_files(tmp_path / "file.md")


@pytest.mark.parametrize(
    "name", ["a.MD", "a.Markdown", "a.Rmd", "a.qmd", "a.mdx", "a.txt", "a.text"]
)
def test_suffix_chooses_the_loader_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Words.", encoding="utf-8")
    assert load(name, read(tmp_path / name, 100, tmp_path)).text == "Words."


@pytest.mark.parametrize("name", ["README", "a.md.bak", "a.unheard-of"])
def test_a_format_without_loader_is_named_with_those_there_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Words.", encoding="utf-8")
    with pytest.raises(DocumentError, match=", ".join(LOADERS)) as caught:
        read(tmp_path / name, 100, tmp_path)
    assert caught.value.reason == "no loader"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.DOC", "no loader for .DOC: save it as .docx"),
        ("a.zip", "no loader for .zip: unpack it"),
        ("a.png", "no loader for .png: pictures hold no text"),
        ("a.mp4", "no loader for .mp4: recordings hold no text"),
        ("a.py", "no loader for .py: if it is no note, leave it out"),
    ],
)
def test_what_to_do_with_a_format_without_loader_is_said(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / name).write_text("Words.", encoding="utf-8")
    with pytest.raises(DocumentError, match=said):
        read(tmp_path / name, 100, tmp_path)


def test_no_format_has_both_a_loader_and_a_remedy() -> None:
    remedies = [suffix for kinds in REMEDIES.values() for suffix in kinds.split()]
    assert len(remedies) == len(set(remedies))
    assert set(remedies).isdisjoint(LOADERS)


def test_size_limit_includes_its_last_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"x" * 100)
    assert read(file, 100, tmp_path) == b"x" * 100
    assert reason(read, file, 99, tmp_path) == "too large"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    with file.open("wb") as handle:
        handle.truncate(50_000_000_000)  # sparse; reading it would not end well
    assert reason(read, file, 10_000_000, tmp_path) == "too large"


def test_a_link_that_leads_nowhere_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "gone.md")
    (tmp_path / "b.md").symlink_to(tmp_path / "b.md")
    assert [reason(read, file, 100, tmp_path) for _, file in find_files(tmp_path).files] == [
        "unreadable"
    ] * 2


def test_a_folder_named_like_a_note_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    assert find_files(tmp_path).files == ()
    assert reason(read, tmp_path / "a.md", 100, tmp_path) == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_unreadable_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    reasons: list[str] = []
    thread = threading.Thread(
        target=lambda: reasons.append(reason(read, tmp_path / "a.md", 100, tmp_path)), daemon=True
    )
    thread.start()
    thread.join(10)
    assert reasons == ["unreadable"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("x", encoding="utf-8")
    file.chmod(0)
    assert reason(read, file, 100, tmp_path) == "unreadable"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_fails_while_it_is_read_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("/proc/self/mem")  # a regular file that even root cannot read
    assert reason(read, tmp_path / "a.md", 100, Path("/")) == "unreadable"


def test_bad_files_do_not_stop_the_others(tmp_path: Path, embedder: WordLengths) -> None:
    corpus = tmp_path / "notes"
    corpus.mkdir()
    (corpus / "good.md").write_text("# Good\n\nThese words are found.\n", encoding="utf-8")
    (corpus / "bad.md").write_bytes(b"\x00\x01\x02")
    (corpus / "empty.txt").write_bytes(b"\n")
    (corpus / "big.md").write_bytes(b"x" * 2000)
    (corpus / "link.md").symlink_to("nowhere")
    (corpus / "scan.pdf").write_bytes(b"%PDF")
    (corpus / "marks.xls").write_bytes(b"PK")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(corpus), max_file_mb=0.001)
    manifest = Library(settings, embedder).index()
    assert manifest.indexed == ("good.md",)
    assert [(item.document, item.reason) for item in manifest.skipped] == [
        ("bad.md", "not text"),
        ("big.md", "too large"),
        ("empty.txt", "empty"),
        ("link.md", "unreadable"),
        ("marks.xls", "no loader"),
        ("scan.pdf", "damaged"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_a_name_that_is_not_utf_8_does_not_stop_the_others(
    tmp_path: Path, embedder: WordLengths
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "good.md").write_text("These words are found.\n", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(tmp_path / "notes") + b"/caf\xe9.md")).write_text(
        "Words.\n", encoding="utf-8"
    )
    settings = Settings(library=str(tmp_path / "library"), corpus=str(tmp_path / "notes"))
    assert "good.md" in Library(settings, embedder).index().indexed


def test_markdown_whose_html_hides_words_is_remarked_unless_it_is_code() -> None:
    (remark,) = load("a.md", b"One.\n\nTwo <span style='display: none'>three</span>.\n").remarks
    assert remark.reason == "hidden text"
    assert "line 3" in remark.message
    assert not load("a.md", b"```html\n<p style='display:none' hidden>\n```\n").remarks


def test_hidden_characters_are_remarked_whatever_the_format() -> None:
    for path in ("a.md", "a.txt", "a.html", "a.csv"):
        (remark,) = load(path, "a,b\u202ec\nd,e\n".encode()).remarks
        assert remark.reason == "hidden text"
