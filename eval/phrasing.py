"""Statements become questions that they answer: what leads into a list, and what gives a reason.

Input: words of a note without markup; output: a question, or nothing where it would be no sentence.
It knows English by the shapes of sentences alone, so most statements make no question.
"""

from __future__ import annotations

import re

from rag import terms

LONGEST = 160
"""Characters of a question; a longer one is a paragraph with a question mark."""

MOST_SUBJECT = 7
"""A subject of more words holds a verb as likely as not."""

FEW_TERMS = 5
"""A question of so few terms may ask about anything: it is told what its note is about."""

Ordinary = frozenset[str]
"""The terms of words that lose their capital inside a sentence."""


def asked_of_lead_in(said: str, topic: str, ordinary: Ordinary) -> str:
    """Returns the question that a list answers; empty where what leads into it makes none.

    Args:
        topic: what it is about, as inside a sentence; named where the question does not say it.
    """
    said = re.sub(r"\s*\([^()]*\)", "", _OPENER.sub("", said.strip())).rstrip(" :,.")
    if _LEANING.search(said.removeprefix("Here are")):
        return ""
    for pattern, form in _LEAD_INS:
        found = pattern.fullmatch(said)
        if not found:
            continue
        parts = {name: part or "" for name, part in found.groupdict().items()}
        if "subject" in parts and not _is_subject(parts["subject"]):
            return ""
        question = _question(form, parts, ordinary)
        says = parts.get("subject", "") or parts.get("listed", "")
        if len(terms(says)) > 1 or form.startswith("How"):
            return question
        if not set(terms(topic)).isdisjoint(terms(question)):
            return question
        return regarding(topic, question) if topic and question else ""
    return ""


def regarding(topic: str, question: str) -> str:
    """Returns a question that says what it is about, since its own words do not."""
    return f"Regarding {topic}, {question[0].lower()}{question[1:]}"


def in_context(question: str, topic: str) -> str:
    """Returns a question, with what it is about where its few words do not name that."""
    few = len(set(terms(question))) <= FEW_TERMS
    named = {_singular(words.split()[-1]) for words in _NOUN_ENDS.split(topic) if words.strip()}
    said = {_singular(word) for word in re.findall(r"\w+", question)}
    return regarding(topic, question) if topic and few and named.isdisjoint(said) else question


def asked_of_reason(said: str, ordinary: Ordinary) -> str:
    """Returns the question why, for a sentence that says so and whose subject is plain."""
    found = _REASON.match(said)
    if not found or _LEANING.search(found["main"]):
        return ""
    parts = _INVERTED.fullmatch(found["main"].rstrip(" ,"))
    if not parts or not _is_subject(parts["subject"]) or _OF_MANY.fullmatch(parts["rest"]):
        return ""
    return _question("Why {verb} {subject} {rest}?", parts.groupdict(), ordinary)


def asked_of_heading(heading: str, subject: str) -> str:
    """Returns a heading about "it" as a question about the subject; empty where it is none.

    That is "How is it detected?", or "Why it occurs".

    Args:
        subject: what "it" stands for, as inside a sentence; one thing.
    """
    heading = heading.rstrip(" .:")
    if not subject or len(re.findall(r"\bit\b", heading)) != 1 or _LEANING_ELSE.search(heading):
        return ""
    if heading.endswith("?"):
        return re.sub(r"\bit\b", subject, heading) if _ASKED.match(heading) else ""
    found = _ABOUT_IT.fullmatch(heading)
    if not found:
        return ""
    verb, rest = found["verb"], found["rest"]
    if verb in _AUXILIARIES:
        return f"{found['word']} {verb} {subject}{rest}?"
    return f"{found['word']} does {subject} {_bare(verb)}{rest}?" if verb.endswith("s") else ""


