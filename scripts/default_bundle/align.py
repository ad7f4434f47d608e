# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2"]
# ///
"""Carries CodiEsp's Spanish evidence over to its English charts.

    python align.py --codiesp ../shared/data/charts/codiesp --out work

CodiEsp marks the words behind every code in the Spanish charts only; the English ones are machine translations, about
one sentence a line in the same order. Sentences are aligned twice, first by cognates, then also by a lexicon learnt
from the first alignment; a mention's words are then sought in the English of its sentence. Codes and their titles
play no part, so that the evidence of a chart stays independent of any coder.

Writes to --out, for train and dev:

- `mentions_SPLIT.jsonl`: {id, mentions: [{system, code, sentence, sentences, clause, clauses, quote_es, quote_en,
  score}]}; places are [start, end) in code points of the English text. `clause` is the best run of words or null,
  `clauses` all of them. `sentence` holds the most of the mention, or is null where the translation left it out;
  `sentences` also has those of its other parts. `score` is the share of the mention's weight that was found.
- `codiesp_SPLIT_en_sentences.jsonl`, `codiesp_SPLIT_en_clauses.jsonl`: the English charts with `evidence`, as the
  Spanish charts have it; mentions without such a place are left out.
- `lexicon.json`: Spanish mention (lower case) to its English runs and their counts in train.

The same input gives the same files. `--sample N` prints N mentions, drawn with a fixed seed, to judge by eye.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

from align_mentions import Place, Placer
from align_sentences import Aligner, Chart, Weights
from align_text import side
from align_words import Lexicon

SPLITS = ("train", "dev")
TRUSTED = 0.3  # least score of a bead that teaches the lexicon


def read(folder: Path, split: str, lang: str) -> dict[str, dict]:
    """Charts of a file by id."""
    with open(folder / f"codiesp_{split}_{lang}.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["id"]: row for row in rows}


def charts(spanish: dict[str, dict], english: dict[str, dict]) -> list[Chart]:
    """Both sides of every chart, in the English file's order."""
    lost = english.keys() ^ spanish.keys()
    if lost:
        sys.exit(f"{len(lost)} charts lack one of the two languages, {min(lost)} for one")
    return [
        Chart(key, side(spanish[key]["text"], "es"), side(row["text"], "en"), spanish[key].get("evidence", []), [])
        for key, row in english.items()
    ]


def pairs(every: list[Chart]) -> list[tuple[list[str], list[str]]]:
    """Stems of trusted beads that carry meaning."""
    found = []
    for chart in every:
        for bead in chart.beads:
            if bead.score >= TRUSTED:
                left = [w.stem for words in chart.es.words[bead.s0 : bead.s1] for w in words if w.content]
                right = [w.stem for words in chart.en.words[bead.e0 : bead.e1] for w in words if w.content]
                found.append((left, right))
    return found


def align(every: list[Chart]) -> Placer:
    """Aligns all charts in place, and returns what places mentions in them."""
    weights = (Weights([w for c in every for w in c.es.words]), Weights([w for c in every for w in c.en.words]))
    lexicon: Lexicon | None = None
    for _ in range(2):
        aligner = Aligner(weights, lexicon)
        for chart in every:
            chart.beads = aligner.beads(chart.es, chart.en)
        lexicon = Lexicon(pairs(every))
    return Placer(weights, lexicon)


def mention(evidence: dict, place: Place | None, text: str) -> dict:
    """One line's worth of a mention."""
    runs = [list(run) for run in place.runs] if place else []
    return {
        "system": evidence["system"],
        "code": evidence["code"],
        "sentence": list(place.sentence) if place else None,
        "sentences": sorted({tuple(s) for s in place.sentences}) if place else [],
        "clause": runs[0] if runs else None,
        "clauses": sorted(runs),
        "quote_es": evidence["quote"],
        "quote_en": " ".join(text[a:b] for a, b in sorted(runs)) or None,
        "score": round(place.score, 3) if place else 0.0,
    }


