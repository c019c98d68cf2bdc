from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from test_architecture import loaded_by
from test_cli import environment

from ui.cli import app
from ui.completion import FILES, SCRIPTS, Shell, answer

WEIRD = "$(touch hacked) it's a `b`; x.md"


@pytest.fixture(autouse=True)
def _notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("corpus/wet/otters.md", "corpus/badgers.md", "corpus/.x/y.md", "sets/a.jsonl"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("Otters.", encoding="utf-8")


def offered(*words: str, shell: Shell = Shell.ZSH) -> list[str]:
    """Returns the words that are offered, without what they do."""
    found = answer(typer.main.get_command(app), shell, words)
    return [line.partition("\t")[0] for line in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["op"], ["open"]),
        (["users", ""], ["add", "list", "remove", "passwd", "token"]),
        (["--corpus", "corpus", "open", ""], ["badgers.md", "wet/"]),
        (["open", "wet/"], ["wet/otters.md"]),
        (["--corpus", "corpus/wet", "open", ""], ["otters.md"]),
        (["--corpus=corpus/wet", "open", ""], ["otters.md"]),
        (["open", "../"], []),
        (["ask", "--in", ""], ["wet/"]),
        (["ask", "--in=w"], ["--in=wet/"]),
        (["ask", "What?", "--in", "w"], ["wet/"]),
        (["eval", "run", "se"], ["sets/"]),
        (["eval", "score", "sets/"], ["sets/a.jsonl"]),
        (["eval", "score", "x", "--by", "k"], ["kind"]),
        (["coverage", ""], ["diff", "report", "corpus/", "sets/"]),
        (["coverage", "sets/"], ["sets/a.jsonl"]),
        (["coverage", "sets/a.jsonl", "--o"], ["--out"]),
        (["coverage", "--out", ""], [FILES]),
        (["coverage", "--json", "se"], ["sets/"]),
        (["coverage", "diff", "s"], ["sets/"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["demo", "--no"], ["--no-serve"]),
        (["--library", ""], [FILES]),
        (["ask", ""], []),
        (["ask", "--", "--in"], []),
        (["fly", ""], []),
    ],
    ids=" ".join,
)
def test_tab_offers_what_can_follow(words: list[str], expected: list[str]) -> None:
    assert offered(*words) == expected


def test_what_is_offered_says_what_it_does() -> None:
    found = answer(typer.main.get_command(app), Shell.FISH, ["ask", "--js"])
    assert found == ["--json\tPrint one JSON object."]


def test_a_setting_that_is_wrong_offers_nothing() -> None:
    Path("notesqa.toml").write_text("corpsu = 3\n", encoding="utf-8")
    assert offered("open", "") == []


@pytest.mark.parametrize("begun", ["b", "'b", '"b', "./nothing", "w", "bad\\"])
def test_bash_reads_words_as_they_were_typed(begun: str) -> None:
    found = offered(f"notesqa open {begun}", begun.lstrip("'\""), shell=Shell.BASH)
    assert found == {"w": ["wet/"], "./nothing": []}.get(begun, ["badgers.md"])


def test_looking_for_words_loads_nothing_slow() -> None:
    code = f"""
import os, sys
from ui.cli import main
os.chdir({os.getcwd()!r})
sys.argv = ["notesqa", "complete", "zsh", "open", ""]
main()
assert not {{"pydantic", "rich", "sqlite3"}} & set(sys.modules)
"""
    assert loaded_by(code) == set()


# The shells themselves

BASH = """
{script}
notesqa() {{ "{python}" -c 'from ui.cli import main; main()' "$@"; }}
COMP_LINE=$1 COMP_POINT=${{#1}} COMP_CWORD=1 COMP_WORDS=(notesqa "$2")
_notesqa notesqa 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def in_bash(line: str, current: str) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    script = BASH.format(script=SCRIPTS[Shell.BASH], python=sys.executable)
    done = subprocess.run(
        [bash, "--norc", "-c", script, "bash", line, current],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_script_for_bash_completes() -> None:
    assert in_bash("notesqa open wet/", "wet/") == ["wet/otters.md"]
    assert in_bash("notesqa ask --in=w", "w") == ["wet/"]
    assert in_bash("notesqa --library ", "") == [""]


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
def test_a_name_that_is_a_command_is_completed_as_a_name() -> None:
    Path("corpus", WEIRD).write_text("x", encoding="utf-8")
    (word,) = in_bash("notesqa open \\$", "\\$")
    said = subprocess.run(
        ["bash", "-c", f"printf %s {word}"], capture_output=True, encoding="utf-8", check=True
    )
    assert said.stdout == WEIRD
    assert in_bash("notesqa open '$", "'$") == [""]
    assert not list(Path().rglob("hacked"))


@pytest.mark.parametrize("shell", Shell)
def test_every_script_is_one_that_its_shell_can_read(shell: Shell) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run(
        [program, "-n"], input=SCRIPTS[shell], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_printing_a_script_writes_no_file(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", "from ui.cli import main; main()", "completion", "bash"],
        env={**environment(), "HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == SCRIPTS[Shell.BASH].strip() + "\n"
    assert sorted(tmp_path.rglob("*")) == before
