"""A conversation in a terminal, or line by line from a pipe: `notesqa chat`.

Input: lines, each a question or a command that begins with `/`; output: answers as `notesqa ask`
prints them, or as JSON. The lines typed are kept for the arrow keys until the end, and in no file;
the questions are kept as those of `notesqa ask` are.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TextIO

import typer

from rag import Answer, Library, NotesQAError, QuestionLog, Turn, Verdict, turn_of
from ui.common import print_json
from ui.console import SHOWN, print_answer, print_target, say, waiting
from ui.markdown import answer_markdown, conversation_markdown, exchange_markdown
from ui.render import visible

PROMPT = "? "

LEAVE_SECONDS = 1.0
"""How long a model that still loads is waited for at the end."""

HELP = (
    "A line is a question, which may lean on the one before. Commands:",
    "  /open N         open the place of citation N, or of the N-th nearest passage",
    "  /alone          ask the last question again, without what it leant on",
    "  /1, /2 …        ask what was suggested under that number",
    "  /in FOLDER      ask this folder or note only; /in alone asks all again",
    "  /good [WHY]     say that the last answer helped; /bad [WHY] that it did not",
    "  /save FILE      write the conversation as Markdown, or to a .json file as JSON",
    "  /new            begin a new conversation",
    "  /quit           leave, as Ctrl+D and Ctrl+C do",
)


class ChatError(NotesQAError):
    """A command of a conversation cannot be done."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer, and the id under which its question is kept; None where it is not.

    Attributes:
        within: the folder, or note, that was asked; empty for all.
    """

    answer: Answer
    id: str | None
    within: str = ""

    @property
    def markdown(self) -> str:
        """Returns the question and its answer as Markdown."""
        said = answer_markdown(self.answer, self.within)
        return exchange_markdown(self.answer.question, said, self.within)


class Conversation:
    """What was asked and answered so far, and what a line does to it."""

    def __init__(
        self,
        library: Library,
        log: QuestionLog,
        within: str = "",
        *,
        interactive: bool = True,
        as_json: bool = False,
    ) -> None:
        """Begins without a question.

        Args:
            within: the folder, or note, that is asked; empty for all.
            interactive: whether a person types; else places are printed rather than opened.
        """
        self.library = library
        self.log = log
        self.within = within
        self.exchanges: list[Exchange] = []
        self._interactive = interactive
        self._as_json = as_json
        self._turn: Turn | None = None
        self._saved: set[Path] = set()
        self._commands = {
            "open": self._open,
            "alone": self._alone,
            "in": self._filter,
            "good": self._good,
            "bad": self._bad,
            "save": self._save,
            "new": self._new,
            "help": self._help,
        }

    def take(self, line: str) -> bool:
        """Does what a line asks for, prints what there is to say; returns whether to go on."""
        said = line.strip()
        if said in ("/quit", "/exit", "/q"):
            return False
        try:
            if said.startswith("/"):
                self._obey(*said[1:].split(maxsplit=1) or [""])
            elif said:
                self._ask(said, self._turn)
        except NotesQAError as error:
            problem = visible(" ".join(str(error).split()))
            if self._as_json and not said.startswith("/"):
                print_json({"question": said, "error": problem})
            else:
                typer.echo(problem, err=True)
        return True

    def _obey(self, name: str, rest: str = "") -> None:
        if name.isdecimal():
            self._suggested(int(name))
        elif name in self._commands:
            self._commands[name](rest.strip())
        else:
            raise ChatError(f"There is no command /{name}: /help lists those that there are.")

    def _ask(self, question: str, after: Turn | None) -> None:
        with waiting("Searching the notes"):
            answer = self.library.ask(question, after, within=self.within)
        if not self.exchanges and (problem := self.library.fit_problem):
            typer.echo(problem, err=True)
        self.exchanges.append(Exchange(answer, self.log.record(answer, "cli"), self.within))
        self._turn = turn_of(answer)
        if self._as_json:
            print_json(answer.to_dict())
        else:
            print_answer(answer, numbered=True, within=self.within)

    @property
    def _last(self) -> Exchange:
        if not self.exchanges:
            raise ChatError("Nothing was asked yet: type a question first.")
        return self.exchanges[-1]

    def _alone(self, _: str) -> None:
        self._ask(self._last.answer.question, None)

    def _suggested(self, number: int) -> None:
        offered = self._last.answer.suggestions
        if not 1 <= number <= len(offered):
            has = f"suggests {len(offered)} questions" if offered else "suggests nothing"
            raise ChatError(f"There is no suggestion {number}: the last answer {has}.")
        self._ask(offered[number - 1], None)

    def _open(self, said: str) -> None:
        from ui.editors import command_for, start
        from ui.opening import refer_to, target_of

        answer = self._last.answer
        places = answer.citations or answer.passages[:SHOWN]
        if not said.isdecimal() or not 1 <= int(said) <= len(places):
            raise ChatError(f"There are {len(places)} places here: name one, as in /open 1.")
        target = target_of(refer_to(places[int(said) - 1]), self.library)
        if target.problem:
            typer.echo(target.problem, err=True)
        if self._interactive:
            start(command_for(target))
        elif self._as_json:
            print_json(target.to_dict())
        else:
            print_target(target, self.library.source(target.document))

    def _filter(self, folder: str) -> None:
        if folder:
            self.library.search(folder, 1, within=folder)  # says whether a note lies there
        self.within = folder
        self._tell(f"Asking {folder} only." if folder else "Asking all notes.")

    def _good(self, reason: str) -> None:
        self._judge(Verdict.UP, reason)

    def _bad(self, reason: str) -> None:
        self._judge(Verdict.DOWN, reason)

    def _judge(self, verdict: Verdict, reason: str) -> None:
        known = self._last.id
        if known is None:
            raise ChatError("Questions are not kept here (log_questions), so nothing is noted.")
        if not self.log.judge(known, verdict, reason):
            raise ChatError("The question is kept no more, so nothing is noted.")
        self._tell("Noted with the question.")

    def _save(self, said: str) -> None:
        if not said:
            raise ChatError("Name a file, as in /save conversation.md or /save conversation.json.")
        kept = [*self.exchanges[:-1], self._last]
        file = Path(said).expanduser()
        if file.suffix.lower() == ".json":
            text = json.dumps([one.answer.to_record() for one in kept], ensure_ascii=False)
        else:
            text = conversation_markdown([one.markdown for one in kept], date.today())
        # What is there is only written over where it is an earlier part of this conversation.
        mode = "w" if file.absolute() in self._saved else "x"
        try:
            with open(file, mode, encoding="utf-8") as opened:
                opened.write(text if text.endswith("\n") else f"{text}\n")
        except FileExistsError as error:
            raise ChatError(f"{file} is there already: name another file.") from error
        except OSError as error:
            raise ChatError(f"{file} cannot be written: {error.strerror or error}.") from error
        self._saved.add(file.absolute())
        count = len(kept)
        self._tell(f"{count} {'question' if count == 1 else 'questions'}: {file}")

    def _new(self, _: str) -> None:
        self.exchanges.clear()
        self._saved.clear()
        self._turn = None
        self._tell("A new conversation.")

    def _help(self, _: str) -> None:
        self._tell("\n".join(HELP))

    def _tell(self, said: str) -> None:
        """Says what is no answer: beside JSON, on stderr."""
        if self._as_json:
            typer.echo(visible(said), err=True)
        else:
            say(visible(said))


def converse(library: Library, source: TextIO, within: str = "", *, as_json: bool = False) -> None:
    """Takes lines to their end, or to /quit; the model loads while the first one is typed.

    Raises:
        LibraryError: there is no library, or it is damaged.
    """
    notes = library.summary()["indexed"]
    interactive = source.isatty()
    log = QuestionLog.of(library.settings)
    conversation = Conversation(library, log, within, interactive=interactive, as_json=as_json)
    with _loading(library, hurried=interactive), closing(log):
        if interactive:
            hint = "/help lists the commands, Ctrl+D ends"
            typer.echo(f"{notes:,} notes. Ask in your own words; {hint}.", err=True)
        for line in _typed(conversation, as_json) if interactive else _piped(source, as_json):
            if not conversation.take(line):
                break


def _typed(conversation: Conversation, as_json: bool) -> Iterator[str]:
    """Yields the lines that a person types, with the keys that a terminal's users know."""
    with suppress(ImportError):  # Windows has none
        import readline

        readline.set_auto_history(True)
    while True:
        prompt = f"{visible(conversation.within)} {PROMPT}".lstrip()
        try:
            if as_json:
                typer.echo(prompt, nl=False, err=True)
            yield input("" if as_json else prompt)
        except (EOFError, KeyboardInterrupt):
            typer.echo(err=as_json)
            return


def _piped(source: TextIO, as_json: bool) -> Iterator[str]:
    """Yields the lines of a pipe; what is asked is printed above its answer."""
    for line in source:
        if line.strip() and not as_json:
            say(f"{PROMPT}{visible(line.strip())}")
        yield line
        if line.strip() and not as_json:
            say("")


@contextmanager
def _loading(library: Library, *, hurried: bool) -> Iterator[None]:
    """Loads meanwhile what a question needs; what fails is said when one is asked.

    Args:
        hurried: whether somebody waits for the end. Where the model does not get ready in time,
            the process ends here, with status 0: Python aborts where a thread is left in native
            code.
    """

    def load() -> None:
        with suppress(NotesQAError):
            library.search("?")

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(LEAVE_SECONDS if hurried else None)
        if thread.is_alive():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
