"""Loaders that do what hostile files could make one do, each named by what is in the file."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rag.documents.sandbox.frames import write_frame
from rag.types import Block, BlockKind, Document, Place, PlaceKind, Places, Span


def said(path: str, text: str) -> Document:
    return Document(path, "Title", text, (Block(BlockKind.PARAGRAPH, Span(0, len(text))),))


def sleep() -> str:
    time.sleep(600)
    return ""


def spin() -> str:
    while True:
        pass


def allocate() -> str:
    held = []
    while True:
        held.append(bytearray(10_000_000))


def leave() -> str:
    os._exit(0)


def fault() -> str:
    ctypes.string_at(0)
    return ""


def abort() -> str:
    os.abort()


def recurse() -> str:
    return recurse()


def shout() -> str:
    print("noise")
    sys.stdout.flush()
    os.write(1, b"\0" * 1000)
    os.write(2, b"noise")
    return f"read {os.read(0, 10)!r}"


def talk() -> str:
    return "words " * 1_000


def halve() -> str:
    return "half of a pair: \ud800"


def connect() -> str:
    socket.create_connection(("127.0.0.1", 9))
    return ""


def resolve() -> str:
    return socket.gethostbyname("localhost")


def run() -> str:
    subprocess.run([sys.executable, "-c", ""], check=True)
    return ""


def fork() -> str:
    os.fork()
    return ""


def write() -> str:
    Path(os.environ.get("TMPDIR", "/tmp"), "notesqa-hostile").write_text(
        "written", encoding="utf-8"
    )
    return ""


def write_low() -> str:
    os.open("/tmp/notesqa-hostile", os.O_WRONLY | os.O_CREAT)
    return ""


def delete() -> str:
    Path("/tmp/notesqa-hostile").unlink()
    return ""


def write_in_c() -> str:
    libc = ctypes.CDLL(None)
    file = libc.open(b"/tmp/notesqa-hostile-c", os.O_WRONLY | os.O_CREAT, 0o600)
    return f"{libc.write(file, b'words', 5)} bytes written"


def act_in_c() -> str:
    """Tells what became of calls that Python does not see."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, to = b"/tmp/notesqa-hostile-victim", b"/tmp/notesqa-hostile-moved"
    said = []
    for name, *arguments in (
        ("socket", 2, 1, 0),
        ("socket", 1, 1, 0),
        ("open", here, os.O_WRONLY | os.O_TRUNC),
        ("open", here, os.O_RDONLY | os.O_TRUNC),
        ("openat", -100, here, os.O_RDWR),
        ("truncate", here, 0),
        ("unlink", here),
        ("rename", here, to),
        ("link", here, to),
        ("symlink", here, to),
        ("chmod", here, 0o777),
        ("kill", os.getppid(), 0),
        ("kill", -1, 0),
        ("setsid",),
        ("prctl", 1, 0),
        ("execv", b"/bin/true", None),
        ("ptrace", 16, os.getppid(), 0, 0),
        ("fork",),
    ):
        ctypes.set_errno(0)
        if getattr(libc, name)(*arguments) == 0 and name == "fork":
            time.sleep(600)
        said.append(f"{name} {errno.errorcode.get(ctypes.get_errno(), 'worked')}")
    return "\n".join(said)


def read_elsewhere() -> str:
    return Path("/etc/passwd").read_text(encoding="utf-8")


def thread() -> str:
    done: list[str] = []
    threads = [threading.Thread(target=done.append, args=("done",)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return " ".join(done)


def environment() -> str:
    return " ".join(["names:", *sorted(os.environ)])


def where() -> str:
    return f"{'' in sys.path or os.getcwd() in sys.path}"


def forge() -> str:
    """Answers in the worker's place, through the pipe that it writes to."""
    frames = io.BytesIO()
    write_frame(frames, b'{"spent": false, "title": 1}')
    write_frame(frames, b"forged")
    write_everywhere(frames.getvalue())
    return ""


def answer_ahead() -> str:
    """Answers once more than it was asked."""
    head = b'{"spent":false,"title":"T","blocks":[],"places":["line",[]],"remarks":[]}'
    frames = io.BytesIO()
    write_frame(frames, head)
    write_frame(frames, b"another file's text")

    def later() -> None:
        time.sleep(0.3)
        write_everywhere(frames.getvalue())

    threading.Thread(target=later, daemon=True).start()
    return "first"


def write_everywhere(data: bytes) -> None:
    for descriptor in range(3, 1_000):
        with contextlib.suppress(OSError):
            os.write(descriptor, data)


def exit_() -> str:
    sys.exit("enough")


def close_pipes() -> str:
    os.closerange(3, 1_000)
    time.sleep(600)
    return ""


def close_and_leave() -> str:
    os.closerange(3, 1_000)
    time.sleep(0.3)
    os._exit(5)


LOADERS: dict[bytes, Callable[[], str]] = {
    name.encode(): function for name, function in list(globals().items()) if callable(function)
}


def parse(path: str, data: bytes) -> Document:
    if data == b"outside":
        return Document(path, "T", "text", (Block(BlockKind.PARAGRAPH, Span(0, 9)),))
    if data == b"overlapping":
        block = Block(BlockKind.PARAGRAPH, Span(0, 4))
        return Document(path, "T", "text", (block, block))
    if data == b"part outside":
        block = Block(BlockKind.LIST, Span(1, 3), parts=(Span(0, 3),))
        return Document(path, "T", "text", (block,))
    if data == b"placeless":
        return Document(path, "T", "text", (), Places(PlaceKind.PAGE, (Place(2, "1"),)))
    return said(path, LOADERS[data]() if data in LOADERS else data.decode())
