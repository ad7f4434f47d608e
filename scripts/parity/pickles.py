"""Checkpoints in each published label-attention layout, and a few files for the pickle reader."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer

import families
import golden
import heads
import slow

CODES = [
    "I10", "E11.9", "J44.1", "N17.9", "I50.23", "F32.A", "E87.6", "J18.9", "I48.91", "D50.0", "K21.9", "G43.009",
]  # fmt: skip
LABELS = len(CODES)
State = dict[str, torch.Tensor]
CONFIG_YAML = """seed: 1337
debug: false
gpu: -1
load_model: null
callbacks:
- name: BestModelCallback
  configs: {{}}
data:
  data_filename: mimiciv_icd10.feather
  split_filename: mimiciv_icd10_split.feather
  max_length: 4000
dataloader:
  max_batch_size: 8
  batch_size: 16
dataset:
  name: HuggingfaceDataset
  configs:
    chunk_size: {row}
    max_length: 4000
model:
  name: {name}
  configs:
    model_path: roberta
optimizer:
  name: AdamW
  configs:
    lr: 5.0e-05
    weight_decay: 0
trainer:
  name: HuggingfaceTrainer
  epochs: 20
  use_amp: true
"""


def prefixed(prefix: str, state: State) -> State:
    """The same tensors under longer names."""
    return {prefix + name: value.clone().contiguous() for name, value in state.items()}


def noise(*shape: int) -> torch.Tensor:
    """Values of a tensor that no result depends on."""
    return 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))


def pooler(prefix: str) -> State:
    """An unused pooler."""
    return {f"{prefix}pooler.dense.weight": noise(32, 32), f"{prefix}pooler.dense.bias": noise(32)}


def wrapped(state: State, trained: str, **more: object) -> dict:
    """A training checkpoint; the optimizer has seen one step of the tensors under `trained`."""
    parameters = [torch.nn.Parameter(v.clone()) for name, v in state.items() if name.startswith(trained)]
    optimizer = torch.optim.AdamW(parameters, lr=5e-5, weight_decay=0.0)
    for parameter in parameters:
        parameter.grad = 0.01 * torch.ones_like(parameter)
    optimizer.step()
    scaler = {
        "scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 0,
    }  # fmt: skip
    return {
        "model": state, "optimizer": optimizer.state_dict(), "scaler": scaler, "epoch": 7,
        "db": torch.tensor(0.3737), **more,
    }  # fmt: skip


def save(value: object, path: Path) -> None:
    """torch.save into a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(value, path)


def miulab_state(encoder: State) -> State:
    """PLM-ICD: the head's layers at top level, a buffer of positions inside the encoder."""
    state = prefixed("roberta.", encoder)
    state["roberta.embeddings.position_ids"] = torch.arange(66).unsqueeze(0)
    return {**state, **heads.make("laat")}


def write_miulab(encoder: State, config: dict, tokenizer: Tokenizer, folder: Path) -> list[str]:
    """Label order: the sorted set of the lines of ALL_CODES.txt."""
    save(miulab_state(encoder), folder / "pytorch_model.bin")
    labels = {
        "id2label": {str(i): f"LABEL_{i}" for i in range(LABELS)}, "label2id": {f"LABEL_{i}": i for i in range(LABELS)},
    }  # fmt: skip
    changed = {"architectures": ["RobertaForMultilabelClassification"], "model_mode": "laat", **labels}
    slow.write_json(folder / "config.json", {**config, **changed})
    slow.write_bytes_model(tokenizer, folder)
    lines = [*CODES, CODES[3]]
    (folder / "ALL_CODES.txt").write_text("".join(f"{code}\n" for code in lines), encoding="utf-8")
    return sorted(set(lines))


def write_edin(encoder: State, folder: Path) -> list[str]:
    """Edin and colleagues, 2023: target2index.json in no particular order."""
    state = {**prefixed("roberta.", encoder), **pooler("roberta."), **prefixed("attention.", heads.make("laat"))}
    save(wrapped(state, "attention."), folder / "best_model.pt")
    order = [CODES[(5 * i + 2) % LABELS] for i in range(LABELS)]
    shuffled = sorted(order, key=lambda code: code[::-1])
    slow.write_json(folder / "target2index.json", {code: order.index(code) for code in shuffled})
    (folder / "config.yaml").write_text(CONFIG_YAML.format(name="PLMICD", row=golden.ROW), encoding="utf-8")
    return order


def write_edin2024(encoder: State, kind: str, folder: Path) -> list[str]:
    """Edin and colleagues, 2024: a compiled model and a list of targets."""
    head, name = heads.make(kind), "PLMICD"
    if kind == "ca":
        norm = "label_wise_attention.layernorm_1."
        head, name = {**head, norm + "weight": noise(32), norm + "bias": noise(32)}, "PLMCA"
    else:
        head = prefixed("label_wise_attention.", head)
    state = {**prefixed("_orig_mod.roberta_encoder.", encoder), **pooler("_orig_mod.roberta_encoder.")}
    state |= prefixed("_orig_mod.", head)
    save(wrapped(state, "_orig_mod.label_wise", num_classes=LABELS), folder / "best_model.pt")
    order = [CODES[(7 * i + 3) % LABELS] for i in range(LABELS)]
    slow.write_json(folder / "target_tokenizer.json", order)
    (folder / "config.yaml").write_text(CONFIG_YAML.format(name=name, row=golden.ROW), encoding="utf-8")
    return order


