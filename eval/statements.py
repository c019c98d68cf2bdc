"""A statement of what one should know becomes the subject that the notes are asked for.

Input: the words of an objective; output: its subject. How an outcome is said is English
("Students can explain …"); other words stay as they are.

Of the headings of the shipped notes and of other notes, said in ten such ways, what the notes hold
was told from what they need not hold, by every second of them (n = 73 and 100) and the confidence
of coverage, with an AUROC of .846 as they stood, .899 by their subject, .865 by both; .902 by the
bare headings. By all (n = 146 and 200) and the confidence of answers it was .833, .895, .883 and
.894, and .892 by "What is …?"; with 213 questions turned into statements .895, .910, .904, and
.909 by a question. So the subject alone is asked for.
"""

from __future__ import annotations

import re


def is_question(text: str) -> bool:
    """Returns whether an objective asks."""
    return text.rstrip().endswith("?") or bool(_ASKING.match(text))


def is_statement(text: str) -> bool:
    """Returns whether an objective says what one should be able to do."""
    return subject_of(text) != text


def is_lead_in(text: str) -> bool:
    """Returns whether words only introduce the objectives below them."""
    return text.rstrip().endswith(":") and bool(_LEARNER.match(text))


def subject_of(text: str) -> str:
    """Returns what is to be known, without who should know it and what to do with it.

    It is `text` itself where it begins with nothing of that kind, or says nothing else.
    """
    said = _after(_LEARNER, text.strip())
    done = _after(_DOING, said)
    if done != said:
        done = _TAIL.sub("", _MANNER.sub("", _TAIL.sub("", _after(_FILLER, done))))
    return text if done == text.strip() else done or text


def _after(pattern: re.Pattern[str], text: str) -> str:
    begun = pattern.match(text)
    return text[begun.end() :] if begun else text


_ONE_DOES = r"""
    analy[sz]e apply appraise appreciate articulate assess calculate categori[sz]e characteri[sz]e
    cite clarify classify compare comprehend compute construct contrast critici[sz]e critique deduce
    define demonstrate derive describe determine develop differentiate discuss distinguish elaborate
    enumerate evaluate examine explain explore formulate grasp identify illustrate implement infer
    interpret investigate justify know memori[sz]e motivate prove recall recogni[sz]e recite
    reproduce restate solve specify summari[sz]e understand utili[sz]e verify
"""
"""What one does with what one knows, in words that name hardly anything else."""

_ONE_MAY_DO = """
    argue build choose comment~on compose create debate decide design estimate express get~to~know
    give judge list measure model name outline plan predict present relate remember report select
    show sketch state study suggest tell test train trace use work~with write
"""
"""The same in words that also begin names ("list comprehension"): one like "the" must follow."""


def _forms(verb: str) -> str:
    """Returns a pattern of a verb as it is told to do, as it is said of one, and as it is named."""
    first, *more = verb.split("~")
    if first.endswith("y"):
        first = rf"{first[:-1]}(?:y|ies|ying)"
    elif first.endswith("e"):
        first = rf"{first[:-1]}(?:e|es|ing)"
    else:
        first = rf"{first}(?:s|es|ing)?"
    return r"\s+".join([first, *more])


_SURE = "|".join([*map(_forms, _ONE_DOES.split()), "learns?"])  # "learning" begins names
_MAYBE = "|".join(map(_forms, _ONE_MAY_DO.split()))
_NEXT = (
    r"(?=\s+(?:the|an?|how|why|what|when|where|which|who|whether|that|between|and|or|at|some|any"
    r"|its|their|your|different|common|several|appropriate|suitable|main|major|key|basic|simple"
    r"|two|three|four|five)\b)"
)
_VERB = rf"(?:(?:briefly|clearly|correctly|critically)\s+)?(?:{_SURE}|(?:{_MAYBE}){_NEXT})"
_DOING = re.compile(
    rf"(?:to\s+)?(?:be\s+able\s+to\s+)?{_VERB}"
    rf"(?:(?:\s*,|\s*/|\s+and|\s+or|\s*,\s*and)\s*{_VERB})*(?=[\s:]|$)",
    re.IGNORECASE,
)
_WHO = (
    r"(?:you|i|we|they|(?:(?:the|an?|each|every|all|our)\s+)?"
    r"(?:students?|learners?|participants?|attendees?|graduates?|pupils?|candidates?))"
)
_LEARNER = re.compile(
    rf"(?:(?:by|at|after|upon|on|in)\s[^,:]{{2,80}}[,:]\s*)?{_WHO}\s+(?:also\s+)?"
    r"(?:(?:will|should|shall|can|could|must|may|ought\s+to|(?:are|is)\s+(?:expected|able)\s+to"
    r"|needs?\s+to)\s+)?"
    r"(?:be\s+able\s+to\s*:?\s*|have\s+(?:learned|understood)\s+(?:to\s+)?)?",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"\s*:?\s*(?:an?\s+(?:understanding|overview)\s+of\s+)?"
    r"(?:(?:in\s+(?:your|their|one's)\s+own\s+words|about|of|on)\s*,?\s+)?"
    r"(?:(?:the|a)\s+(?:basic\s+)?(?:concepts?|ideas?|notions?|terms?|meaning|basics|fundamentals"
    r"|principles?|importance)\s+(?:of|behind)\s+|(?:the\s+)?terms?\s+(?=[\"“'])"
    r"|what\s+is\s+meant\s+by\s+)?",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"(?<=\s)(?:in\s+(?:your|their|one's)\s+own\s+words|briefly|clearly|critically|correctly"
    r"|with\s+(?:an\s+)?examples?)\Z",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?<![\s.:;,])[\s.:;,]+\Z")
"""Begun nowhere in a run of such signs but at its start, it is linear."""

_ASKING = re.compile(r"(?:how|why|when|where|what|which|who|whose)\b", re.IGNORECASE)