def evidence_of(mentions: list[dict], text: str, level: str) -> list[dict]:
    """Mentions as a chart's evidence, by sentence or by clause, without repeats."""
    found, seen = [], set()
    for m in mentions:
        spans = [list(s) for s in m[level]]
        key = (m["system"], m["code"], str(spans))
        if spans and key not in seen:
            seen.add(key)
            quote = " ".join(text[a:b] for a, b in spans)
            found.append({"system": m["system"], "code": m["code"], "spans": spans, "quote": quote})
    return found


def write(path: Path, rows: list) -> None:
    """JSON lines, or one JSON document for a `.json` file, put in place at once."""
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    os.replace(part, path)


def terms(mentions: list[dict]) -> dict[str, dict[str, int]]:
    """Spanish mention to its English runs, the most frequent first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for m in mentions:
        if m["quote_en"]:
            counts[m["quote_es"].lower()][m["quote_en"].lower()] += 1
    return {term: dict(counts[term].most_common()) for term in sorted(counts)}


def figures(split: str, every: list[Chart], mentions: list[dict]) -> None:
    """Prints what was aligned and placed."""
    beads = [b for c in every for b in c.beads]
    spanish = sum(b.s1 - b.s0 for b in beads)
    lost = sum(b.s1 - b.s0 for b in beads if b.e0 == b.e1)
    spare = sum(b.e1 - b.e0 for b in beads if b.s0 == b.s1)
    whole = sum(all(b.s1 > b.s0 and b.e1 > b.e0 for b in c.beads) for c in every)
    one = sum(b.s1 - b.s0 == 1 == b.e1 - b.e0 for b in beads)
    weak = sum(b.score < TRUSTED for b in beads if b.s1 > b.s0 and b.e1 > b.e0)
    print(f"{split}: {len(every)} charts, {whole / len(every):.1%} with every sentence of both languages aligned")
    print(f"  Spanish sentences {spanish}, left out {lost}; English ones left out {spare}")
    print(f"  beads {len(beads)}, one to one {one / len(beads):.1%}, weak {weak}")
    count = len(mentions)
    print(f"  mentions {count}: in a sentence {sum(m['sentence'] is not None for m in mentions) / count:.1%}, "
          f"in a clause {sum(m['clause'] is not None for m in mentions) / count:.1%}")


def show(chart: Chart, m: dict, evidence: dict) -> None:
    """Prints one mention with its Spanish sentence and its English one, runs in brackets."""
    spans = evidence["spans"]
    spanish = [chart.es.text[a:b] for a, b in chart.es.sentences if any(x < b and y > a for x, y in spans)]
    print(f"\n{chart.id} {m['code']} {m['score']}  {m['quote_es']}  =>  {m['quote_en']}\n  ES {' / '.join(spanish)}")
    print(f"  EN {chart.en.text[slice(*m['sentence'])] if m['sentence'] else None}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codiesp", type=Path, required=True, help="folder with codiesp_{train,dev}_{en,es}.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--sample", type=int, default=0, help="print so many mentions to judge by eye")
    parser.add_argument("--seed", type=int, default=0, help="which mentions --sample prints")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    english = {split: read(args.codiesp, split, "en") for split in SPLITS}
    groups = {split: charts(read(args.codiesp, split, "es"), english[split]) for split in SPLITS}
    placer = align([chart for split in SPLITS for chart in groups[split]])
    drawn = []
    for split, group in groups.items():
        rows, levels = [], {"sentences": [], "clauses": []}
        for chart in group:
            found = [mention(e, placer.place(chart, e["spans"]), chart.en.text) for e in chart.evidence]
            rows.append({"id": chart.id, "mentions": found})
            for level, out in levels.items():
                out.append(english[split][chart.id] | {"evidence": evidence_of(found, chart.en.text, level)})
            drawn += [(chart, m, e) for m, e in zip(found, chart.evidence)]
        write(args.out / f"mentions_{split}.jsonl", rows)
        for level, out in levels.items():
            write(args.out / f"codiesp_{split}_en_{level}.jsonl", out)
        every = [m for row in rows for m in row["mentions"]]
        if split == "train":
            write(args.out / "lexicon.json", [terms(every)])
        figures(split, group, every)
    for chart, m, evidence in random.Random(args.seed).sample(drawn, args.sample):
        show(chart, m, evidence)


if __name__ == "__main__":
    main()
