# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "safetensors==0.8.0",
#   "tokenizers==0.23.3",
#   "torch==2.15.0",
#   "transformers==5.23.0",
# ]
# ///
"""Write tests/parity/words: tiny random CAML, MultiResCNN and LAAT models as they are published."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import torch
from torch import nn

from pickles import save_legacy
from word_models import LABELS, Caml, Caml2023, Laat, Laat2023, MultiResCnn2023

TEXTS = Path(__file__).resolve().parent / "texts.jsonl"
OUT = Path(__file__).resolve().parents[2] / "tests" / "parity" / "words"
CODES = [
    "I10", "E11.9", "J44.1", "N17.9", "I50.23", "F32.A", "E87.6", "J18.9", "I48.91", "D50.0", "K21.9", "G43.009",
]  # fmt: skip
STORED = [0, 5, 11]  # labels whose attention is stored
REPEATED = ("long", 4)  # one chart is read that many times over, to be longer than any block
LOGIT_SPREAD = 1.5
SEED = 20260303


def mullenbach(text: str) -> str:
    """The rules of medical-coding-reproducibility."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", text.lower())
    return re.sub(r"\s+", " ", re.sub(r"(\s\d+)+\s", " ", text)).strip()


def caml(text: str) -> str:
    """The rules of caml-mimic."""
    return " ".join(word.lower() for word in re.findall(r"\w+", text) if not word.isnumeric())


# For each name: model, rules for the text, names of weights and vocabulary.
MODELS = {
    "caml": (Caml, caml, "model.pth", "vocab.csv"),
    "caml-2023": (Caml2023, mullenbach, "best_model.pt", "token2index.json"),
    "multirescnn-2023": (MultiResCnn2023, mullenbach, "best_model.pt", "token2index.json"),
    "laat": (Laat, caml, "model.pth", "token2index.json"),
    "laat-2023": (Laat2023, mullenbach, "best_model.pt", "token2index.json"),
}


def texts() -> list[dict]:
    """Lines of {"id", "text"}, and one chart several times over."""
    rows = [json.loads(line) for line in TEXTS.read_text(encoding="ascii").splitlines()]
    name, copies = REPEATED
    text = next(row["text"] for row in rows if row["id"] == name)
    return [*rows, {"id": name, "text": "\n".join([text] * copies), "copies": copies}]


def vocabulary(rules: object, name: str) -> tuple[list[str], str]:
    """Two thirds of the charts' words by index, and the entry for the others."""
    words = sorted({word for row in texts() for word in rules(row["text"]).split()})
    known = [word for at, word in enumerate(words) if at % 3]
    if name == "vocab.csv":
        return ["**PAD**", *known, "**UNK**"], "**UNK**"
    # In no particular order, as word2vec leaves them.
    known = sorted(known, key=lambda word: word[::-1])
    unknown = "_UNK" if rules is caml else "<UNK>"
    return ["_PAD" if rules is caml else "<PAD>", *known[:20], unknown, *known[20:]], unknown


def randomise(model: nn.Module, seed: int) -> None:
    """Every parameter and running statistic, wide enough to matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in sorted(model.state_dict().items()):
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.copy_(0.5 + noise.abs())
            elif value.dim() == 1:
                value.copy_((1.0 if ".left." in name or ".shortcut." in name else 0.0) + 0.3 * noise)
            else:
                value.copy_(0.6 * noise)


def spread_logits(model: nn.Module, size: int, seed: int) -> None:
    """Scale the last map so that logits of random words are neither all alike nor extreme."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(1, size, (32, 48), generator=generator)
    last = [part for part in model.modules() if isinstance(part, nn.Linear) and part.out_features == LABELS][-1]
    with torch.no_grad():
        raw = torch.cat([model(row[None])[0] for row in rows]) - last.bias
        last.weight.mul_(round(LOGIT_SPREAD / float(raw.std()), 2))


def save_files(model: nn.Module, words: list[str], name: str, folder: Path) -> list[str]:
    """The files of a publication; returns the label order."""
    _, _, weights, vocabulary_name = MODELS[name]
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
    if vocabulary_name == "vocab.csv":
        (folder / vocabulary_name).write_text("".join(f"{word}\n" for word in words[1:-1]), encoding="utf-8")
    else:
        index = {word: at for at, word in enumerate(words)}
        write_json(folder / vocabulary_name, {word: index[word] for word in sorted(words)})
    if weights == "model.pth":
        # caml-mimic's checkpoints are of the form before PyTorch 1.6.
        save = save_legacy if name == "caml" else torch.save
        save(state, folder / weights)
        (folder / "ALL_CODES.txt").write_text("".join(f"{code}\n" for code in CODES), encoding="utf-8")
        return sorted(CODES)
    torch.save({"model": state, "epoch": 7, "db": torch.tensor(0.3737)}, folder / weights)
    order = [CODES[(5 * at + 2) % LABELS] for at in range(LABELS)]
    write_json(folder / "target2index.json", {code: order.index(code) for code in CODES})
    return order


def write_json(path: Path, value: object) -> None:
    """Indented, with a line end."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def answer(model: nn.Module, ids: list[int]) -> tuple[list[float], torch.Tensor]:
    """Logits of eight digits, and attention."""
    with torch.no_grad():
        logits, alpha = model(torch.tensor([ids]))
    return [float(f"{value:.8g}") for value in logits[0].tolist()], alpha


def chart(model: nn.Module, row: dict, ids: list[int]) -> dict:
    """Logits, and for the shorter charts the attention of a few labels."""
    logits, alpha = answer(model, ids)
    out = {"id": row["id"], "copies": row.get("copies", 1), "ids": ids, "logits": logits}
    if isinstance(model, MultiResCnn2023):
        model.attention.tanh = False
        out["logits_without_attention_tanh"], _ = answer(model, ids)
        model.attention.tanh = True
    if "copies" in row:
        del out["ids"]
    else:
        out["attention"] = {
            str(label): [round(value, 6) for value in alpha[0, label].tolist()] for label in STORED
        }
    return out


def write(name: str, out: Path) -> None:
    """A model's folder."""
    make, rules, _, vocabulary_name = MODELS[name]
    words, unknown = vocabulary(rules, vocabulary_name)
    index = {word: at for at, word in enumerate(words)}
    seed = SEED + list(MODELS).index(name)
    model = make(len(words)).eval()
    randomise(model, seed)
    spread_logits(model, len(words), seed)
    codes = save_files(model, words, name, out / name)
    charts = []
    for row in texts():
        ids = [index.get(word, index[unknown]) for word in rules(row["text"]).split()]
        charts.append(chart(model, row, ids))
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in charts)
    top = json.dumps({"codes": codes, "unknown": index[unknown]}, separators=(",", ":"))
    (out / name / "golden.json").write_text(f'{top[:-1]},"charts":[\n{lines}\n]}}\n', encoding="ascii")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder that gets one folder for each model")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in MODELS:
        write(name, args.out)
        print(name)


if __name__ == "__main__":
    main()
