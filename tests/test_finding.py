from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from conftest import WordLengths
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import Library, Settings
from rag.documents import File, Loaders, find_file, find_files, reading
from rag.documents.ignoring import IGNORE_FILE, Rules, parse_rule
from rag.documents.reading import open_regular
from rag.errors import DocumentError


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def names(folder: Path) -> list[str]:
    return [path for path, _ in find_files(folder).files]


def takes(rule: str, path: str, *, folder: bool = False) -> bool:
    return Rules().inside((), rule).ignore(path.split("/"), folder=folder)


# Rules


@pytest.mark.parametrize(
    ("rule", "left_out", "kept"),
    [
        ("*.log", ["a.log", "x/y/a.log"], ["a.logs", "log"]),
        ("/a.md", ["a.md"], ["x/a.md"]),
        ("x/a.md", ["x/a.md"], ["y/x/a.md"]),
        ("x/*", ["x/a"], ["x/y/a", "x"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["ab"]),
        ("x/**", ["x/a", "x/y/a"], ["x", "y/x/a"]),
        ("x/**/a", ["x/a", "x/y/z/a"], ["a", "xa"]),
        ("a?c", ["abc", "aüc"], ["ac", "a/c"]),
        ("[a-c]x", ["ax", "cx"], ["dx"]),
        ("[!a-c]x", ["dx"], ["ax"]),
        ("[[:digit:]]", ["7"], ["x"]),
        ("[]x]", ["]", "x"], ["["]),
        ("\\#a", ["#a"], []),
        ("\\!a", ["!a"], ["a"]),
        ("a\\*", ["a*"], ["ab"]),
        ("a ", ["a"], ["a "]),
        ("a\\ ", ["a "], ["a"]),
        ("# a", [], ["# a", "a"]),
        ("[a", [], ["[a", "a"]),
        ("/", [], ["a"]),
        ("", [], ["a"]),
    ],
)
def test_a_rule_leaves_out_what_git_would(rule: str, left_out: list[str], kept: list[str]) -> None:
    assert [path for path in left_out if not takes(rule, path)] == []
    assert [path for path in kept if takes(rule, path)] == []


def test_a_rule_that_ends_with_a_slash_is_about_folders() -> None:
    assert takes("a/", "x/a", folder=True)
    assert not takes("a/", "x/a")


def test_the_last_rule_that_matches_decides_and_the_inner_file_comes_last() -> None:
    rules = Rules().inside((), "*.md\n!b.md\n").inside(("x",), "!a.md\nb.md\n")
    paths = ["a.md", "b.md", "x/a.md", "x/b.md"]
    left_out = [path for path in paths if rules.ignore(path.split("/"), folder=False)]
    assert left_out == ["a.md", "x/b.md"]


@pytest.mark.parametrize(
    "rule", ["*a" * 60 + "b", "**/" * 60 + "b", "[a-z]*" * 60, "a*" * 60 + "/**"]
)
def test_no_rule_takes_long(rule: str) -> None:
    begun = time.monotonic()
    takes(rule, "/".join(["a" * 250] * 60))
    assert time.monotonic() - begun < 5


@given(st.text())
def test_any_line_is_a_rule_or_none(line: str) -> None:
    rule = parse_rule(line)
    assert rule is None or rule.matches(["a"]) in (True, False)


ATOMS = ["a", "b", "ab", "*", "**", "?", "*b", "a*", "[ab]", "[!a]", "a?", "\\a", "x.md", "*.md"]
PATTERN = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/", " "]),
)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "x.md"]), min_size=1, max_size=3).map("/".join)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git to agree with")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(PATHS, min_size=1, max_size=8),
    st.dictionaries(st.sampled_from(["", "a", "b"]), st.lists(PATTERN, min_size=1, max_size=4)),
)
def test_what_is_left_out_is_what_git_leaves_out(
    tmp_path: Path, paths: list[str], rules: dict[str, list[str]]
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    for path in paths:
        file = tmp_path / "notes" / path
        if not file.exists() and not any(parent.is_file() for parent in file.parents):
            write(tmp_path / "notes", **{path: "x"})
    for folder, lines in rules.items():
        if (tmp_path / "notes" / folder).is_dir():
            (tmp_path / "notes" / folder / IGNORE_FILE).write_text(
                "\n".join(lines), encoding="utf-8"
            )
    git = ["git", f"--git-dir={tmp_path / 'git'}", f"--work-tree={tmp_path / 'notes'}"]
    subprocess.run([*git, "init", "--quiet"], check=True, cwd=tmp_path / "notes")
    listed = subprocess.run(
        [*git, "ls-files", "--others", "-z", f"--exclude-per-directory={IGNORE_FILE}"],
        check=True,
        cwd=tmp_path / "notes",
        capture_output=True,
        encoding="utf-8",
    ).stdout
    theirs = {path for path in listed.split("\0") if path and not path.endswith(IGNORE_FILE)}
    assert set(names(tmp_path / "notes")) == theirs
    for path in paths:
        if (file := tmp_path / "notes" / path).is_file():
            assert find_file(tmp_path / "notes", path) == (file if path in theirs else None)


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "x//a.md", "../secret.md", "x/../a.md", "x", "b.md", "a.md/c"]
)
def test_what_is_no_path_of_a_note_leads_to_none(tmp_path: Path, path: str) -> None:
    write(tmp_path, **{"secret.md": "x", "notes/a.md": "x", "notes/.x/a.md": "x"})
    (tmp_path / "notes/x").symlink_to(tmp_path)
    assert find_file(tmp_path / "notes", path) is None
    assert find_file(tmp_path / "notes", "a.md") == tmp_path / "notes/a.md"


