"""Notes in other languages than English: German ones of our own, and words in several scripts."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import WordLengths

from rag import Library, Parts, Settings, terms
from rag.index import Engine, open_engine
from rag.languages import LANGUAGES
from rag.store import Store
from rag.words import language_of, sample

NOTES = Path(__file__).parent / "notes-de"

ASKED = [
    ("Warum wackelt plötzlich die Erde?", "erdbeben.md"),
    ("Wie findet man heraus, wo ein Beben seinen Ursprung hatte?", "erdbeben.md"),
    ("Welche der beiden Erschütterungen zerstört mehr?", "erdbeben.md"),
    ("Weshalb explodieren manche Feuerberge und andere nicht?", "vulkane.md"),
    ("Woraus bestehen steile Vulkankegel?", "vulkane.md"),
    ("Wieso leben Menschen in der Nähe so gefährlicher Berge?", "vulkane.md"),
    ("Wie wird aus Schneeflocken festes Eis?", "gletscher.md"),
    ("Woran sieht man einem Tal an, dass Eis es geformt hat?", "gletscher.md"),
    ("Woher weiß man, wie viel CO2 es früher in der Atmosphäre gab?", "gletscher.md"),
    ("Wie bilden sich Wolken?", "wasserkreislauf.md"),
    ("Warum ist es hinter einem Gebirge trocken?", "wasserkreislauf.md"),
    ("An welchen Stellen entspringen Quellen?", "wasserkreislauf.md"),
    ("Wie lange dauert es, bis neue Erde gewachsen ist?", "boden.md"),
    ("Was nützen die Würmer dem Acker?", "boden.md"),
    ("Wie schützt ein Bauer sein Feld davor, weggespült zu werden?", "boden.md"),
]
"""Questions in other words than the notes', and the note that answers.

