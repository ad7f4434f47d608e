# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "pandas==3.1.1", "pyarrow==26.0.0"]
# ///
"""Write the tables that the tests of chartcode-eval read, and what is in them.

    python scripts/evaluation/make_tables.py crates/chartcode-eval/tests/fixtures/tables

The tables are as pandas and pyarrow write them by default, and with every type of column that
holds the same: large strings, string views, dictionaries, lists of each, lists of fixed size.
`expected.json` holds the charts of each file, written by the json module. All data is made up.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

OUT = Path(sys.argv[1])
EXPECTED: dict[str, dict] = {"gold": {}, "predictions": {}}

NOTES = ["Chest pain on exertion.", "Follow-up: diabetes, 3 μg/kg/d.", "Well.\nNo complaint.", ""]
DIAGNOSES = [["I20.9", "I10"], ["E119"], [], ["J18.9", "R05", "J18.9"]]
PROCEDURES = [["02HV33Z"], None, [], ["0BH17EZ", "5A1935Z"]]
SPLITS = ["train", "val", "test", "test"]
LABELS = ["I10", "I20.9", "E11.9", "J18.9", "R05.1", "N17.9", "Z79.4"]


def dotted(code: str) -> str:
    return code if "." in code or len(code) <= 3 else f"{code[:3]}.{code[3:]}"


def codes(system: str, spelt: list[str] | None) -> list[dict]:
    dots = system == "icd10cm"
    return [{"system": system, "code": dotted(c) if dots else c} for c in spelt or []]


def gold(name: str, ids: list[str], **columns: list) -> None:
    keys = ["text", "codes", "split", "evidence"]
    rows = zip(*(columns.get(key, [None] * len(ids)) for key in keys), strict=True)
    charts = [dict(zip(["id", *keys], [i, *row])) for i, row in zip(ids, rows, strict=True)]
    EXPECTED["gold"][name] = charts


def mimic() -> None:
    """The form of medical-coding-reproducibility."""
    frame = pd.DataFrame({
        "subject_id": [10, 10, 11, 12],
        "_id": [22595853, 22841357, 29079034, 25742920],
        "text": NOTES,
        "target": [d + (p or []) for d, p in zip(DIAGNOSES, PROCEDURES)],
        "icd10_diag": DIAGNOSES,
        "icd10_proc": PROCEDURES,
        "num_words": [4, 5, 3, 0],
    })
    frame.to_parquet(OUT / "gold_mimic.parquet")
    frame.to_parquet(OUT / "gold_mimic_zstd.parquet", compression="zstd", row_group_size=2)
    frame.to_feather(OUT / "gold_mimic.feather")
    frame.to_feather(OUT / "gold_mimic_zstd.feather", compression="zstd", chunksize=3)
    frame.to_feather(OUT / "gold_mimic_plain.feather", compression="uncompressed")
    gaps = frame.assign(_id=frame["_id"].astype("float64"))  # as after a join
    gaps.to_parquet(OUT / "gold_mimic_float_ids.parquet")
    ids = [str(i) for i in frame["_id"]]
    both = [codes("icd10cm", d) + codes("icd10pcs", p) for d, p in zip(DIAGNOSES, PROCEDURES)]
    for name in ["gold_mimic.parquet", "gold_mimic_zstd.parquet", "gold_mimic.feather",
                 "gold_mimic_zstd.feather", "gold_mimic_plain.feather",
                 "gold_mimic_float_ids.parquet"]:
        gold(name, ids, text=NOTES, codes=both)
    splits = pd.DataFrame({"_id": frame["_id"], "split": SPLITS})
    splits.to_feather(OUT / "splits.feather")
    EXPECTED["splits"] = [list(pair) for pair in zip(ids, SPLITS)]


def typed() -> None:
    """One content in every type of column."""
    ids = ["a", "b", "c", "d"]
    text, many = pa.large_string(), pa.large_list(pa.large_string())
    short = pa.dictionary(pa.int8(), pa.string())
    kinds = {
        "large": (text, text, many, text),
        "dictionary": (short, text, pa.list_(pa.string()), short),
        "view": (pa.string_view(), pa.string_view(), pa.list_(pa.string_view()), pa.string_view()),
    }
    for kind, (id_type, note_type, codes_type, split_type) in kinds.items():
        table = pa.table({
            "id": pa.array(ids).cast(id_type),
            "note": pa.array(NOTES, note_type),
            "codes": pa.array(DIAGNOSES, codes_type),
            "split": pa.array(SPLITS).cast(split_type),
        })
        typed_files(table, kind, ids)
    of_dictionary = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 3, 4, 3], pa.int16()), ["I20.9", "I10", "E119", "J18.9", "R05"])
    table = pa.table({
        "id": ids,
        "note": NOTES,
        "codes": pa.ListArray.from_arrays([0, 2, 3, 3, 6], of_dictionary),
        "split": SPLITS,
    })
    feather.write_feather(table, OUT / "gold_list_of_dictionary.feather")
    typed_gold("gold_list_of_dictionary.feather", ids)
    with pa.ipc.new_stream(OUT / "gold_stream.arrow", table.schema) as stream:
        for batch in table.to_batches(max_chunksize=2):
            stream.write_batch(batch)
    typed_gold("gold_stream.arrow", ids)
    pairs = [["I10", "I20.9"], ["E11.9", "R05.1"]]
    table = pa.table({"note_id": [1, 2], "labels": pa.array(pairs, pa.list_(pa.string(), 2))})
    pq.write_table(table, OUT / "gold_fixed_size.parquet")
    gold("gold_fixed_size.parquet", ["1", "2"], codes=[codes("icd10cm", p) for p in pairs])


def typed_files(table: pa.Table, kind: str, ids: list[str]) -> None:
    pq.write_table(table, OUT / f"gold_{kind}.parquet", row_group_size=3)
    feather.write_feather(table, OUT / f"gold_{kind}.feather", compression="lz4")
    for ending in ["parquet", "feather"]:
        typed_gold(f"gold_{kind}.{ending}", ids)


def typed_gold(name: str, ids: list[str]) -> None:
    gold(name, ids, text=NOTES, codes=[codes("icd10cm", d) for d in DIAGNOSES], split=SPLITS)


def other_gold() -> None:
    spans = [[[[0, 10], [14, 22]], [[0, 5]]], None]
    types = [["ICD-10-CM", "ICD-9-CM"], ["ICD-10-CM"]]
    table = pa.table({
        "note_id": ["n1", "n2"],
        "text": NOTES[:2],
        "diagnosis_codes": [["I20.9", "4019"], ["E11.9"]],
        "diagnosis_code_types": types,
        "diagnosis_code_spans": pa.array(spans, pa.list_(pa.list_(pa.list_(pa.int64())))),
        "procedure_codes": pa.array([["3893"], None], pa.list_(pa.string())),
        "procedure_code_types": pa.array([["ICD-9-CM"], None], pa.list_(pa.string())),
    })
    pq.write_table(table, OUT / "gold_mdace.parquet")
    first = codes("icd10cm", ["I20.9"]) + [{"system": "icd9cm", "code": "401.9"}]
    evidence = [[{"code": code, "spans": [{"start": s, "end": e} for s, e in where]}
                 for code, where in zip(first, spans[0])], None]
    of_rows = [first + [{"system": "icd9pcs", "code": "38.93"}], codes("icd10cm", ["E11.9"])]
    gold("gold_mdace.parquet", ["n1", "n2"], text=NOTES[:2], codes=of_rows, evidence=evidence)

    table = pa.table({
        "hadm_id": pa.array([1, 1, 1, 2, 3, 3], pa.int32()),
        "code": ["I10", "E119", "0BH17EZ", None, "R05", "R05"],
        "system": ["icd10cm", "icd10cm", "icd10pcs", None, "icd10cm", "ICD10CM"],
    })
    pq.write_table(table, OUT / "gold_long.parquet", row_group_size=2)
    first = codes("icd10cm", ["I10", "E119"]) + codes("icd10pcs", ["0BH17EZ"])
    gold("gold_long.parquet", ["1", "2", "3"], codes=[first, [], codes("icd10cm", ["R05", "R05"])])

    table = pa.table({"id": ["a", "b"], "codes": ["I10; E11.9|R05.1 N17.9", None]})
    feather.write_feather(table, OUT / "gold_text.feather")
    gold("gold_text.feather", ["a", "b"], codes=[codes("icd10cm", ["I10", "E119", "R05.1", "N17.9"]), []])


def predictions() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(-3, 2, (5, len(LABELS))).astype(np.float32)
    probabilities = (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
    ids = ["22595853", "22841357", "29079034", "25742920", "27703517"]

    wide = pd.DataFrame(probabilities, columns=LABELS)
    wide["_id"] = [int(i) for i in ids]
    wide["target"] = [["I10"], [], ["R05.1", "I10"], ["E11.9"], []]
    for name, frame in {"wide.feather": wide, "wide.parquet": wide}.items():
        (frame.to_feather if name.endswith("feather") else frame.to_parquet)(OUT / name)
        dense(name, "probability", ids, probabilities)
    doubled = wide.astype({label: "float64" for label in LABELS})
    doubled.to_parquet(OUT / "wide_double.parquet", row_group_size=3)
    dense("wide_double.parquet", "probability", ids, probabilities)

    rows = [list(row) for row in logits]
    kinds = {
        "dense_fixed.parquet": pa.list_(pa.float32(), len(LABELS)),
        "dense_list.feather": pa.list_(pa.float64()),
        "dense_large.parquet": pa.large_list(pa.float32()),
    }
    for name, kind in kinds.items():
        table = pa.table({"id": ids, "logits": pa.array(rows, kind)})
        table = table.replace_schema_metadata({"labels": json.dumps(LABELS)})
        write = pq.write_table if name.endswith("parquet") else feather.write_feather
        write(table, OUT / name)
        dense(name, "logit", ids, logits)
    halves = logits.astype(np.float16)
    table = pa.table({"id": ids, "logits": pa.array([list(row) for row in halves], pa.list_(pa.float16()))})
    pq.write_table(table.replace_schema_metadata({"labels": json.dumps(LABELS)}), OUT / "dense_half.parquet")
    dense("dense_half.parquet", "logit", ids, halves.astype(np.float32))

    best = [np.argsort(-row, kind="stable")[:count] for row, count in zip(probabilities, [3, 2, 0, 1, 4])]
    listed = [[(LABELS[place], float(row[place])) for place in places]
              for row, places in zip(probabilities, best)]
    table = pa.table({
        "id": ids,
        "codes": pa.array([[code for code, _ in chart] for chart in listed], pa.list_(pa.large_string())),
        "probabilities": pa.array([[p for _, p in chart] for chart in listed], pa.list_(pa.float32())),
    })
    pq.write_table(table, OUT / "list.parquet")
    listing("list.parquet", "probability", ids, listed)
    feather.write_feather(table.select(["id", "codes"]), OUT / "list_order.feather")
    order = [[(code, -float(place)) for place, (code, _) in enumerate(chart, 1)] for chart in listed]
    listing("list_order.feather", "order", ids, order)

    long = [(i, code, p) for i, chart in zip(ids, listed) for code, p in (chart or [(None, None)])]
    table = pa.table({
        "id": [row[0] for row in long],
        "code": pa.array([row[1] for row in long]).dictionary_encode(),
        "score": pa.array([row[2] for row in long], pa.float64()),
    })
    pq.write_table(table, OUT / "long.parquet", row_group_size=4)
    listing("long.parquet", "probability", ids, listed)


def dense(name: str, scale: str, ids: list[str], scores: np.ndarray) -> None:
    charts = [{"id": i, "scores": [float(s) for s in row]} for i, row in zip(ids, scores)]
    EXPECTED["predictions"][name] = {"scale": scale, "labels": LABELS, "charts": charts}


def listing(name: str, scale: str, ids: list[str], listed: list[list[tuple[str, float]]]) -> None:
    charts = [{"id": i, "codes": chart} for i, chart in zip(ids, listed)]
    EXPECTED["predictions"][name] = {"scale": scale, "charts": charts}


def damaged() -> None:
    """Well-formed files that are not what is asked for."""
    bad = {
        "bad_text_type.parquet": {"id": ["a"], "text": [1], "codes": [["I10"]]},
        "bad_codes_type.parquet": {"id": ["a"], "codes": [[1.5]]},
        "bad_id_type.parquet": {"id": [["a"]], "codes": [["I10"]]},
        "bad_no_id.parquet": {"name": ["a"], "codes": [["I10"]]},
        "bad_no_codes.parquet": {"id": ["a"], "text": ["b"]},
        "bad_no_labels.parquet": {"id": ["a"], "scores": [[0.5, 0.1]]},
        "bad_unclear.parquet": {"id": ["a"], "codes": [["I10"]], "I10": [0.5], "R05.1": [0.5]},
        "bad_rows.parquet": {
            "id": ["a", None, "c", "d", "e"],
            "codes": [["I10"], ["I10"], ["I10", None], ["['I10']"], None],
        },
        "bad_wide.parquet": {
            "id": ["a", "b", "c", None, "e"],
            "I10": [0.5, None, 1.5, 0.5, 0.25],
            "R05.1": [0.5, 0.5, 0.5, 0.5, float("nan")],
        },
        "bad_list.parquet": {
            "id": ["a", "b", "c", "d"],
            "codes": [["I10", "I10"], ["I10"], ["I10"], ["I10"]],
            "probabilities": [[0.1, 0.2], [0.1, 0.2], [None], [0.5]],
        },
        "bad_apart.parquet": {"id": ["a", "b", "a"], "code": ["I10", "I10", "R05"]},
    }
    for name, columns in bad.items():
        pq.write_table(pa.table(columns), OUT / name)
    feather.write_feather(pa.table({"id": ["a"]}), OUT / "feather_v1.feather", version=1)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    mimic()
    typed()
    other_gold()
    predictions()
    damaged()
    (OUT / "expected.json").write_text(json.dumps(EXPECTED, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
