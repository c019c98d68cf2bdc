from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import WordLengths
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import Library, Settings
from rag.documents import find_files
from rag.documents.ignoring import IGNORE_FILE, Rules, parse_rule
from rag.errors import CorpusError


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


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
            (tmp_path / "notes" / folder / IGNORE_FILE).write_text("\n".join(lines))
    git = ["git", f"--git-dir={tmp_path / 'git'}", f"--work-tree={tmp_path / 'notes'}"]
    subprocess.run([*git, "init", "--quiet"], check=True, cwd=tmp_path / "notes")
    listed = subprocess.run(
        [*git, "ls-files", "--others", "-z", f"--exclude-per-directory={IGNORE_FILE}"],
        check=True,
        cwd=tmp_path / "notes",
        capture_output=True,
        text=True,
    ).stdout
    theirs = {path for path in listed.split("\0") if path and not path.endswith(IGNORE_FILE)}
    assert set(names(tmp_path / "notes")) == theirs


# Walking


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "", "b.log": "", "drafts/c.md": "", "drafts/d.md": ""})
    write(tmp_path, **{".git/x": "", ".e.md": "", IGNORE_FILE: "\ufeffdrafts/\n*.log\n"})
    found = find_files(tmp_path)
    assert [path for path, _ in found.files] == ["a.md"]
    assert (found.ignored, found.hidden) == (2, 2)


def test_rules_that_cannot_be_read_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / IGNORE_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="one rule a line"):
        find_files(tmp_path)


def test_a_library_among_the_notes_is_no_note(tmp_path: Path) -> None:
    write(tmp_path, **{"a.md": "Otters eat crabs."})
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path)), WordLengths())
    for _ in range(2):
        assert library.index().skipped == ()
    assert library.status()["files"] == 1


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
def test_a_corpus_may_itself_be_a_link(tmp_path: Path) -> None:
    linked(tmp_path)
    (tmp_path / "link").symlink_to("notes")
    assert names(tmp_path / "link") == names(tmp_path / "notes")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev")
def test_a_device_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("Otters.")
    (tmp_path / "notes" / "zero.md").symlink_to("/dev/zero")
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    (skipped,) = Library(settings, WordLengths()).index().skipped
    assert (skipped.document, skipped.reason) == ("zero.md", "outside")
