"""A question gets typing mistakes: one random edit in every third word, the same for every run.

A word is a run of letters; those of one or two letters are not counted, since an edit leaves
nothing of them. The third word counted, the sixth, and so on get one edit each: a letter is
inserted, deleted, replaced, or changes place with its neighbour. Where nothing would change
(`ll` with its letters exchanged), another edit is drawn.
"""

from __future__ import annotations

import random
import re
import string

_WORD = re.compile(r"[^\W\d_]{3,}")
_EVERY = 3


def with_typos(text: str, seed: int, name: str) -> str:
    """Returns the text with one edit in every third word of three letters or more.

    Args:
        seed, name: with the same ones, the name a question's id, the mistakes are the same.
    """
    # A string seeds the generator by its SHA-512, in every process alike.
    chance = random.Random(f"{seed} {name}")
    words = list(_WORD.finditer(text))[_EVERY - 1 :: _EVERY]
    parts, end = [], 0
    for word in words:
        parts += [text[end : word.start()], _edited(word[0], chance)]
        end = word.end()
    return "".join([*parts, text[end:]])


def _edited(word: str, chance: random.Random) -> str:
    """Returns another word, one edit away."""
    while True:
        at = chance.randrange(len(word))
        letter = chance.choice(string.ascii_lowercase)
        edited = chance.choice(
            (
                word[:at] + letter + word[at:],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            )
        )
        if edited != word:
            return edited