def write_gki(encoder: State, folder: Path) -> list[str]:
    """GKI-ICD: a plain state dict."""
    save({**prefixed("text_encoder.", encoder), **heads.make("gki")}, folder / "pytorch_model.bin")
    order = CODES[::-1]
    slow.write_json(folder / "target2index.json", {code: order.index(code) for code in CODES})
    return order


def save_legacy(state: State, path: Path) -> None:
    """The format of torch.save before 1.6, apart from the names of its storages.

    torch.save(..., _use_new_zipfile_serialization=False) names and sorts the
    storages by their addresses; here they are numbered, so that the file is
    repeatable.
    """
    storages: list[torch.UntypedStorage] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: object) -> tuple | None:
            if not isinstance(item, torch.storage.TypedStorage):
                return None
            storages.append(item._untyped_storage)
            kind = getattr(torch, item._pickle_storage_type())
            return ("storage", kind, f"{len(storages):015d}", "cpu", item._size(), None)

    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
    with path.open("wb") as file:
        for value in (torch.serialization.MAGIC_NUMBER, 1001, system):
            pickle.dump(value, file, protocol=2)
        Pickler(file, protocol=2).dump(state)
        pickle.dump([f"{i + 1:015d}" for i in range(len(storages))], file, protocol=2)
        for tensor, storage in zip(state.values(), storages, strict=True):
            file.write(struct.pack("<q", storage.nbytes() // tensor.element_size()) + bytes(storage))
    loaded = torch.load(path, weights_only=True)
    assert list(loaded) == list(state) and all(torch.equal(loaded[name], state[name]) for name in state)


def write_views(folder: Path) -> None:
    """Tensors that share a storage, a transposed one and other float types."""
    base = torch.arange(24, dtype=torch.float32) / 8 - 1.5
    state = {
        "whole": base.view(4, 6), "rows": base.view(4, 6)[1:3], "column": base.view(4, 6)[:, 2],
        "tail": base[20:], "transposed": base[2:14].view(3, 4).t(), "scalar": base[7],
        "half": (base[:6] * 0.3).half(), "brain": (base[6:12] * 0.3).bfloat16(), "double": base[12:18].double() / 3,
        "integers": torch.tensor([[1, -2], [3, 4]]), "flags": torch.tensor([True, False, True]),
    }  # fmt: skip
    torch.save(state, folder / "views.bin")
    expected = {
        name: {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "values": values(t)}
        for name, t in state.items()
    }
    slow.write_json(folder / "views.json", expected)


def values(tensor: torch.Tensor) -> list[float]:
    """The elements row by row; every float type here is exact as a double."""
    return tensor.double().flatten().tolist()


class Evil:
    """Runs a command when it is unpickled; the command does nothing."""

    def __reduce__(self) -> tuple:
        return os.system, ("true",)


def write(roberta: transformers.PreTrainedModel, tokenizer: Tokenizer, config: dict, folder: Path) -> None:
    """Every checkpoint and golden.json."""
    encoder = roberta.base_model.state_dict()
    layouts = {
        "miulab": ("laat", "pytorch_model.bin", write_miulab(encoder, config, tokenizer, folder / "miulab")),
        "edin": ("laat", "best_model.pt", write_edin(encoder, folder / "edin")),
        "edin2024": ("ca", "best_model.pt", write_edin2024(encoder, "ca", folder / "edin2024")),
        "edin2024-laat": ("laat", "best_model.pt", write_edin2024(encoder, "laat", folder / "edin2024-laat")),
        "gki": ("gki", "pytorch_model.bin", write_gki(encoder, folder / "gki")),
    }
    save_legacy(miulab_state(encoder), folder / "legacy.bin")
    write_views(folder)
    torch.save({"classifier.weight": torch.ones(2, 2), "classifier.bias": Evil()}, folder / "evil.bin")
    texts, documents = golden.texts(), []
    for text in texts:
        ids = tokenizer.encode(text["text"]).ids
        documents.append(golden.document(roberta, ids, "none", families.pad_id(tokenizer)))
    out = {}
    for name, (kind, file, codes) in layouts.items():
        rows = [golden.rounded(heads.HEADS[kind](heads.make(kind), x)[0]) for x in documents]
        charts = [{"id": text["id"], "logits": row} for text, row in zip(texts, rows, strict=True)]
        out[name] = {"head": kind, "file": file, "padding": "none", "codes": codes, "charts": charts}
    lines = ",\n".join(f'"{name}":{json.dumps(value, separators=(",", ":"))}' for name, value in out.items())
    top = f'{{"format":1,"document_row":{golden.ROW},"tokenizer":"roberta","folders":{{\n{lines}\n}}}}\n'
    (folder / "golden.json").write_text(top, encoding="ascii")
