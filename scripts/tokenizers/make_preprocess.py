"""Writes the character tables of Python and what the literal preprocessing rules make of texts.

python make_preprocess.py TABLES.rs REFERENCE.json [COUNT]

COUNT random texts join the reference: a check to run by hand.
"""

import json
import random
import re
import sys
import unicodedata


def mullenbach(text):
    text = text.lower()
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"(\s\d+)+\s", " ", text)
    text = re.sub(r"\s+", " ", text)
    return text.strip()


def caml(text):
    # nltk.RegexpTokenizer(r"\w+").tokenize is re.findall with these flags.
    tokens = re.findall(r"\w+", text, re.UNICODE | re.MULTILINE | re.DOTALL)
    return " ".join(token.lower() for token in tokens if not token.isnumeric())


TEXTS = [
    "", " ", "12", " 12", "12 ", " 12 ", "1 2 3", " 1 2 3 ", "a 1 2 3", "1 2 3 a", "a 12 b", "a 12",
    "12 a", "(12) a", "a (12)", "a (12", "12ab 34", "a 12ab 34 b 5 6c 7 8 9 d", "12. Aspirin 81 mg po daily",
    "#1 CHF\r\n#2 DM2\r\n", "\r\n1\r\n2\r\nx", "x\r\n2024", "T 98.6 HR 80 BP 120/80", "[**2101-10-20**]",
    "Discharge Date:  [**2101-10-31**]\nService: SURGERY", "İ", "İstanbul 12 İ", "aİ12 b", "12İ 3", "İ 5",
    "\u212aelvin 3\u212a 4 \u212a", "K\u212ak\u212a", "straße STRASSE ẞ ß", "ΟΔΟΣ ΣΑΣ Σ αΣ'Α σς", "ΑΣ\u0301 ΑΣ\u00adΒ",
    "Café naïve 3 é 4", "e\u0301 12 e\u0301", "½ 12½ ² x² ⅷ Ⅷ 一 三百 四a", "٣٤ ٣ab 12٣", "𝟘𝟙 a𝟘 ① ⑫b", "snake_case _ __ 1_2 _1",
    "發熱38度，咳嗽 39", "Ⱥ Ⱦ Å \u2c6f", "ﬁ Ǆ ǅ ᾼ", "👍 1 👩‍⚕️ 2", "\u00a01\u00a02\u00a0", "a\u200b1\u200bb", "हिन्दी १२ क्षि", "ⓐ ⓑ1 ª º µ",
    "0 00 000x 1 y 2", "x 1 2y 3 4", "\t9\t", "-1-", "1-2", "\x1c1\x1d2\x1e", "ΣΣΣ 𐐀𐐁 Ꭰ ꭰ Ა",
]  # fmt: skip


def ranges(test):
    found, start = [], None
    for code in range(0x110000 + 1):
        inside = code < 0x110000 and not 0xD800 <= code < 0xE000 and test(chr(code))
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            found.append((start, code - 1))
            start = None
    return found


def table(name, doc, rows):
    lines, line = [], ""
    for first, last in rows:
        item = f"(0x{first:x}, 0x{last:x}),"
        if len(line) + len(item) + 1 > 95:
            lines.append(line)
            line = ""
        line += (" " if line else "") + item
    lines.append(line)
    body = "\n".join(f"    {line}" for line in lines)
    return f"/// {doc}\n#[rustfmt::skip]\npub(super) static {name}: [(u32, u32); {len(rows)}] = [\n{body}\n];\n"


def random_texts(count=0):
    random.seed(3)
    odd = "aZ09 \n.\t_-İ\u212aßẞΣσ\u0301\u00ad½²٣一Ⱥé'\u00a0😀"
    everything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    for _ in range(count):
        pool = odd if random.random() < 0.7 else "12 a." if random.random() < 0.5 else everything
        yield "".join(random.choices(pool, k=random.randint(0, 30)))


def main():
    tables, reference, *count = sys.argv[1:]
    word = ranges(lambda c: re.match(r"\w", c) is not None)
    numeric = ranges(str.isnumeric)
    with open(tables, "w") as file:
        file.write(
            "//! What Python takes for word characters and for numbers, Unicode "
            f"{unicodedata.unidata_version}.\n//!\n"
            "//! Written by `scripts/tokenizers/make_preprocess.py`: neither is a property that Rust's own methods know.\n\n"
            + table("WORD", r"`re.match(r\"\w\", c)`: first and last of each range.".replace('\\"', '"'), word)
            + "\n" + table("NUMERIC", "`c.isnumeric()`.", numeric)
        )
    rows = [{"raw": t, "mullenbach": mullenbach(t), "caml": caml(t)} for t in TEXTS + list(random_texts(*map(int, count)))]
    with open(reference, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(word), len(numeric), len(rows))


main()
