from __future__ import annotations

import time

from rag.documents.text.latex import parse
from rag.sentences import plain

TEXT = r"""\documentclass{article}
\title{On \emph{Transfer}
  Learning}
\newcommand{\R}{\mathbb{R}}
\begin{document}
\maketitle
\begin{abstract}
We study transfer. % note
It works.
\end{abstract}
\section{Introduction}\label{sec:intro}
Text with $x$ and \textbf{bold} words.
% a comment
\begin{equation}
  E = mc^2 \label{eq:1}
\end{equation}
where $m$ is the mass.

\subsection*{Lists} Begins here.
\begin{itemize}
  \item One thing.
  \item Two things,
    more.
    \begin{enumerate}
      \item inner
    \end{enumerate}
\end{itemize}
\[ a = b \]
\begin{table}[htbp]
\centering
\caption{Results of runs}
\begin{tabular}{l|r}
\toprule
Name & Value \\
\midrule
BERT & 0.9 \\
GPT & 0.8
\end{tabular}
\end{table}
\begin{verbatim}
print("x")
\end{verbatim}
\begin{comment}
not indexed
\end{comment}
\begin{theorem}[Pythagorean theorem]
For right triangles.
\end{theorem}
\begin{frame}{Slide one}
Hello
\end{frame}
\end{document}
not indexed
"""


def test_every_construct_is_its_block_and_what_prints_nothing_is_in_none() -> None:
    document = parse("a.tex", TEXT.encode())
    assert document.title == "On Transfer Learning"
    assert [(block.kind.value, block.span.of(TEXT)) for block in document.blocks] == [
        ("paragraph", "We study transfer. % note\nIt works."),
        ("heading", r"\section{Introduction}"),
        ("paragraph", r"Text with $x$ and \textbf{bold} words."),
        ("math", "\\begin{equation}\n  E = mc^2 \\label{eq:1}\n\\end{equation}"),
        ("paragraph", "where $m$ is the mass."),
        ("heading", r"\subsection*{Lists}"),
        ("paragraph", "Begins here."),
        ("list", TEXT[TEXT.index(r"  \item One") : TEXT.index("inner") + 5]),
        ("math", r"\[ a = b \]"),
        ("paragraph", r"\caption{Results of runs}"),
        ("table", TEXT[TEXT.index("Name &") : TEXT.index("0.8") + 3]),
        ("code", 'print("x")'),
        ("paragraph", "\\begin{theorem}[Pythagorean theorem]\nFor right triangles."),
        ("heading", r"\begin{frame}{Slide one}"),
        ("paragraph", "Hello"),
    ]


def test_items_rows_and_titles_are_parts() -> None:
    parts = [
        [part.of(TEXT) for part in block.parts]
        for block in parse("a.tex", TEXT.encode()).blocks
        if block.parts
    ]
    assert parts == [
        ["Introduction"],
        ["Lists"],
        ["One thing.", "Two things,\n    more.", "inner"],
        ["Name & Value", "BERT & 0.9", "GPT & 0.8"],
        ["Slide one"],
    ]


def test_a_file_without_preamble_is_all_body_and_titled_by_its_heading() -> None:
    document = parse("ch-1.tex", b"\\chapter{Of \\{braces\\}}\nWords.\n")
    assert document.title == "Of \\{braces\\}"
    assert [block.level for block in document.blocks] == [1, 0]


def test_what_the_embedder_reads_has_no_commands_of_type() -> None:
    assert plain(r"The \emph{first \textbf{bold}} word, see \cite[p.~2]{foo}: $\frac{a}{b}$.") == (
        r"The first bold word, see : $\frac{a}{b}$."
    )


def test_environments_that_never_end_cost_no_time() -> None:
    start = time.monotonic()
    document = parse("a.tex", b"\\begin{itemize}\n\\item x\n" * 20_000)
    assert document.blocks
    assert time.monotonic() - start < 10


def said(text: str) -> list[str]:
    document = parse("a.tex", text.encode())
    return [block.span.of(document.text) for block in document.blocks]


def test_a_title_is_without_thanks_and_authors_are_a_block() -> None:
    text = (
        "\\title{Deep \\emph{notes}\\thanks{Paid by \\textbf{us}} of\\footnote{x} us}\n"
        "% \\author{Nobody}\n\\author[1]{Ada Lovelace \\and\n  Bob}\n"
        "\\begin{document}\n\\maketitle\nWords.\n\\end{document}\n"
    )
    assert parse("a.tex", text.encode()).title == "Deep notes of us"
    assert said(text) == ["Ada Lovelace \\and\n  Bob", "Words."]
    body = "\\begin{document}\n\\title{T}\n\\author{Ada}\n\\maketitle\nWords.\n\\end{document}\n"
    assert said(body) == ["Ada", "Words."]


def test_what_is_never_typeset_lies_in_no_block() -> None:
    text = (
        "One.\n\\iffalse\nold\n\\ifdraft x\\else y\\fi\n% \\fi\nolder $a \\iff b$\n\\fi two.\n"
        "\\iffalse a \\fi\nThree.\n\\iffalse\nno\n\\else\nFour.\n\\fi\nFive is \\verb|\\iffalse|.\n"
    )
    assert said(text) == ["One.", " two.", "Three.", "Four.", "Five is \\verb|\\iffalse|."]
    assert said("\\iffalse\nnever closed\n") == ["\\iffalse\nnever closed"]
