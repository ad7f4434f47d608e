"""The problems that a note's assessment names. The engine repeats this exactly.

Lines end at a line feed or a carriage return and are stripped of white space.

Sections. `heading` below is a line without a ":" at its end. A line begins
- a section of problems, when its heading, in lower case, is in `headings` (the
  assessment), or in `plans` (read only where the assessments name nothing);
  "Assessment: gout" begins one too, and what stands behind the colon is its first
  line;
- another section, when its heading in lower case is in `others`, or is 3 to 50
  characters of upper-case letters, white space and & / ( ) - ' with at least five
  letters, or two if the line ends with ":".

Problems. Of each line of a section, bullets at its front are left out ("•", "-",
"1.", "2)", "#3", each before white space). The phrase is what is in front of the
first ". : or ;" that white space or the line's end follows, or the first " - " (or
dash). It is a problem when
- it is 3 to 110 characters and at most 14 words (runs of white space between them),
  begins with a letter or digit and has at least two letters;
- none of its words (runs of letters, in lower case) is in `stops`;
- what the line begins with, in lower case, is none of `labels` before something
  that is no letter;
- it was no problem of the chart before, in lower case.

What is looked at. Each problem is one span: its tokens, in the first window that
holds the first of them, as far as that window reaches. Where no line names a problem,
the spans are those of `windows.py` whose first token lies in a line of an assessment,
else of a plan, else all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BULLETS = "•-–—*·▪●"
HEADING_SIGNS = "&/()-'"
LONGEST, MOST_WORDS = 110, 14


@dataclass(frozen=True)
class ProblemRule:
    headings: tuple[str, ...]
    plans: tuple[str, ...]
    others: tuple[str, ...]
    labels: tuple[str, ...]
    stops: tuple[str, ...]


RULE = ProblemRule(
    headings=(
        "assessment", "assessments", "impression", "impressions", "diagnosis", "diagnoses", "a/p", "a&p", "a & p",
        "assessment and plan", "assessment & plan", "assessment/plan", "assessment / plan", "assessment and plans",
        "impression and plan", "impression & plan", "impression/plan", "assessment and recommendations",
        "clinical impression", "clinical assessment", "final diagnosis", "final diagnoses", "final impression",
        "discharge diagnosis", "discharge diagnoses", "primary diagnosis", "secondary diagnosis",
        "secondary diagnoses", "principal diagnosis", "visit diagnosis", "visit diagnoses", "encounter diagnosis",
        "encounter diagnoses", "working diagnosis", "problem list", "active problems", "active problem list",
        "problems", "problems addressed",
    ),
    plans=("plan", "plans", "plan of care", "treatment plan", "recommendations", "recommendation"),
    others=(
        "instructions", "patient instructions", "follow up", "follow-up", "followup", "results", "labs", "laboratory",
        "imaging", "medications", "current medications", "discharge medications", "allergies", "physical exam",
        "physical examination", "exam", "examination", "vitals", "vital signs", "review of systems", "ros",
        "history of present illness", "hpi", "past medical history", "medical history", "pmh", "past surgical history",
        "surgical history", "family history", "social history", "chief complaint", "cc", "subjective", "objective",
        "hospital course", "procedures", "procedure", "orders", "disposition", "condition at discharge",
    ),
    labels=(
        "medical reasoning", "medical treatment", "additional testing", "patient education", "patient agreement",
        "patient agreements", "specialist referral", "specialist referrals", "plan", "instructions", "labs", "results",
        "follow up", "follow-up", "followup", "medications", "disposition", "return precautions",
    ),
    stops=(
        *"i we he she they you it his her their our my your this that these those there".split(),
        *"is are was were be been being am will would should shall could has have had do does did".split(),
        *"patient patients pt mr mrs ms dr".split(),
        *"presents presented presenting reports reported recommend recommended recommending continue continued".split(),
        *"discussed discuss advised advise ordered order orders return counsel counseled counselled counseling".split(),
        *"start started starting schedule scheduled obtain obtained refer referred referral prescribe prescribed".split(),
        *"prescription increase decrease repeat take taking call get check stop initiate initiated proceed encourage".split(),
        *"encouraged provided provide administer administered avoid reviewed review performed placed".split(),
    ),
)


def lines_of(text: str) -> list[tuple[int, int]]:
    """Character ranges of the lines, stripped; empty ones left out."""
    found, start = [], 0
    for end in [i for i, c in enumerate(text) if c in "\n\r"] + [len(text)]:
        found.append(stripped(text, start, end))
        start = end + 1
    return [(a, b) for a, b in found if a < b]


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


class Problems:
    """The rule, ready to find problems."""

    def __init__(self, rule: ProblemRule) -> None:
        self.rule = rule

    def focus(self, text: str, tokens: list) -> tuple[str, list[tuple[int, int]]]:
        """What of a chart is looked at: "problems" or "within" with token ranges, or "all"."""
        sections = self.sections(text)
        for kind, ranges in (
            *(("problems", self.problems(text, lines)) for lines in sections),
            *(("within", lines) for lines in sections),
        ):
            touched = [[i for i, t in enumerate(tokens) if t.start < end and t.end > start] for start, end in ranges]
            if any(touched):
                return kind, [(own[0], own[-1] + 1) for own in touched if own]
        return "all", []

    def sections(self, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The lines in assessments, and the lines in plans."""
        own: dict[str, list] = {"headings": [], "plans": [], "": []}
        kind = ""
        for start, end in lines_of(text):
            line = text[start:end]
            if (begun := self.section(line.removesuffix(":").rstrip(), line.endswith(":"))) is not None:
                kind = begun
                continue
            colon = line.find(":")
            if colon >= 0 and (begun := self.named(line[:colon].rstrip())) is not None:
                kind = begun
                start, end = stripped(text, start + colon + 1, end)
            own[kind].append((start, end))
        return own["headings"], own["plans"]

    def named(self, heading: str) -> str | None:
        heading = heading.lower()
        return "headings" if heading in self.rule.headings else "plans" if heading in self.rule.plans else None

    def section(self, heading: str, colon: bool) -> str | None:
        """The kind of section that a heading begins: its rule's field, or "" for another one."""
        if (named := self.named(heading)) is not None:
            return named
        if heading.lower() in self.rule.others:
            return ""
        letters = sum(c.isupper() for c in heading)
        shouted = all(c.isupper() or c.isspace() or c in HEADING_SIGNS for c in heading)
        return "" if shouted and 3 <= len(heading) <= 50 and letters >= (2 if colon else 5) else None

    def problems(self, text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
        found, seen = [], set()
        for start, end in lines:
            start = unbulleted(text, start, end)
            phrase = stripped(text, start, phrase_end(text, start, end))
            words = text[slice(*phrase)].lower()
            if words not in seen and not self.labelled(text[start:end].lower()) and self.is_problem(words):
                seen.add(words)
                found.append(phrase)
        return found

    def labelled(self, line: str) -> bool:
        return any(line.startswith(label) and not line[len(label) : len(label) + 1].isalpha() for label in self.rule.labels)

    def is_problem(self, phrase: str) -> bool:
        if not 3 <= len(phrase) <= LONGEST or len(phrase.split()) > MOST_WORDS:
            return False
        if not phrase[0].isalnum() or sum(c.isalpha() for c in phrase) < 2:
            return False
        return not any(word in self.rule.stops for word in re.findall(r"[^\W\d_]+", phrase))


def unbulleted(text: str, start: int, end: int) -> int:
    """Where a line begins behind its bullets."""
    while True:
        at = start
        if text[at : at + 1] in tuple(BULLETS):
            at += 1
        else:
            numbered = text[at : at + 1] == "#"
            at += numbered
            digits = at
            while at < min(end, digits + 2) and text[at] in "0123456789":
                at += 1
            marked = at < end and text[at] in ".)"
            if at == digits and not numbered or not (marked or numbered):
                return start
            at += marked
        behind = at
        while behind < end and text[behind].isspace():
            behind += 1
        if behind == at:
            return start
        start = behind


def phrase_end(text: str, start: int, end: int) -> int:
    for i in range(start, end):
        if text[i] in ".:;" and (i + 1 == end or text[i + 1].isspace()):
            return i
        if text[i] in "-–—" and start < i < end - 1 and text[i - 1].isspace() and text[i + 1].isspace():
            return i
    return end
