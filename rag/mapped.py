"""Arrays and strings in plain files, mapped into memory: opening them reads nothing.

An array is its numbers in the machine's order, a list of strings their UTF-8 and, in a second file,
where each begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mapped(file: Path, dtype: str, width: int = 0) -> NDArray[Any]:
    """Returns the array in a file, read-only; a matrix where `width` gives its columns.

    Raises:
        OSError, ValueError: there is no such file, or it is not made of such rows.
    """
    import numpy as np

    if file.stat().st_size:
        values = np.asarray(np.memmap(file, dtype=dtype, mode="r"))
    else:
        values = np.empty(0, dtype=dtype)
    return values.reshape(-1, width) if width else values


class Strings:
    """Strings by number, as `StringsWriter` wrote them."""

    def __init__(self, folder: Path, name: str) -> None:
        """Opens the strings of that name.

        Raises:
            OSError, ValueError: as for `mapped`.
        """
        self._bytes = mapped(folder / name, "u1")
        self._starts = mapped(folder / _starts(name), "i8")

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> str:
        start, end = self._starts[number : number + 2].tolist()
        return self._bytes[start:end].tobytes().decode("utf-8")


class ArrayWriter:
    """Writes numbers, a few at a time; a context manager."""

    def __init__(self, file: Path, dtype: str) -> None:
        """Args: `dtype` is one of numpy's."""
        self._file, self._dtype = file.open("wb"), dtype

    def add(self, values: Sequence[int]) -> None:
        """Writes some numbers more."""
        import numpy as np

        self._file.write(np.array(values, dtype=self._dtype).tobytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class StringsWriter:
    """Writes strings one by one; a context manager."""

    def __init__(self, folder: Path, name: str) -> None:
        """Makes the two files of that name in `folder`."""
        self._bytes = (folder / name).open("wb")
        self._starts = ArrayWriter(folder / _starts(name), "i8")
        self._size = self._end = 0
        self._starts.add([0])

    def add(self, text: str) -> int:
        """Writes one string more, and returns its number."""
        self._end += self._bytes.write(text.encode("utf-8"))
        self._starts.add([self._end])
        self._size += 1
        return self._size - 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()
        self._starts.__exit__()


def _starts(name: str) -> str:
    return f"{name}_starts"
