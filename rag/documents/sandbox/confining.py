"""The kernel of Linux takes from this process what loaders have no use for, native code included.

Two filters of its own that hold until the process ends, each where the kernel has it: seccomp
refuses calls that reach beyond the process, on x86-64 and AArch64 in 64 bits; Landlock, since 5.13,
lets files be read only below the folders named. Elsewhere nothing happens. A refused call fails
with EPERM, or ENOSYS where the C library then takes an older one that can be looked into.

Numbers and layouts are those of Linux' `asm/unistd_64.h`, `asm-generic/unistd.h`, `linux/audit.h`,
`linux/bpf_common.h`, `linux/seccomp.h`, `linux/prctl.h`, `linux/sched.h` and `linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Which column of the tables below, and how the kernel names the machine (AUDIT_ARCH)."""

_REFUSED = """
socket 41 198, socketpair 53 199, connect 42 203, bind 49 200, listen 50 201, accept 43 202,
accept4 288 242, shmget 29 194, shmat 30 196, shmctl 31 195, msgget 68 186, msgsnd 69 189,
msgrcv 70 188, msgctl 71 187, semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192,
mq_open 240 180, mq_unlink 241 181, execve 59 221, execveat 322 281, fork 57 -, vfork 58 -,
setsid 112 157, setpgid 109 154, tkill 200 130, rt_sigqueueinfo 129 138,
rt_tgsigqueueinfo 297 240, pidfd_send_signal 424 424, pidfd_open 434 434, pidfd_getfd 438 438,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440,
process_mrelease 448 448, setpriority 141 140, creat 85 -, truncate 76 45, mkdir 83 -,
mkdirat 258 34, rmdir 84 -, mknod 133 -, mknodat 259 33, unlink 87 -, unlinkat 263 35, rename 82 -,
renameat 264 38, renameat2 316 276, link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36,
chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -,
fchownat 260 54, utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, setxattr 188 5,
lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, unshare 272 97, setns 308 268,
open_tree 428 428, move_mount 429 429, fsopen 430 430, fsconfig 431 431, fsmount 432 432,
fspick 433 433, mount_setattr 442 442, open_by_handle_at 304 265, swapon 167 224, swapoff 168 225,
quotactl 179 60, quotactl_fd 443 443, acct 163 89, io_uring_setup 425 425, io_uring_enter 426 426,
io_uring_register 427 427, bpf 321 280, perf_event_open 298 241, userfaultfd 323 282,
add_key 248 217, request_key 249 218, keyctl 250 219, init_module 175 105, finit_module 313 273,
delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294, reboot 169 142, syslog 103 116,
iopl 172 -, ioperm 173 -, settimeofday 164 170, clock_settime 227 112, adjtimex 159 171,
clock_adjtime 305 266, sethostname 170 161, setdomainname 171 162
"""

_UNKNOWN = """
openat2 437 437, clone3 435 435
"""
"""What keeps its flags where a filter cannot look; the C library does without."""

_NEWEST = 453
"""What came later (map_shadow_stack of Linux 6.6) is not known here, and is not there."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD = 0x10000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_F_SETOWN, _F_SETOWN_EX, _TIOCSTI = 8, 15, 0x5412

_LOAD, _IF_EQUAL, _IF_ANY, _IF_GREATER, _RETURN = 0x20, 0x15, 0x45, 0x25, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_MODE_FILTER = 2

_LANDLOCK_FILES = {1: 13, 2: 14, 3: 15, 5: 16}
"""Since which version how many kinds of access there are."""

_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3


def confine(readable: Iterable[str]) -> None:
    """Takes the rights away, as far as this kernel can.

    Args:
        readable: files and folders that may still be read, with what is below them.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        return
    _read_only(libc, readable)
    machine = os.uname().machine
    if machine in _MACHINES and sys.maxsize > 2**32:
        program = [struct.pack("=HBBI", *step) for step in _filter(*_MACHINES[machine])]
        code = ctypes.create_string_buffer(b"".join(program))
        head = struct.pack("@HP", len(program), ctypes.addressof(code))  # struct sock_fprog
        libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), head)


def _filter(column: int, machine: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields what decides on a call: operation, steps over if so, steps over if not, constant."""
    number, architecture, first_argument = 0, 4, 16  # offsets in struct seccomp_data
    refuse, unknown = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    yield _LOAD, 0, 0, architecture
    yield _IF_EQUAL, 1, 0, machine
    yield _RETURN, 0, 0, refuse
    yield _LOAD, 0, 0, number
    yield _IF_GREATER, 0, 1, _NEWEST
    yield _RETURN, 0, 0, unknown
    for table, error in ((_REFUSED, refuse), (_UNKNOWN, unknown)):
        for call in _numbers(table, column):
            yield _IF_EQUAL, 0, 1, call
            yield _RETURN, 0, 0, error
    me = os.getpid()
    for calls, place, test, constant, when in (
        ("open 2 -", 1, _IF_ANY, _WRITING, True),
        ("openat 257 56", 2, _IF_ANY, _WRITING, True),
        ("clone 56 220", 0, _IF_ANY, _CLONE_THREAD, False),
        ("kill 62 129, tgkill 234 131", 0, _IF_EQUAL, me, False),
        ("prlimit64 302 261", 0, _IF_EQUAL, 0, False),
        ("prctl 157 167", 0, _IF_EQUAL, _PR_SET_PDEATHSIG, True),
        ("fcntl 72 25", 1, _IF_EQUAL, _F_SETOWN, True),
        ("fcntl 72 25", 1, _IF_EQUAL, _F_SETOWN_EX, True),
        ("ioctl 16 29", 1, _IF_EQUAL, _TIOCSTI, True),
    ):
        for call in _numbers(calls, column):
            yield _IF_EQUAL, 0, 4, call
            yield _LOAD, 0, 0, first_argument + 8 * place  # its lower half: both are little-endian
            yield test, not when, when, constant
            yield _RETURN, 0, 0, refuse
            yield _LOAD, 0, 0, number
    yield _RETURN, 0, 0, _ALLOW


def _numbers(table: str, column: int) -> Iterator[int]:
    for row in table.split(","):
        number = row.split()[1 + column]
        if number != "-":
            yield int(number)


def _read_only(libc: ctypes.CDLL, readable: Iterable[str]) -> None:
    """Has Landlock refuse all access to files but reading these, and TCP and signals to others."""
    create, add, restrict = 444, 445, 446

    def call(*arguments: int | bytes | None) -> int:
        said = (ctypes.c_long(one) if isinstance(one, int) else one for one in arguments)
        return int(libc.syscall(*said))

    version = call(create, None, 0, 1)
    if version < 1:
        return
    files = (1 << max(n for since, n in _LANDLOCK_FILES.items() if since <= version)) - 1
    tcp, scoped = 0b11 * (version >= 4), 0b11 * (version >= 6)
    handled = struct.pack("=QQQ", files, tcp, scoped)  # struct landlock_ruleset_attr
    rules = call(create, handled, len(handled), 0)
    if rules < 0:
        return
    for path in readable:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not everything that might be there is
            continue
        access = _READ_FILE | (_READ_FOLDER if os.path.isdir(path) else 0)
        call(add, rules, 1, struct.pack("=Qi", access, place), 0)
        os.close(place)
    call(restrict, rules, 0)
    os.close(rules)
