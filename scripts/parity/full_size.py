# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "tokenizers==0.23.3",
#   "torch==2.15.0",
#   "transformers==5.23.0",
# ]
# ///
"""A PLM-ICD of published size: RoBERTa-base, 7,942 labels, a note of 6,000 tokens.

Draws the model at random, pickles it as medical-coding-reproducibility does, imports
it with the command, codes the note, and compares logits, seconds and memory with
PyTorch on the same threads. Takes about two minutes and 2 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import time
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
LABELS, CHUNK, TOKENS, THRESHOLD = 7942, 128, 6000, 0.41


def draw(folder: Path) -> None:
    """best_model.pt, target2index.json, and the encoder's folder beside them."""
    torch.manual_seed(1)
    config = transformers.RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, initializer_range=0.05,
    )  # fmt: skip
    state = {"roberta." + key: value for key, value in transformers.RobertaModel(config).state_dict().items()}
    state["attention.first_linear.weight"] = 0.05 * torch.randn(768, 768)
    state["attention.second_linear.weight"] = 0.1 * torch.randn(LABELS, 768)
    state["attention.third_linear.weight"] = 0.1 * torch.randn(LABELS, 768)
    state["attention.third_linear.bias"] = -4 + 0.5 * torch.randn(LABELS)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {"model": state, "optimizer": {}, "scaler": {}, "epoch": 3, "db": torch.tensor(THRESHOLD)}
    torch.save(checkpoint, folder / "best_model.pt")
    (folder / "target2index.json").write_text(json.dumps({f"L{index:05d}": index for index in range(LABELS)}))
    config.save_pretrained(folder / "encoder")
    shutil.copy(ROOT / "tests" / "parity" / "roberta" / "tokenizer.json", folder / "encoder")


def note(folder: Path) -> tuple[Path, list[int]]:
    """A note of exactly TOKENS tokens, special tokens included."""
    tokenizer = Tokenizer.from_file(str(folder / "encoder" / "tokenizer.json"))
    text = (ROOT / "tests" / "charts" / "discharge.txt").read_text(encoding="utf-8") * 9
    text = text[: tokenizer.encode(text).offsets[TOKENS - 2][1]]
    ids = tokenizer.encode(text).ids
    path = folder / "note.txt"
    path.write_text(text, encoding="utf-8")
    return path, ids


def command(arguments: list) -> tuple[str, float, int]:
    """Output, seconds and the largest resident size in MiB of a run of the command."""
    start = time.perf_counter()
    process = subprocess.run(["/usr/bin/time", "-f", "%M", *map(str, arguments)], capture_output=True, text=True, check=True)
    return process.stdout, time.perf_counter() - start, int(process.stderr.strip().splitlines()[-1]) // 1024


def pytorch(folder: Path, ids: list[int]) -> tuple[torch.Tensor, list[float]]:
    """Logits by the published equations, and the seconds of three forward passes."""
    state = torch.load(folder / "best_model.pt", weights_only=True)["model"]
    config = transformers.RobertaConfig.from_pretrained(folder / "encoder")
    model = transformers.RobertaModel(config).eval()
    model.load_state_dict({key[8:]: value for key, value in state.items() if key.startswith("roberta.")}, strict=False)
    rows = torch.tensor(ids + [1] * (-len(ids) % CHUNK)).view(-1, CHUNK)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.no_grad():
            # The published code fills the attention mask up with ones: padding is attended to.
            x = model(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state.reshape(-1, 768)
            keys = torch.tanh(x @ state["attention.first_linear.weight"].T)
            mean = (keys @ state["attention.second_linear.weight"].T).softmax(dim=0).T @ x
            logits = (mean * state["attention.third_linear.weight"]).sum(dim=1) + state["attention.third_linear.bias"]
        seconds.append(time.perf_counter() - start)
    return logits, seconds


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "chartcode")
    parser.add_argument("--work", type=Path, required=True, help="a scratch folder with 2 GB of room")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work, binary = arguments.work, arguments.binary
    if not (work / "best_model.pt").is_file():
        draw(work)
    path, ids = note(work)
    bundle = work / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    source = ["import", "-q", work / "best_model.pt", "--encoder", work / "encoder", "--preprocess", "none"]
    _, seconds, memory = command([binary, *source, "--out", bundle])
    print(f"import: {seconds:.1f} s, {memory} MiB")
    options = ["-q", "-j", arguments.threads, "--bundle", bundle, path]
    for evidence in ["none", "contribution"]:
        runs = [command([binary, "code", "--format", "json", "--evidence", evidence, *options]) for _ in range(3)]
        codes = len(json.loads(runs[0][0])[0]["codes"])
        times = ", ".join(f"{run[1]:.1f}" for run in runs)
        print(f"code --evidence {evidence}: {times} s start to answer, {max(r[2] for r in runs)} MiB, {codes} codes")
    ours = torch.tensor(json.loads(command([binary, "scores", *options])[0])["logits"])
    theirs, seconds = pytorch(work, ids)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"PyTorch: {', '.join(f'{s:.1f}' for s in seconds)} s the forward pass alone, {memory} MiB")
    flips = ((ours.sigmoid() > THRESHOLD) != (theirs.sigmoid() > THRESHOLD)).sum().item()
    print(f"largest difference of {LABELS} logits {(ours - theirs).abs().max():.1e}, decisions changed {flips}")


if __name__ == "__main__":
    main()
