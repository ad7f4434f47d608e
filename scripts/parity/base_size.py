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
"""Compare chartcode with PyTorch on random encoders of the published base size.

For every family a model of its default configuration (12 layers, hidden size 768
and so on) is drawn, once with its own classification head and once with a PLM-ICD
head of as many labels as asked for, imported by the command and scored on two
notes. Prints a row a model: the largest difference of any logit, and seconds.
Too slow and too large for the tests; run it by hand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
PARITY = ROOT / "tests" / "parity"
CHUNK = 128

# Class prefix, the committed tokenizer that its ids come from, fields that differ from the default.
FAMILIES = {
    "bert": ("Bert", "bert", {}),
    "roberta": ("Roberta", "roberta", {
        "vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
    }),
    "electra": ("Electra", "electra", {
        "hidden_size": 768, "embedding_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
    }),
    "distilbert": ("DistilBert", "distilbert", {}),
    "albert": ("Albert", "albert", {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}),
    "mpnet": ("MPNet", "mpnet", {"max_position_embeddings": 514}),
    "deberta-v3": ("DebertaV2", "deberta-v3", {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "pooler_hidden_size": 768,
    }),
    "longformer": ("Longformer", "longformer", {
        "vocab_size": 50265, "max_position_embeddings": 4098, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
        "attention_window": [512] * 12,
    }),
    "modernbert": ("ModernBert", "modernbert", {}),
    "nomic-bert": ("NomicBert", "nomic-bert", {}),
    "gte": ("Gte", "gte", {"vocab_size": 30528}),
}  # fmt: skip


def notes() -> list[dict]:
    """A short note, and the discharge note of the tests as often as to fill several windows."""
    short = (ROOT / "tests" / "charts" / "discharge.txt").read_text(encoding="utf-8")
    return [{"id": "short", "text": short[:600]}, {"id": "long", "text": short}]


def draw(name: str, labels: int, head: str) -> torch.nn.Module:
    """A random classifier of base size; wide enough that logits spread over some units."""
    prefix, _, fields = FAMILIES[name]
    tokenizer = json.loads((PARITY / FAMILIES[name][1] / "config.json").read_text())
    ids = {key: tokenizer.get(key) for key in ["pad_token_id", "bos_token_id", "eos_token_id"]}
    config = getattr(transformers, prefix + "Config")(
        **fields, **ids, num_labels=labels if head == "classification" else 2,
        problem_type="multi_label_classification", attn_implementation="eager", initializer_range=0.05,
    )  # fmt: skip
    torch.manual_seed(11)
    model = getattr(transformers, prefix + "ForSequenceClassification")(config).eval().float()
    generator = torch.Generator().manual_seed(12)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            if parameter.dim() == 1:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def save(model: torch.nn.Module, name: str, labels: int, head: str, folder: Path) -> dict[str, torch.Tensor]:
    """The folder that is imported; returns the head's tensors."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    shutil.copy(PARITY / FAMILIES[name][1] / "tokenizer.json", folder)
    codes = [f"L{index:05d}" for index in range(labels)]
    (folder / "target_tokenizer.json").write_text(json.dumps(codes))
    if head == "classification":
        return {}
    size = model.config.hidden_size
    generator = torch.Generator().manual_seed(13)
    random = lambda *shape, width: width * torch.randn(shape, generator=generator)  # noqa: E731
    tensors = {
        "first_linear.weight": random(size, size, width=0.05),
        "second_linear.weight": random(labels, size, width=0.1),
        "third_linear.weight": random(labels, size, width=0.1),
        "third_linear.bias": random(labels, width=0.5),
    }
    file = folder / "model.safetensors"
    own = {key: value for key, value in load_file(file).items() if not key.startswith(("classifier", "pooler"))}
    save_file({**own, **tensors}, file)
    return tensors


