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
"""Write tests/parity: tiny random models of every encoder family and their reference outputs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
import transformers

import families
import golden
import heads
import pickles
import slow

PARITY = Path(__file__).resolve().parents[2] / "tests" / "parity"


def write_family(name: str, out: Path) -> None:
    """The family's folder and whatever else is made of its model or tokenizer."""
    model, tokenizer = families.build(name)
    folder = out / name
    families.save(model, tokenizer, folder)
    golden.write(name, model, tokenizer, folder)
    if name == "roberta":
        slow.write_roberta(tokenizer, out / "roberta-slow")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        pickles.write(model, tokenizer, config, out / "pickles")
    if name == "mpnet":
        slow.write_mpnet(tokenizer, out / "mpnet-slow")
    if name == "modernbert-cls":
        families.write_hub_config(folder)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PARITY, help="folder that gets one folder for each family")
    parser.add_argument("--only", nargs="*", help="names of families")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    heads.save(args.out / "heads")
    for name in args.only or families.FAMILIES:
        write_family(name, args.out)
        print(name)


if __name__ == "__main__":
    main()