def _question(form: str, parts: dict[str, str], ordinary: Ordinary) -> str:
    if "subject" in parts:
        parts["subject"] = _small(parts["subject"], ordinary)
    if "listed" in parts:
        parts["listed"] = parts["listed"][0].lower() + parts["listed"][1:]
    if "verb" in parts and "{bare}" in form:
        parts["does"] = "does" if parts["verb"].endswith("s") else "do"
        parts["bare"] = _bare(parts["verb"])
    if "count" in parts:
        parts["count"] = "" if parts["count"].lower() in _VAGUE else f"{parts['count'].lower()} "
    asked = " ".join(form.format(**parts).split()).replace(" ?", "?")
    return asked if len(asked) <= LONGEST else ""


def _singular(word: str) -> str:
    """Returns a word as it is compared; a stem would not do: weights are no weighting."""
    return re.split(r"\W", word.casefold())[-1].removesuffix("s")


def _small(subject: str, ordinary: Ordinary) -> str:
    """Returns a subject as inside a sentence: a word that is no name loses its capital."""
    first, *_ = subject.split(" ", 1)
    name = first.lower() not in _SMALL_ONES and not ordinary.issuperset(terms(first))
    return subject if name or first[1:] != first[1:].lower() else subject[0].lower() + subject[1:]


def _bare(verb: str) -> str:
    """Returns a verb of the third person without its ending: occurs, goes, applies, has."""
    if verb == "has":
        return "have"
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    if verb.endswith(("ches", "shes", "sses", "xes", "oes", "zzes")):
        return verb[:-2]
    return verb.removesuffix("s")


def _is_subject(words: str) -> bool:
    """Returns whether words can be what a sentence is about, without those before it."""
    count = len(words.split())
    return (
        1 <= count <= MOST_SUBJECT
        and not _NO_SUBJECT.search(words)
        and (
            count > 2 or not words.startswith("The ")  # "The method" is that of the sentence before
        )
    )


_AUXILIARIES = ("is", "are", "was", "were", "can", "cannot", "should", "must", "will", "would")
_VAGUE = ("some", "several", "many", "various", "a few", "a number of", "different", "these", "")
_SMALL_ONES = {
    *("a", "an", "the", "each", "every", "one", "several", "some", "many", "most", "more", "few"),
    *("two", "three", "four", "five", "six", "both", "all", "small", "large"),
}
_SOME = (
    r"(?:[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Tt]en|[2-9]|10"
    r"|[Ss]everal|[Ss]ome|[Mm]any|[Vv]arious|[Aa] few|[Aa] number of)"
)
_COUNT = f"(?P<count>{_SOME})"
_NOUNS = r"(?P<nouns>(?:[\w’'-]+ ){0,3}?[\w’'-]+[^\Wisu]s)"
_OPENER = re.compile(
    r"(?:(?:As we saw|As a rule|Specifically|In general|In short|Typically|Usually|Thus|Hence|So"
    r"|Recall that|Note that|Again),? )+"
)
_VERB = (
    r"(?P<verb>ha(?:s|ve)|makes?|answers?|uses?|needs?|requires?|offers?|contains?|involves?"
    r"|follows?|distinguish(?:es)?|combines?|serves?|faces?|proposes?|introduces?|defines?)"
)
_SUBJECT = r"(?P<subject>[^,:;.?]{3,60}?)"
_LEAD_INS = (
    (
        re.compile(
            rf"(?:[Tt]here are|[Hh]ere are) (?:mainly |basically |usually )?{_COUNT} "
            rf"(?!of )(?P<nouns>[^,:;.?]{{5,80}}?)(?:,? (?:including|such as|namely))?"
        ),
        "Which {count}{nouns} are there?",
    ),
    (
        re.compile(
            rf"{_COUNT} {_NOUNS} (?P<rest>(?!that|which|who|of|for|to|in|and|or)"
            r"[^,:;.?]{3,90})"
        ),
        "Which {count}{nouns} {rest}?",
    ),
    (
        re.compile(rf"The following {_NOUNS} (?P<rest>(?!are\b)[^,:;.?]{{3,90}})"),
        "Which {nouns} {rest}?",
    ),
    (
        re.compile(rf"{_SUBJECT} {_VERB} (?P<count>these|the following) {_NOUNS}"),
        "Which {nouns} {does} {subject} {bare}?",
    ),
    (
        re.compile(
            rf"{_SUBJECT} {_VERB} {_COUNT} {_NOUNS}(?P<rest> (?:about|in|of|for|on|to|with)"
            r" [^,:;.?]{3,60})?(?:, (?:and|but|which) .*)?"
        ),
        "Which {count}{nouns} {does} {subject} {bare}{rest}?",
    ),
    (
        re.compile(rf"{_SUBJECT} consists of (?:these|the following|{_SOME}) [\w -]{{3,40}}"),
        "What does {subject} consist of?",
    ),
    (
        re.compile(
            r"(?P<subject>(?:The|Some|Common|Typical) (?:\w+ ){0,2}[\w’'-]+s"
            r" (?:of|for|in|to|with) [^,:;.?]{3,70}?)"
            r" (?:are|include|can be [\w ]{0,20}(?:ed|wn|en))"
            r"(?: (?:as follows|these|the following))?"
        ),
        "What are {subject}?",
    ),
    (
        re.compile(
            r"To (?P<rest>(?!(?:be|do|that|this|summari[sz]e|conclude|recap)\b)[a-z]+ "
            r"[^,:;.?]{3,60})"
        ),
        "How do you {rest}?",
    ),
    (
        re.compile(
            r"(?:The )?(?P<listed>(?:\w+ )?(?:advantages|disadvantages|benefits|drawbacks"
            r"|limitations|assumptions|types|kinds|steps|causes|reasons|properties|goals"
            r"|applications|components|requirements|differences|remedies|symptoms)"
            r" (?:of|for|to|in|between|why|behind) [^,:;.?]{3,60})",
            re.IGNORECASE,
        ),
        "What are the {listed}?",
    ),
)
"""How a list is led into, and what is asked then; the first that fits counts."""