# Walking


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "", "b.log": "", "drafts/c.md": "", "drafts/d.md": ""})
    write(tmp_path, **{".git/x": "", ".e.md": "", IGNORE_FILE: "\ufeffdrafts/\n*.log\n"})
    found = find_files(tmp_path)
    assert [path for path, _ in found.files] == ["a.md"]
    assert (found.ignored, found.hidden) == (2, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_rules_hold_byte_by_byte(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "", "sub/b.md": "", "sub/c.md": ""})
    (tmp_path / "sub" / IGNORE_FILE).write_bytes(b"# Entw\xfcrfe\nb.md\n\xfc.md\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/sub/\xfc.md")).write_text("", encoding="utf-8")
    assert names(tmp_path) == ["a.md", "sub/c.md"]


def no_rules(file: Path, kind: str, outside: Path) -> None:
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "link":
        outside.write_text("*.md", encoding="utf-8")
        file.symlink_to(outside)
    else:
        file.write_bytes(b"*.md\n" + b"#" * 1_000_000)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "long"])
def test_rules_that_cannot_be_read_stop_nothing_and_are_told(tmp_path: Path, kind: str) -> None:
    corpus = tmp_path / "notes"
    write(corpus, **{"a.md": "Otters.", "sub/b.md": "Crabs."})
    no_rules(corpus / "sub" / IGNORE_FILE, kind, tmp_path / "rules")
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(corpus)), WordLengths())
    manifest = library.index()
    assert manifest.indexed == ("a.md", "sub/b.md")
    (skipped,) = manifest.skipped
    assert (skipped.document, skipped.reason) == (f"sub/{IGNORE_FILE}", "unreadable")
    assert "regular file" in skipped.message


def test_a_library_among_the_notes_is_no_note(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "Otters eat crabs."})
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path)), WordLengths())
    for _ in range(2):
        assert library.index().skipped == ()
    assert library.status()["files"] == 1
    assert library.status()["ignored"] == 1