def hidden(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """Last hidden states of one window; the first token is global where attention slides."""
    extra = {}
    if model.config.model_type == "longformer":
        extra["global_attention_mask"] = torch.tensor([[1] + [0] * (len(ids) - 1)])
    return model.base_model(input_ids=torch.tensor([ids]), **extra).last_hidden_state[0]


def reference(model, tokenizer: Tokenizer, text: str, head: dict[str, torch.Tensor], window: int) -> torch.Tensor:
    """Logits of one note."""
    whole = tokenizer.encode(text, add_special_tokens=True).ids
    body = tokenizer.encode(text, add_special_tokens=False).ids
    with torch.no_grad():
        if head:
            x = torch.cat([hidden(model, whole[at : at + CHUNK]) for at in range(0, len(whole), CHUNK)])
            keys = torch.tanh(x @ head["first_linear.weight"].T)
            alpha = (keys @ head["second_linear.weight"].T).softmax(dim=0)
            mean = alpha.T @ x
            return (mean * head["third_linear.weight"]).sum(dim=1) + head["third_linear.bias"]
        lead, trail = whole.index(body[0]), len(whole) - len(body) - whole.index(body[0])
        room = window - lead - trail
        rows = []
        for at in range(0, len(body), room):
            ids = [*whole[:lead], *body[at : at + room], *whole[len(whole) - trail :]]
            extra = {}
            if model.config.model_type == "longformer":
                extra["global_attention_mask"] = torch.tensor([[1] + [0] * (len(ids) - 1)])
            rows.append(model(input_ids=torch.tensor([ids]), **extra).logits[0])
        return torch.stack(rows).amax(dim=0)


def compare(binary: Path, name: str, labels: int, head: str, work: Path) -> str:
    """One row of the table."""
    model = draw(name, labels, head)
    folder, bundle = work / "checkpoint", work / "bundle"
    tensors = save(model, name, labels, head, folder)
    shutil.rmtree(bundle, ignore_errors=True)
    window = 512
    options = ["--quiet", "--preprocess", "none", "--padding-mode", "none"]
    options += ["--window-tokens", str(CHUNK if tensors else window)]
    subprocess.run([binary, "import", folder, "--out", bundle, *options], check=True, stdout=subprocess.DEVNULL)
    file = work / "notes.jsonl"
    file.write_text("".join(json.dumps(note) + "\n" for note in notes()))
    start = time.perf_counter()
    command = [binary, "scores", "--quiet", "--bundle", bundle, file]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = time.perf_counter() - start
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    worst, spread, flips, theirs = 0.0, 0.0, 0, 0.0
    for note, line in zip(notes(), lines, strict=True):
        start = time.perf_counter()
        expected = reference(model, tokenizer, note["text"], tensors, window)
        theirs += time.perf_counter() - start
        logits = torch.tensor(json.loads(line)["logits"])
        worst = max(worst, (logits - expected).abs().max().item())
        spread = max(spread, expected.std().item())
        flips += ((logits > 0) != (expected > 0)).sum().item()
    own = rounding(model, tokenizer, tensors, window)
    return (
        f"| {name} | {head} | {worst:.1e} | {own:.1e} | {spread:.2f} | {flips} of {2 * labels} "
        f"| {ours:.1f} s | {theirs:.1f} s |"
    )


def rounding(model: torch.nn.Module, tokenizer: Tokenizer, head: dict[str, torch.Tensor], window: int) -> float:
    """How far PyTorch in f32 is from PyTorch in f64, on the short note."""
    text = notes()[0]["text"]
    single = reference(model, tokenizer, text, head, window)
    double = reference(model.double(), tokenizer, text, {key: value.double() for key, value in head.items()}, window)
    return (single.double() - double).abs().max().item()


def main() -> None:
    """A row a family and head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "chartcode")
    parser.add_argument("--work", type=Path, required=True, help="a scratch folder with 2 GB of room")
    parser.add_argument("--only", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--labels", type=int, default=200)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    columns = [
        "encoder", "head", "largest difference", "PyTorch f32 against its own f64", "spread of logits",
        "decisions changed", "chartcode, loading included", "PyTorch",
    ]  # fmt: skip
    print("| " + " | ".join(columns) + " |", "|---" * len(columns) + "|", sep="\n", flush=True)
    for name in arguments.only:
        for head in ["classification", "laat"]:
            print(compare(arguments.binary, name, arguments.labels, head, arguments.work), flush=True)


if __name__ == "__main__":
    main()
