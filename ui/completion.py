r"""The words that Tab offers in a shell, and the scripts by which bash, zsh and fish ask for them.

Input: the words typed so far; output: lines of a word and what it does, which the scripts take as
data. Typer's own completion hands zsh a line to evaluate, in which a note called `\$(…)`
would be run, and loads rich for every Tab; so what can follow is read from Typer's commands here.
Values come from the folder of notes, one folder at a time, and no library is opened.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from rag import NotesQAError, load_settings

MOST = 1_000
"""Names of a folder that are offered."""


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS = {
    Shell.BASH: r"""
# For ~/.bashrc:  source <(notesqa completion bash)
_notesqa() {
    local value
    COMPREPLY=()
    while IFS= read -r value; do
        COMPREPLY+=("$value")
    done < <("${1/#\~/$HOME}" complete bash "${COMP_LINE:0:COMP_POINT}" \
        "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
    if [[ ${COMPREPLY[0]} == // ]]; then
        COMPREPLY=()
        compopt -o default 2>/dev/null
    elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _notesqa notesqa
""",
    Shell.ZSH: r"""
#compdef notesqa
# For ~/.zshrc, after compinit:  source <(notesqa completion zsh)
_notesqa() {
    local value help
    local -a words_ shown folders folders_shown
    while IFS=$'\t' read -r value help; do
        if [[ $value == // ]]; then
            _files
            return
        elif [[ $value == */ ]]; then
            folders+=("$value")
            folders_shown+=("$value")
        else
            words_+=("$value")
            shown+=("$value${help:+  -- $help}")
        fi
    done < <("${~${(Q)words[1]}}" complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \
        2>/dev/null)
    (( $#words_ )) && compadd -l -d shown -a words_
    (( $#folders )) && compadd -S '' -d folders_shown -a folders
}
compdef _notesqa notesqa
""",
    Shell.FISH: r"""
# For ~/.config/fish/config.fish:  notesqa completion fish | source
function __notesqa_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l found ($words[1] complete fish $words[2..-1] "$current" 2>/dev/null)
    if test "$found[1]" = //
        __fish_complete_path "$current"
    else
        printf '%s\n' $found
    end
end
complete -c notesqa -f -a '(__notesqa_complete)'
""",
}
"""What `notesqa completion` prints. A line that is `//` stands for the shell's own file names."""

FILES = "//"


@dataclass(frozen=True, slots=True)
class Offer:
    """A word that could stand where Tab was pressed.

    Attributes:
        help: what it does; empty for values.
    """

    word: str
    help: str = ""


def offers(command: Any, words: Sequence[str]) -> list[Offer]:
    """Returns what the last of `words`, which may be empty, could become.

    Args:
        command: Typer's, with all below it.
        words: those behind the program's name.
    """
    *before, begun = words or [""]
    # Not made by parsing, for which Typer loads pydantic.
    context = command.context_class(command, resilient_parsing=True)
    expected, arguments, options = None, 0, True
    for word in before:
        command, context = _meant(command, context, word)
        if expected is not None:
            context.params[expected.name], expected = word, None
        elif options and word == "--":
            options = False
        elif options and word.startswith("-") and len(word) > 1:
            name, given, value = word.partition("=")
            option = _option(command, name)
            if option is not None and given:
                context.params[option.name] = value
            elif option is not None and not option.is_flag:
                expected = option
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return []
            command = command.commands[word]
            context = command.context_class(command, context, word, resilient_parsing=True)
        else:
            arguments += 1
    if expected is not None:
        return _values(context, expected, begun)
    named = [
        Offer(name, one.get_short_help_str(80))
        for name, one in getattr(command, "commands", {}).items()
        if name.startswith(begun) and not one.hidden
    ]
    command, context = _meant(command, context)
    if options and begun.startswith("-"):
        return _options(context, command, begun)
    if hasattr(command, "commands"):
        return named
    places = [one for one in command.params if one.param_type_name == "argument"]
    values = _values(context, places[arguments], begun) if arguments < len(places) else []
    return [*named, *values]


def _meant(command: Any, context: Any, word: str | None = None) -> tuple[Any, Any]:
    """Returns the command that is meant where a word names none: mostly, `command` itself."""
    name = getattr(command, "otherwise", None)
    if name is None or word in command.commands:
        return command, context
    meant = command.commands[name]
    return meant, meant.context_class(meant, context, name, resilient_parsing=True)


def _option(command: Any, name: str) -> Any:
    """Returns the option of that name; None where there is none."""
    for one in command.params:
        if one.param_type_name == "option" and name in [*one.opts, *one.secondary_opts]:
            return one
    return None


def _options(context: Any, command: Any, begun: str) -> list[Offer]:
    name, given, value = begun.partition("=")
    if given:
        option = _option(command, name)
        found = [] if option is None or option.is_flag else _values(context, option, value)
        return [one if one.word == FILES else Offer(f"{name}={one.word}") for one in found]
    return [
        Offer(name, one.help or "")
        for one in command.get_params(context)
        if one.param_type_name == "option" and not one.hidden
        for name in [*one.opts, *one.secondary_opts]
        if name.startswith(begun)
    ]


def _values(context: Any, parameter: Any, begun: str) -> list[Offer]:
    """Returns what a parameter could be; the one word `FILES` where that is any file."""
    if found := parameter.shell_complete(context, begun):
        return [Offer(str(item.value)) for item in found]
    return [Offer(FILES)] if parameter.metavar in {"DIR", "FILE", "PATH"} else []


def documents(context: typer.Context, incomplete: str) -> list[str]:
    """Returns the folders and files of the notes that a name could become, a level at a time."""
    return list(_notes(context, incomplete, files=True))


def folders(context: typer.Context, incomplete: str) -> list[str]:
    """Returns the folders of the notes that a name could become, a level at a time."""
    return list(_notes(context, incomplete, files=False))


def records(incomplete: str) -> list[str]:
    """Returns the folders and `.jsonl` files, such as question sets, that a path could become."""
    return list(_below(Path(), incomplete, (".jsonl",)))


def syllabi(incomplete: str) -> list[str]:
    """Returns the folders and files of objectives that a path could become."""
    return list(_below(Path(), incomplete, (".md", ".csv", ".tsv", ".txt", ".jsonl")))


def coverages(incomplete: str) -> list[str]:
    """Returns the folders and `.json` files that a path could become."""
    return list(_below(Path(), incomplete, (".json",)))


def _notes(context: typer.Context, incomplete: str, *, files: bool) -> Iterator[str]:
    given = context.find_root().params
    try:
        corpus = load_settings({"corpus": given.get("corpus")}).corpus
    except NotesQAError:
        return
    if ".." not in incomplete.split("/"):
        yield from _below(Path(corpus), incomplete.lstrip("/"), ("",) if files else ())


def _below(root: Path, begun: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yields the paths that begin so: folders, with a slash, and files of these suffixes."""
    folder, slash, name = begun.rpartition("/")
    place = root / Path(f"{folder}{slash}").expanduser()
    found = []
    with suppress(OSError, RuntimeError), os.scandir(place) as entries:
        for entry in islice(entries, MOST):
            hidden = entry.name.startswith(".") or not entry.name.isprintable()
            if hidden or not entry.name.startswith(name):
                continue
            if entry.is_dir():
                found.append(f"{folder}{slash}{entry.name}/")
            elif suffixes and entry.name.endswith(suffixes):
                found.append(f"{folder}{slash}{entry.name}")
    yield from sorted(found)


def answer(command: Any, shell: str, words: Sequence[str]) -> list[str]:
    """Returns the lines that a shell's script reads.

    Args:
        words: what it sends behind the name of the shell.
    """
    if shell == Shell.BASH:
        line, current = words
        return bash_words(command, line, current)
    found = offers(command, words)
    return ["\t".join(filter(None, [one.word, " ".join(one.help.split())])) for one in found]


def bash_words(command: Any, line: str, current: str) -> list[str]:
    """Returns the lines that the script of bash reads, quoted as they have to stand in its line.

    Args:
        line: what was typed, up to the cursor.
        current: what bash takes for the word to complete: it ends words at `:`, `=` and `@` too.
    """
    words, quote = _words(line)
    found = offers(command, words[1:])
    begun = "" if set(current) <= set(_BREAKS) else _words(current)[0][-1]
    before = words[-1].removesuffix(begun) if words[-1].endswith(begun) else ""
    kept = [one.word.removeprefix(before) for one in found]
    if quote:  # it stays open
        return [word for word in kept if not set(word) & set("\"'\\$`!")]
    return [word if word == FILES else _UNSAFE.sub(r"\\\g<0>", word) for word in kept]


def _words(line: str) -> tuple[list[str], str]:
    """Returns the words of a line, the last of them begun, and the quote that is open."""
    if (len(line) - len(line.rstrip("\\"))) % 2:
        line = line[:-1]  # nothing follows yet that it could quote
    quote = next(quote for quote in ("", "'", '"') if _can_split(line + quote))
    words = shlex.split(line + quote)
    begins = not quote and len(shlex.split(f"{line}x")) > len(words)
    return ([*words, ""] if begins else words), quote


def _can_split(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True


_BREAKS = "\"'><=;|&(:@"
"""What bash ends words at, beside white space."""

_UNSAFE = re.compile(r"[^\w./@%+=:,~-]|^~")
