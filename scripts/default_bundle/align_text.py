"""Sentences, words and cognate likeness of Spanish and English charts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

STOP = {
    "es": "a al algun alguna ante asi aunque bajo cada como con contra cual cuando cuya cuyo de del desde donde durante e el ella "
    "ello en entre era es esta este esto estos estas fue fueron ha habia hacia han hasta la las le les lo los mas me mediante mi "
    "muy ni no o otra otro para pero por porque posterior posteriormente que quien se segun ser si siendo sin sobre son su sus "
    "tambien tan tanto tras u un una uno unas unos y ya presenta presento presentaba realiza realizo paciente",
    "en": "a about after also although an and any are as at be because been before being between both but by can did do does due "
    "during each for from had has have he her his if in into is it its not no of on or other out over she so such than that the "
    "their then there these they this those through to under until up upon was well were when where which while who whose with "
    "within without patient presented performed showed revealed observed",
}
STOPS = {lang: frozenset(words.split()) for lang, words in STOP.items()}
ABBREVIATIONS = frozenset("dr dra sr sra prof fig figs vs no num aprox etc st ej p i e mr mrs cf approx art vol".split())
WORD = re.compile(r"\d+(?:[.,/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?", re.UNICODE)
END = re.compile(r"[.!?;]+[\"”»)\]]*\s+(?=[\"“«(\[¿¡-]*[A-ZÁÉÍÓÚÑÜ0-9])")
ARTEFACT = re.compile(r"\d{1,2}\.?")  # the translation writes "1." for an empty line
CLASSICAL = [("ph", "f"), ("th", "t"), ("rh", "r"), ("ch", "c"), ("qu", "c"), ("k", "c"), ("y", "i"), ("oe", "e"), ("ae", "e")]
SUFFIXES = {
    "es": [("aciones", "ation"), ("acion", "ation"), ("ciones", "tion"), ("cion", "tion"), ("siones", "sion"), ("idades", "iti")]
    + [("idad", "iti"), ("mente", "li"), ("icos", "ic"), ("icas", "ic"), ("ico", "ic"), ("ica", "ic"), ("osas", "ous")]
    + [("osos", "ous"), ("osa", "ous"), ("oso", "ous"), ("ias", "i"), ("ios", "i"), ("ia", "i"), ("io", "i")],
    "en": [("ations", "ation"), ("tions", "tion"), ("ities", "iti"), ("ity", "iti"), ("ical", "ic"), ("ies", "i"), ("ia", "i"), ("y", "i")],
}


@dataclass(frozen=True)
class Word:
    """A word or number: its place in code points, its stem, and whether it carries meaning."""

    start: int
    end: int
    stem: str
    content: bool


@dataclass
class Side:
    """One language of one chart: sentences as [start, end) in code points, and their words."""

    text: str
    sentences: list[tuple[int, int]]
    words: list[list[Word]]


def plain(text: str) -> str:
    """Lower case without accents, of the same meaning but not the same length."""
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in parts if not unicodedata.combining(c))


def stem(word: str, lang: str) -> str:
    """A word without its inflection: plural, and gender in Spanish."""
    form = plain(word)
    if form[0].isdigit() or len(form) < 4:
        return form.replace(",", ".")
    if lang == "en":
        if form.endswith("ies"):
            return form[:-3] + "y"
        return form[:-1] if form.endswith("s") and not form.endswith(("ss", "is", "us")) else form
    if form.endswith(("sis", "itis", "us")):
        return form
    if form.endswith("es") and len(form) > 5 and form[-3] in "rlndzs":
        form = form[:-2]
    elif form.endswith("s"):
        form = form[:-1]
    return form[:-1] + "o" if len(form) > 4 and form.endswith("a") and form[-2] in "dtcvsr" and not form.endswith("ia") else form


def sentences(text: str) -> list[tuple[int, int]]:
    """Sentences as [start, end): lines, cut after a full stop that a capital letter or a figure follows."""
    found = []
    for line in re.finditer(r"[^\n]+", text):
        start = line.start()
        cuts = [m for m in END.finditer(text, line.start(), line.end()) if not abbreviated(text, m.start())]
        for stop in [m.end() for m in cuts] + [line.end()]:
            piece = text[start:stop]
            left = start + len(piece) - len(piece.lstrip())
            right = start + len(piece.rstrip())
            if right > left and not ARTEFACT.fullmatch(text[left:right]):
                found.append((left, right))
            start = stop
    return found


def abbreviated(text: str, dot: int) -> bool:
    """Whether the stop at `dot` ends an abbreviation or an initial."""
    last = re.search(r"[^\W\d_]+$", text[max(0, dot - 12) : dot])
    return bool(last) and plain(last.group()) in ABBREVIATIONS and not (len(last.group()) == 1 and last.group().isupper())


def side(text: str, lang: str) -> Side:
    """Sentences and words of a chart."""
    cuts = sentences(text)
    stops = STOPS[lang]
    words = []
    for start, end in cuts:
        found = [(m.start(), m.end()) for m in WORD.finditer(text, start, end)]
        words.append([Word(a, b, stem(text[a:b], lang), plain(text[a:b]) not in stops) for a, b in found])
    return Side(text, cuts, words)


def skeleton(form: str, lang: str) -> str:
    """A spelling in which Spanish and English words of Greek and Latin origin look alike."""
    for old, new in CLASSICAL:
        form = form.replace(old, new)
    for old, new in SUFFIXES[lang]:
        if form.endswith(old) and len(form) > len(old) + 2:
            form = form[: -len(old)] + new
            break
    else:
        form = re.sub(r"[aeo]$", "", form) if len(form) > 4 else form
    form = re.sub(r"^e(?=s[ptcmfn])", "", form) if lang == "es" else form
    return re.sub(r"(.)\1", r"\1", form)


@cache
def grams(form: str, lang: str) -> frozenset[str]:
    """Character bigrams and trigrams of a stem's skeleton, its edges marked."""
    marked = f"<{skeleton(form, lang)}>"
    return frozenset(marked[i : i + n] for n in (2, 3) for i in range(len(marked) - n + 1))


def cognates(spanish: list[str], english: list[str]) -> np.ndarray:
    """Dice likeness of character n-grams, [spanish, english]; numbers are alike only when equal."""
    sides = [[grams(s, "es") for s in spanish], [grams(s, "en") for s in english]]
    index = {g: k for k, g in enumerate(sorted({g for one in sides for c in one for g in c}))}
    left, right = (np.zeros((len(one), len(index)), dtype=np.float32) for one in sides)
    for matrix, one in ((left, sides[0]), (right, sides[1])):
        for row, found in enumerate(one):
            matrix[row, [index[g] for g in found]] = 1.0
    size = left.sum(1)[:, None] + right.sum(1)[None, :]
    dice = 2 * (left @ right.T) / np.maximum(size, 1)
    exact = np.array([s[0].isdigit() or len(s) < 4 for s in spanish])[:, None] | np.array(
        [s[0].isdigit() or len(s) < 4 for s in english]
    )
    same = np.array(spanish, dtype=object)[:, None] == np.array(english, dtype=object)[None, :]
    return np.where(exact, same.astype(np.float32), dice)
