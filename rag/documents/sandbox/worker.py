"""The process in which loaders run: bytes come in, documents and pictures of pages go out.

It is started by `loading.py`, which limits its time and checks what it says. Before the first file
it gives up what a loader has no use for. What holds where:

- Everywhere, an audit hook refuses Python code sockets, other processes, and writing files. It
  does not see what native code does, such as PDFium or libxml2 once taken over.
- On POSIX, the kernel lets no file grow, no core be dumped and, but for root, no process start; on
  Linux memory has its limit, and the process ends when its parent does.
- On Linux on x86-64 and AArch64, seccomp refuses all code sockets, processes, signals to others,
  and opening to write, deleting or renaming files; with Landlock (since 5.13, where it is on) only
  Python's folders and the system's libraries can be read. `confining.py` has the list.

Elsewhere native code that was taken over can do what its user may.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
from typing import Any, BinaryIO

from rag.documents.formats import load
from rag.documents.sandbox.confining import confine
from rag.documents.sandbox.frames import head_of, pack, read_frame, sheet_of, write_frame
from rag.errors import DocumentError
from rag.types import Document

OUT_OF_MEMORY = 77
"""The exit status that says so; whatever is still held goes with the process."""

_FAR = 128
"""macOS lets a process have 256 descriptors unless told otherwise."""

_READABLE = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/null"),
)
"""What native libraries load, and what C libraries read, on Linux."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_REFUSED = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    *("os.startfile", "os.kill", "os.putenv", "os.remove", "os.rename", "os.rmdir", "os.mkdir"),
    *("os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr"),
    *("os.chdir", "pty.", "shutil.", "tempfile.", "sqlite3.", "winreg.", "webbrowser."),
)
"""Beginnings of the names of events (PEP 578) that no loader has a use for."""


def main(parent: int, memory_mb: int) -> None:
    """Answers requests until there are no more; the entry point of the process.

    Args:
        parent: the id of the process that started this one.
    """
    requests, replies = _pipes()
    _end_with(parent)
    _limit("RLIMIT_AS", memory_mb * 1_000_000)
    for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC"):
        _limit(name, 0)
    memory = _Memory()
    confine([*sys.path, os.path.join(sys.base_prefix, "lib"), *_READABLE])
    sys.addaudithook(_refuse)
    base = memory.used()
    write_frame(replies, b"ready")
    replies.flush()
    with contextlib.suppress(EOFError):
        while True:
            asked = json.loads(read_frame(requests, sys.maxsize))
            data = read_frame(requests, sys.maxsize)
            _limit("RLIMIT_CPU", _cpu_seconds() + asked["seconds"] + 1, soft=True)
            try:
                head, text = _answer(asked, data)
            except MemoryError:
                os._exit(OUT_OF_MEMORY)
            del data
            head["number"] = asked["number"]
            head["spent"] = memory.used() - base > memory_mb * 1_000_000 / 4
            write_frame(replies, pack(head))
            write_frame(replies, text)
            replies.flush()


def _answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Returns head and body of a document or a page, or what kept it from being read."""
    try:
        if asked["page"] is not None:
            from rag.documents.pdf.drawing import draw

            return sheet_of(draw(data, asked["page"]))
        document: Document = load(asked["path"], data, asked["loader"])
        if len(document.text) > asked["chars"]:
            raise DocumentError(
                "too large",
                f"holds {len(document.text) / 1e6:.1f} million characters, the limit is "
                f"{asked['chars'] / 1e6:g}: split it",
            )
        head, text = head_of(document), document.text.encode()
        pack(head)  # what cannot be said is found here, where it can be told
        return head, text
    except DocumentError as error:
        return {"refused": [error.reason, " ".join(str(error).split())]}, b""
    except MemoryError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # a loader is fed by strangers: whatever it raises costs one file
        return {"failed": type(error).__name__}, b""


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Returns the ends of the pipes, kept from whatever prints or reads in this process."""
    requests, replies = _far(0), _far(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _far(stream: int) -> int:
    """Returns a copy of a descriptor that nothing inherits, and none hits upon by counting up."""
    try:
        import fcntl
    except ImportError:
        return os.dup(stream)
    return fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, _FAR + secrets.randbelow(_FAR // 2))


def _end_with(parent: int) -> None:
    """Lets Ctrl+C be the parent's, and on Linux has the kernel end this process with it.

    Elsewhere it ends when it next reads, or when its time is up.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before that
            os._exit(0)


def _limit(name: str, value: float, *, soft: bool = False) -> None:
    """Sets a limit where the platform has it."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        limit = getattr(resource, name)
        _, hard = resource.getrlimit(limit)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(limit, (int(value), hard if soft else int(value)))


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system


class _Memory:
    """How much of it is in use; what tells is opened while that is possible."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self._file = open("/proc/self/statm", "rb", buffering=0)  # noqa: SIM115

    def used(self) -> int:
        """Returns the bytes of address space, 0 where the platform does not tell."""
        if not self._file:
            return 0
        self._file.seek(0)
        return int(self._file.read(200).split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises PermissionError for what no loader has a use for (an audit hook, PEP 578)."""
    if event == "open":
        _, mode, flags = arguments
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & _WRITING:
            raise PermissionError("loaders write no files")
    elif event.startswith(_REFUSED):
        raise PermissionError(f"loaders have no use for {event}")
