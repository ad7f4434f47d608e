"""Labels, concepts and their descriptions, from the official ICD-10-CM release.

A *label* is an entry of the code list: a billable code, a header (a category or
subcategory, not billable), or a code of 2018 that is no longer in the list. Labels
that differ only in their seventh character share one *concept*, the stem:
S52.501, S52.501A .. S52.501S -> S52.501. A concept owns the terms: its official
title, its inclusion terms and the alphabetic-index entries that lead to it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

CODES = "data/codes/icd10cm-2027-derived/icd10cm-2027-codes-derived.tsv"
NOTES = "data/codes/icd10cm-2026-tabular-derived/tabular_notes_fy2026_derived.tsv"
OLD = "data/codes/icd10cm-history/icd10cm_codes_2018.txt"
INDEX = "data/codes/icd10cm-2026-index-derived/icd10cm_index_fy2026_derived.tsv"


@dataclass
class CodeSet:
    """Everything the head needs to know about the code set."""

    source: str
    edition: str
    effective: str
    labels: list[str]  # dotted codes, sorted
    titles: list[str]  # one a label
    billable: list[bool]  # one a label
    concepts: list[str]  # dotted stems, sorted
    label_concept: list[int]  # index into concepts
    terms: list[tuple[int, str, str]] = field(default_factory=list)  # concept, kind, text


def dotted(code: str) -> str:
    """S52501A -> S52.501A."""
    return code if len(code) <= 3 else f"{code[:3]}.{code[3:]}"


def stem_of(code: str, known: set[str]) -> str:
    """The code without its seventh character and the placeholders before it."""
    if len(code) < 7:
        return code
    stem = code[:6]
    while stem not in known and stem.endswith("X"):
        stem = stem[:-1]
    return stem if stem in known else code


def read_release(shared: Path) -> tuple[dict[str, str], list[str], dict[str, list[str]]]:
    """Titles of all entries, billable codes and inclusion terms, undotted."""
    titles: dict[str, str] = {}
    billable: list[str] = []
    with open(shared / CODES, encoding="utf-8", newline="") as lines:
        for code, flag, title in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            titles[code] = title
            if flag == "1":
                billable.append(code)
    inclusion: dict[str, list[str]] = {}
    with open(shared / NOTES, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["type"] == "inclusionTerm":
                inclusion.setdefault(row["key"].replace(".", ""), []).append(row["text"])
    return titles, billable, inclusion


def read_package() -> tuple[dict[str, str], list[str], dict[str, list[str]]]:
    """The same from the PyPI package simple-icd-10-cm (April 2026 release)."""
    import simple_icd_10_cm as icd

    titles: dict[str, str] = {}
    billable: list[str] = []
    inclusion: dict[str, list[str]] = {}
    for code in icd.get_all_codes(with_dots=False):
        if not icd.is_category_or_subcategory(code):
            continue
        titles[code] = icd.get_description(code)
        if icd.is_leaf(code):
            billable.append(code)
        if len(code) < 7:
            inclusion[code] = list(icd.get_inclusion_term(code))
    return titles, billable, inclusion


def read_index(shared: Path) -> list[tuple[str, str]]:
    """(code, full term) of every alphabetic-index entry that names a code.

    A full term is the path of terms from level 0 down to the entry.
    """
    path: list[str] = []
    entries: list[tuple[str, str]] = []
    with open(shared / INDEX, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            level = int(row["level"])
            path = path[:level] + [row["term"].strip()]
            code = row["code"].strip().rstrip("-").replace(".", "").upper()
            if code:
                entries.append((code, " ".join(path)))
    return entries


def clean(text: str) -> str:
    """Tidies a term: cross references in brackets and NEC/NOS marks dropped."""
    text = re.sub(r"\((?=[A-Z]\d)[^)]*\)", " ", text)
    text = re.sub(r"\b(NEC|NOS)\b", " ", text)
    return re.sub(r"\s+", " ", text).strip(" ,;:")


def read_old(shared: Path) -> dict[str, str]:
    """Titles of the billable codes of 2018, the edition that CodiEsp was coded in."""
    with open(shared / OLD, encoding="latin-1") as lines:
        return {line[:7].strip(): line[8:].strip() for line in lines if line.strip()}


def heirs(code: str, children: dict[str, list[str]], titles: dict[str, str]) -> list[str]:
    """Below a header, the concept that its terms stand for too: the only one, or the only unspecified one."""
    below = children.get(code, [])
    if len(below) > 1:
        below = [c for c in below if "unspecified" in titles[c].lower()]
    return below if len(below) == 1 else []


def collect(shared: Path | None) -> CodeSet:
    """Reads the code set and all terms; says where they come from."""
    old: dict[str, str] = {}
    entries: list[tuple[str, str]] = []
    if shared is not None and (shared / CODES).exists():
        titles, billable, inclusion = read_release(shared)
        old, entries = read_old(shared), read_index(shared)
        source, edition, effective = "the official FY2027 code list with the inclusion terms and the alphabetic index of FY2026", "ICD-10-CM FY2027", "2026-10-01"
    else:
        titles, billable, inclusion = read_package()
        source, edition, effective = "PyPI simple-icd-10-cm", "ICD-10-CM FY2026 (April update)", "2026-04-01"
    titles = {**old, **titles}
    known = set(titles)
    labels = sorted(titles)
    stems = {code: stem_of(code, known) for code in labels}
    order = sorted(set(stems.values()))
    concepts = {stem: i for i, stem in enumerate(order)}
    for code in reversed(labels):
        titles.setdefault(stems[code], titles[code])
    children: dict[str, list[str]] = {}
    for stem in order:
        for length in range(3, len(stem)):
            children.setdefault(stem[:length], []).append(stem)

    terms = [(i, "title", titles[stem]) for stem, i in concepts.items()]
    more = [(code, "inclusion", text) for code, texts in inclusion.items() for text in texts]
    for code, kind, text in more + [(code, "index", text) for code, text in entries]:
        if stem := stems.get(code):
            terms += [(concepts[c], kind, text) for c in (stem, *heirs(stem, children, titles))]
    paid = set(billable)
    return CodeSet(
        source, edition, effective,
        [dotted(c) for c in labels], [titles[c] for c in labels], [c in paid for c in labels],
        [dotted(c) for c in order], [concepts[stems[c]] for c in labels],
        unique(terms),
    )


def unique(terms: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Sorted by concept; of terms that are equal but for word order and case, the first."""
    seen: set[tuple[int, str]] = set()
    kept = []
    for owner, kind, text in sorted(terms, key=lambda term: term[0]):
        text = clean(text)
        key = (owner, " ".join(sorted(re.findall(r"\w+", text.lower()))))
        if key[1] and key not in seen:
            seen.add(key)
            kept.append((owner, kind, text))
    return kept