_LEANING = re.compile(
    r"\b(?:this|that|it|its|they|them|their|he|she|his|her|here|above|below|we|us|our|you|your|I"
    r"|my|former|latter|such|links?|course|lecture|assignment|homework|section|chapter|notebook"
    r"|matter|following two|other|others|another|else|same)\b|\$|\\|[\[\]{}<>|]|https?:",
    re.IGNORECASE,
)
"""Words that lean on others before, or are about the notes themselves."""

_LEANING_ELSE = re.compile(
    r"\b(?:this|that|its|they|them|their|we|us|our|here|above|others?)\b|\$"
    r"|\bit (?:mean|take|matter|hurt)\b|\bis it \w+ (?:to|that)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"(?P<main>[A-Z][^:;?!]{10,140}?)(?:,? because (?!of\b)|, since (?!then\b|\d))\S.*"
)
_INVERTED = re.compile(
    rf"(?P<subject>[^,]+?) (?P<verb>{'|'.join(_AUXILIARIES)}) (?P<rest>(?:not )?[^,]{{4,}})"
)
_OF_MANY = re.compile(r"the (?:\w+est|best|worst|(?:most|least) \w+)")
"""The easiest of what stands in the sentences before."""
_NOUN_ENDS = re.compile(r"[()]| (?:of|for|in|with|from|to|and) ")
"""What stands behind the noun of a phrase."""
_NO_SUBJECT = re.compile(
    r"^(?:In|With|At|For|To|On|Under|By|When|If|As|After|Before|Because|Since|While|Although|Note"
    r"|But|And|Or|So|Yes|No|Then|Also|There|What|Which|How|Why|Where|Who|From|Of|Among|Only|Here"
    r"|Nor|These|Those|About|Let|See|Recall|Usually|Often|Some|Others?|All|Both|None|Even|Now)\b"
    r"|\b(?:which|who|when|what|how|if|whether|may|might|could|has|have|had|do|does|did|and)\b"
    r"|(?:[ei]ly|[^s]ed)$"
)
_ASKED = re.compile(r"(?:How|Why|When|Where|What|Which|Who|Is|Does|Can|Do|Are|Should|Will)\b")
_ABOUT_IT = re.compile(r"(?P<word>How|Why|When|Where) it (?P<verb>[a-z]+)(?P<rest>(?: [^?]+)?)")