Measured with the packaged model, which was trained on English: that note comes first for 5 of the
15, where 3 would by chance; by words alone for 7.
"""

SAID = {
    "danish": (
        "Planten optager vand gennem rødderne, og lyset giver den energi til at danne sukker. Det "
        "er ikke kun bladene, der arbejder: også stænglen har en rolle, når vandet skal føres op. "
        "Om natten bruger planten noget af det sukker, som den har lagret i løbet af dagen."
    ),
    "dutch": (
        "De plant neemt water op door de wortels, en het licht geeft haar energie om suiker te "
        "maken. Niet alleen de bladeren werken: ook de stengel speelt een rol als het water "
        "omhoog moet. In de nacht gebruikt de plant een deel van de suiker die zij overdag heeft "
        "opgeslagen."
    ),
    "english": (
        "The plant takes up water through its roots, and light gives it the energy to make sugar. "
        "It is not only the leaves that work: the stem has a part too when water has to rise. At "
        "night the plant uses some of the sugar that it has stored during the day."
    ),
    "finnish": (
        "Kasvi ottaa vettä juurillaan, ja valo antaa sille energiaa sokerin tekemiseen. Vain "
        "lehdet eivät tee työtä: myös varrella on tehtävä, kun vesi on nostettava ylös. Yöllä "
        "kasvi kuluttaa osan siitä sokerista, jonka se on päivän aikana varastoinut, ja niin se "
        "pysyy hengissä."
    ),
    "french": (
        "La plante absorbe l'eau par les racines, et la lumière lui donne l'énergie pour former "
        "du sucre. Ce ne sont pas seulement les feuilles qui travaillent : la tige a aussi un "
        "rôle quand l'eau doit monter. La nuit, la plante consomme une partie du sucre qu'elle a "
        "mis en réserve pendant le jour."
    ),
    "german": (
        "Die Pflanze nimmt Wasser durch die Wurzeln auf, und das Licht gibt ihr Energie, um "
        "Zucker zu bilden. Nicht nur die Blätter arbeiten: auch der Stängel spielt eine Rolle, "
        "wenn das Wasser nach oben soll. In der Nacht verbraucht die Pflanze einen Teil des "
        "Zuckers, den sie am Tag gespeichert hat."
    ),
    "hungarian": (
        "A növény a gyökerein át veszi fel a vizet, és a fény ad neki energiát, hogy cukrot "
        "készítsen. Nem csak a levelek dolgoznak: a szárnak is van szerepe, ha a víznek fel kell "
        "jutnia. Éjjel a növény elhasznál egy részt abból a cukorból, amelyet nappal tárolt."
    ),
    "italian": (
        "La pianta assorbe l'acqua dalle radici, e la luce le dà l'energia per formare lo "
        "zucchero. Non lavorano solo le foglie: anche il fusto ha un ruolo quando l'acqua deve "
        "salire. Di notte la pianta consuma una parte dello zucchero che ha messo da parte "
        "durante il giorno."
    ),
    "norwegian": (
        "Planten tar opp vann gjennom røttene, og lyset gir den energi til å lage sukker. Det er "
        "ikke bare bladene som arbeider: også stengelen har en rolle når vannet skal føres opp. "
        "Om natten bruker planten noe av det sukkeret som den har lagret i løpet av dagen."
    ),
    "portuguese": (
        "A planta absorve a água pelas raízes, e a luz lhe dá energia para formar açúcar. Não são "
        "só as folhas que trabalham: também o caule tem um papel quando a água deve subir. À "
        "noite a planta gasta uma parte do açúcar que guardou durante o dia."
    ),
    "russian": (
        "Растение берёт воду через корни, и свет даёт ему энергию, чтобы образовать сахар. "
        "Работают не только листья: у стебля тоже есть роль, когда вода должна подняться. Ночью "
        "растение тратит часть того сахара, который оно запасло за день."
    ),
    "spanish": (
        "La planta absorbe el agua por las raíces, y la luz le da energía para formar azúcar. No "
        "solo trabajan las hojas: también el tallo tiene un papel cuando el agua debe subir. Por "
        "la noche la planta gasta una parte del azúcar que ha guardado durante el día."
    ),
    "swedish": (
        "Växten tar upp vatten genom rötterna, och ljuset ger den energi för att bilda socker. "
        "Det är inte bara bladen som arbetar: även stjälken har en roll när vattnet ska föras "
        "upp. På natten använder växten en del av det socker som den har lagrat under dagen."
    ),
}
"""The same in each language that has a list of function words."""

UNCLEAR = {
    "nothing": "",
    "no words": "… 😀 — !",
    "names": "Otter, Newt, Heron, Badger, Frog, Toad",
    "polish": (
        "Roślina pobiera wodę przez korzenie, a światło daje jej energię do tworzenia cukru. "
        "Pracują nie tylko liście: także łodyga ma swoją rolę, gdy woda musi się wznieść. Nocą "
        "roślina zużywa część cukru, który zgromadziła w ciągu dnia."
    ),
    "catalan": (
        "La planta absorbeix l'aigua per les arrels, i la llum li dona energia per formar sucre. "
        "No només treballen les fulles: també la tija té un paper quan l'aigua ha de pujar. A la "
        "nit la planta gasta una part del sucre que ha guardat durant el dia."
    ),
    "romanian": (
        "Planta absoarbe apa prin rădăcini, iar lumina îi dă energie ca să formeze zahăr. Nu "
        "lucrează doar frunzele: și tulpina are un rol atunci când apa trebuie să urce. Noaptea "
        "planta consumă o parte din zahărul pe care l-a păstrat ziua."
    ),
    "chinese": ("植物通过根吸收水分，光给它制造糖的能量。"),
    "three languages": SAID["german"] + SAID["french"] + SAID["spanish"],
}


def library_of(tmp_path: Path, notes: Path = NOTES, language: str = "auto") -> Library:
    settings = Settings(library=str(tmp_path / "library"), corpus=str(notes), language=language)
    library = Library(settings, WordLengths())
    library.index()
    return library


@contextmanager
def engine_of(library: Library) -> Iterator[Engine]:
    with closing(Store(library.folder)) as store, store.snapshot():
        yield open_engine(store)


def found_by_words(library: Library, query: str) -> list[str]:
    """Returns the notes that hold a term of the query, best first."""
    with engine_of(library) as engine:
        rows = [row for row, _ in engine.lexical(terms(query, engine.language), 10)]
        return list(dict.fromkeys(engine.texts.chunk(row).document for row in rows))


def write_notes(folder: Path, **notes: str) -> Path:
    folder.mkdir()
    for name, text in notes.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


# The language of a library


@pytest.mark.parametrize("language", SAID)
def test_a_language_is_known_by_its_function_words(language: str) -> None:
    assert language_of([SAID[language]]) == language


@pytest.mark.parametrize("kind", UNCLEAR)
def test_unclear_texts_are_of_no_language(kind: str) -> None:
    assert language_of([UNCLEAR[kind]]) == "none"


def test_no_texts_are_of_no_language() -> None:
    assert language_of([]) == "none"


def test_a_long_library_is_judged_by_texts_from_all_of_it() -> None:
    texts = [SAID["english"]] * 3000 + [SAID["german"]] * 9000
    assert language_of(sample(texts, sum(map(len, texts)))) == "german"


def test_german_notes_are_analysed_as_german(tmp_path: Path) -> None:
    library = library_of(tmp_path)
    with engine_of(library) as engine:
        assert engine.language == "german"
    (indexes,) = [check for check in library.doctor() if check.name == "indexes"]
    assert indexes.detail == "agree with the store; language: german"


@pytest.mark.parametrize("language", ["none", "english", "dutch"])
def test_another_language_gives_other_terms_and_embeds_nothing(
    tmp_path: Path, language: str
) -> None:
    first = library_of(tmp_path)
    assert found_by_words(first, "Luftblase") == ["gletscher.md"]
    embedder = WordLengths()
    settings = Settings(library=str(first.folder), corpus=str(NOTES), language=language)
    manifest = Library(settings, embedder).index()
    assert (manifest.generation, manifest.indexed, manifest.embedded) == (2, (), 0)
    assert embedder.embedded == []
    with engine_of(first) as engine:
        assert engine.language == language
        assert engine.document_frequency(terms("Zentimeter", language)[0]) > 0
    assert Library(settings, embedder).index().generation == 2


def test_a_library_from_before_there_were_languages_gets_one(tmp_path: Path) -> None:
    library = library_of(tmp_path)
    with closing(sqlite3.connect(library.folder / "library.sqlite3")) as database, database:
        assert database.execute("DELETE FROM meta WHERE key = 'language'").rowcount == 1
    (library.folder / "index-000001" / "stamp.json").write_text('{"format": "1"}', "utf-8")
    with engine_of(library) as engine:
        assert engine.language == "german"
    assert library.index().generation == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_gives_terms(language: str) -> None:
    assert terms("Radio 2010", language) != []


@pytest.mark.parametrize("language", ["auto", "klingon", ""])
def test_terms_of_an_unknown_language_are_refused(language: str) -> None:
    with pytest.raises(ValueError, match="no analyzer"):
        terms("word", language)


# Words


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("Luftblase", "gletscher.md"),
        ("Moränen", "gletscher.md"),
        ("Hecke", "boden.md"),
        ("Regenwurm", "boden.md"),
        ("Messstationen", "erdbeben.md"),
        ("STAUBTEILCHENS", "wasserkreislauf.md"),
        ("Hagels", "wasserkreislauf.md"),
        ("Schilden", "vulkane.md"),
    ],
)
def test_inflected_words_are_found_thanks_to_the_stemmer(
    tmp_path: Path, query: str, note: str
) -> None:
    assert found_by_words(library_of(tmp_path / "stemmed"), query) == [note]
    assert found_by_words(library_of(tmp_path / "unstemmed", language="none"), query) == []


def test_german_function_words_are_no_terms_and_umlauts_are_kept() -> None:
    assert terms("Welche der Größen ist die größte und warum?", "german") == [
        "gross",
        "grosst",
        "warum",
    ]
    assert terms("Größe schon schön", "none") == ["größe", "schon", "schön"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Größe é ü", unicodedata.normalize("NFD", "Größe é ü")),
        ("ABC 123", "ＡＢＣ　１２３"),
        ("finance office", "ﬁnance oﬃce"),
        ("Lernziel", "Lern\u00adziel"),
        ("カタカナ", "ｶﾀｶﾅ"),
        ("istanbul", "İSTANBUL"),
        ("x2", "x²"),
    ],
)
def test_forms_of_the_same_text_have_the_same_terms(one: str, other: str) -> None:
    assert one != other
    assert terms(one, "none") == terms(other, "none") != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("深度学习。", ["深度", "度学", "学习"]),
        ("用BERT模型", ["用", "bert", "模型"]),
        ("機械がよい", ["機械", "械が", "がよ", "よい"]),
        ("データ・セット", ["デー", "ータ", "セッ", "ット"]),
        ("ที่ดี", ["ที่ดี"]),  # two letters, each with its marks
        ("ປະເທດ", ["ປະ", "ະເ", "ເທ", "ທດ"]),
        ("មេរៀន", ["មេរៀ", "រៀន"]),
        ("မြန်မာ", ["မြန်", "န်မာ"]),
        ("학습을 한다", ["학습", "습을", "한다"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # marks do not end a word
        ("обучение мира", ["обучение", "мира"]),
    ],
)
def test_writing_without_spaces_becomes_pairs_of_characters(text: str, expected: list[str]) -> None:
    assert terms(text, "none") == expected


def test_a_chinese_word_is_found_inside_a_sentence(tmp_path: Path) -> None:
    notes = write_notes(
        tmp_path / "notes",
        learning="深度学习是机器学习的一个分支，它需要大量数据。",
        cooking="先把水烧开，再把面条放进锅里煮五分钟。",
    )
    library = library_of(tmp_path, notes)
    assert found_by_words(library, "什么是机器学习？") == ["learning.md"]
    assert found_by_words(library, "面条要煮多久") == ["cooking.md"]
    assert found_by_words(library, "历史") == []


def test_russian_words_are_found_in_any_case_and_number(tmp_path: Path) -> None:
    notes = write_notes(
        tmp_path / "notes",
        plants="Растение берёт воду через корни, и свет даёт ему энергию, а листья образуют сахар.",
        rivers="Реки несут песок к морю, и там, где течение слабеет, он ложится на дно.",
    )
    library = library_of(tmp_path, notes)
    with engine_of(library) as engine:
        assert engine.language == "russian"
    assert found_by_words(library, "РАСТЕНИЯМ") == ["plants.md"]
    assert found_by_words(library, "Откуда песка у реки?") == ["rivers.md"]
    unstemmed = library_of(tmp_path / "unstemmed", notes, "none")
    assert found_by_words(unstemmed, "РАСТЕНИЯМ") == []


# With the packaged model


@pytest.mark.model
def test_german_questions_find_their_note(tmp_path: Path) -> None:
    library = Library(Settings(library=str(tmp_path / "library"), corpus=str(NOTES)))
    library.index()
    parts = [Parts(), Parts(dense=False)]
    ranked = [(library.rank(question, parts), note) for question, note in ASKED]
    first = [
        sum([path for path, _ in found[i]][:1] == [note] for found, note in ranked)
        for i in range(2)
    ]
    assert first[0] >= 4
    assert first[1] >= 7