def test_a_folder_that_holds_a_file_of_that_name_is_no_library(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "", "sub/b.md": "", "sub/library.sqlite3": "mine"})
    with sqlite3.connect(tmp_path / "library.sqlite3") as other:
        other.execute("CREATE TABLE x (y)")
    other.close()
    write(tmp_path, **{"third/c.md": ""})
    (tmp_path / "library.sqlite3").rename(tmp_path / "third" / "library.sqlite3")
    kept = ["a.md", "sub/b.md", "sub/library.sqlite3", "third/c.md", "third/library.sqlite3"]
    assert names(tmp_path) == kept
    assert find_files(tmp_path).ignored == 0


def linked(tmp_path: Path) -> Path:
    corpus = tmp_path / "notes"
    write(corpus, **{"a.md": "A.", "x/b.md": "B.", ".hidden/c.md": "C."})
    write(tmp_path, **{"secret.md": "Secret.", "secrets/d.md": "Secret."})
    for name, target in {
        "again.md": "a.md",
        "more": "x",
        "loop": ".",
        "c.md": ".hidden/c.md",
        "c-again.md": "c.md",
        "out.md": "../secret.md",
        "out": "../secrets",
        "passwd.txt": "/etc/passwd",
        "gone.md": "nowhere",
        "x/up": "../..",
    }.items():
        (corpus / name).symlink_to(target)
    return corpus


@pytest.mark.skipif(os.name != "posix", reason="links need a permission elsewhere")
def test_a_link_that_leads_out_is_skipped_and_others_count_once(tmp_path: Path) -> None:
    corpus = linked(tmp_path)
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(corpus)), WordLengths())
    manifest = library.index()
    assert manifest.indexed == ("a.md", "c-again.md", "x/b.md")
    assert {(item.document, item.reason) for item in manifest.skipped} == {
        *((name, "outside") for name in ("out", "out.md", "passwd.txt", "x/up")),
        ("gone.md", "unreadable"),
    }
    assert "Secret" not in "".join(library.source(path) for path in library.titles())
    # One that led inside and leads out now.
    (corpus / "c-again.md").unlink()
    (corpus / "c-again.md").symlink_to(tmp_path / "secret.md")
    (corpus / "c.md").unlink()
    assert "c-again.md" in {item.document for item in library.index().skipped}


@pytest.mark.skipif(os.name != "posix", reason="links need a permission elsewhere")
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_folder_that_becomes_a_link_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    corpus = tmp_path / "notes"
    write(corpus, **{"a/x.md": "Otters.", "b.md": "Crabs."})
    write(tmp_path, **{"secrets/x.md": "Secret."})
    file = File("a/x.md", corpus / "a" / "x.md", corpus, 100, Loaders())

    def replace_folder() -> None:
        (corpus / "a").rename(tmp_path / "away")
        (corpus / "a").symlink_to(tmp_path / "secrets")

    def replaced_before(path: str) -> BinaryIO:
        replace_folder()
        return open_regular(path)

    if when == "before":
        replace_folder()
    else:
        monkeypatch.setattr(reading, "open_regular", replaced_before)
    with pytest.raises(DocumentError) as caught:
        file.read()
    assert caught.value.reason == "outside"


def test_a_file_that_grows_while_it_is_read_stays_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, **{"a.md": "x" * 101})
    monkeypatch.setattr(reading, "_size_of", lambda _: 100)
    with pytest.raises(DocumentError) as caught:
        reading.read(tmp_path / "a.md", 100, tmp_path)
    assert caught.value.reason == "too large"


@pytest.mark.skipif(os.name != "posix", reason="links need a permission elsewhere")
def test_a_corpus_may_itself_be_a_link(tmp_path: Path) -> None:
    linked(tmp_path)
    (tmp_path / "link").symlink_to("notes")
    assert names(tmp_path / "link") == names(tmp_path / "notes")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev")
def test_a_device_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("Otters.", encoding="utf-8")
    (tmp_path / "notes" / "zero.md").symlink_to("/dev/zero")
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    (skipped,) = Library(settings, WordLengths()).index().skipped
    assert (skipped.document, skipped.reason) == ("zero.md", "outside")
