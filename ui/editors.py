"""Which program opens a file, and how it is told where.

Input: an `opening.Target` and the environment; output: the arguments of a program, started without
a shell. Texts open in `$VISUAL` or `$EDITOR`, PDFs in a viewer that takes a page, the rest, and
what there is no program for, in what the desktop chooses.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ui.opening import OpeningError, Target

Which = Callable[[str], str | None]

_AT_LINE = {
    # vim(1), nano(1), emacs(1), emacsclient(1), joe(1), ne(1), mcedit(1), kak(1), gedit(1),
    # pluma(1), xed(1), geany(1), bbedit(1)
    ("+{line}", "{file}"): "vi vim nvim view ex gvim mvim nvim-qt nano pico rnano emacs emacsclient"
    " joe jmacs jpico jstar rjoe ne mg zile mcedit kak gedit pluma xed geany bbedit",
    # micro(1): a column is asked for in releases before 2.0.14
    ("+{line}:1", "{file}"): "micro",
    # sublimetext.com/docs/command_line.html, `hx --help`, `zed --help`
    ("{file}:{line}",): "subl sublime_text hx helix zed zeditor",
    # code.visualstudio.com/docs/editor/command-line, and what is made of its source
    ("--goto", "{file}:{line}"): "code code-insiders code-oss codium vscodium cursor windsurf",
    # kate(1), mousepad(1), mate(1), jetbrains.com/help/idea/opening-files-from-command-line.html
    ("--line", "{line}", "{file}"): "kate mousepad mate idea pycharm webstorm",
    # npp-user-manual.org/docs/command-prompt
    ("-n{line}", "{file}"): "notepad++",
}
"""Arguments that open a file at a line, and the editors that take them."""

_AT_PAGE = {
    # evince(1), atril(1), xreader(1); papers is evince's heir
    ("--page-index={page}", "{file}"): "evince papers atril xreader",
    # okular(1), sioyek.info
    ("--page", "{page}", "{file}"): "okular sioyek",
    # zathura(1)
    ("--page={page}", "{file}"): "zathura",
    # qpdfview(1)
    ("{file}#{page}",): "qpdfview",
    # mupdf(1), xpdf(1)
    ("{file}", "{page}"): "mupdf xpdf",
    # sumatrapdfreader.org/docs/Command-line-arguments
    ("-page", "{page}", "{file}"): "SumatraPDF",
}
"""Arguments that open a PDF at a page, and the viewers that take them, in order of preference."""

_DESKTOP = {"darwin": "open", "win32": "explorer"}
"""What opens a file as the desktop would, where it is not `xdg-open`."""

_ACTIVE = (".html", ".htm", ".xhtml", ".mhtml", ".mht")
"""What a desktop opens in a browser, which runs the scripts of a note."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments.

    Attributes:
        waits: whether it takes the terminal until it ends.
    """

    arguments: tuple[str, ...]
    waits: bool


def command_for(
    target: Target,
    environment: Mapping[str, str] = os.environ,
    which: Which = shutil.which,
    platform: str = sys.platform,
) -> Command:
    """Returns what opens a target.

    Raises:
        OpeningError: its file is not there, `$EDITOR` cannot be run, or nothing opens it here.
    """
    if target.path is None:
        raise OpeningError(
            f"{target.document} is not in the folder of notes any more, or another one is named by "
            "--corpus: notesqa open --print shows it as it was indexed."
        )
    file = str(target.path)
    if target.is_text and (editor := _editor(environment)):
        program = which(editor[0])
        if program is None:
            raise OpeningError(
                f"The editor {editor[0]} is not found: mend $VISUAL or $EDITOR, "
                "or use notesqa open --print."
            )
        form = _form(editor[0], program) if target.line else ("{file}",)
        return Command((program, *editor[1:], *_filled(form, file, target.line)), waits=True)
    if platform in _DESKTOP or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        if target.page and (found := _viewer(which)):
            program, form = found
            return Command((program, *_filled(form, file, page=target.page)), waits=False)
        opener = which(_DESKTOP.get(platform, "xdg-open"))
        if opener and target.path.suffix.lower() not in _ACTIVE:
            return Command((opener, file), waits=False)
    wanted = "an editor in $EDITOR" if target.is_text else "a viewer on a desktop"
    raise OpeningError(f"Nothing opens {file} here, it needs {wanted}: notesqa open --print.")


def start(command: Command) -> None:
    """Starts a program: an editor to its end, a viewer beside this one.

    Raises:
        OpeningError: it cannot be started, or the editor failed.
    """
    program = command.arguments[0]
    try:
        if command.waits:
            status = subprocess.run(command.arguments, check=False).returncode
            if status:
                raise OpeningError(f"{program} ended with status {status}.")
            return
        nowhere = subprocess.DEVNULL
        subprocess.Popen(
            command.arguments, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError as error:
        raise OpeningError(f"{program} cannot be started: {error.strerror or error}.") from error


def _editor(environment: Mapping[str, str]) -> list[str]:
    """Returns the words of `$VISUAL`, else of `$EDITOR`; none where neither is set."""
    for name in ("VISUAL", "EDITOR"):
        said = environment.get(name, "").strip()
        try:
            if words := shlex.split(said, posix=os.name != "nt"):
                return [word.strip('"') for word in words] if os.name == "nt" else words
        except ValueError as error:
            raise OpeningError(f"${name} is {said!r}, which is no command: {error}.") from error
    return []


def _form(said: str, program: str) -> tuple[str, ...]:
    """Returns the arguments by which an editor is told a line, by its name or that of its file."""
    for path in (said, os.path.realpath(program)):
        name = re.split(r"[\\/]", path)[-1].lower()
        for form, editors in _AT_LINE.items():
            # vim.basic, nvim.appimage, notepad++.exe
            if {name, name.partition(".")[0]} & set(editors.split()):
                return form
    return ("{file}",)


def _viewer(which: Which) -> tuple[str, tuple[str, ...]] | None:
    for form, viewers in _AT_PAGE.items():
        for name in viewers.split():
            if program := which(name):
                return program, form
    return None


def _filled(
    form: tuple[str, ...], file: str, line: int | None = None, page: int | None = None
) -> list[str]:
    known = {"file": file, "line": str(line), "page": str(page)}
    return [re.sub(r"\{(\w+)\}", lambda found: known[found[1]], part) for part in form]
