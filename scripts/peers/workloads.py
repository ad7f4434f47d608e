"""What is computed: weights drawn at random (or the default bundle's), a chart, and its token ids.

Every workload leaves in its folder what chartcode imports or reads (a bundle, note.txt) and gives
the PyTorch module that the peers run or are exported from, with its inputs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import torch
import transformers
from modules import CHUNK, Classifier, Encoder, LabelAttention, PlmIcd
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
TEXT = ROOT / "tests" / "charts" / "discharge.txt"
BUNDLE = ROOT / "models" / "icd10cm-minilm"
NAMES = ["plm-icd", "plm-icd-short", "classifier", "default", "head-75k"]
LABELS, ALL_LABELS, THRESHOLD = 7942, 74879, 0.41


def prepare(name: str, folder: Path, chartcode: Path) -> None:
    """Draws and imports what `name` needs, unless it is there."""
    if (folder / "ready").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    if name.startswith("plm-icd"):
        draw_plm_icd(folder, LABELS, tokens=3072 if name == "plm-icd" else CHUNK)
    elif name == "head-75k":
        draw_plm_icd(folder, ALL_LABELS, tokens=3072, layers=1, intermediate=64)
    elif name == "classifier":
        draw_classifier(folder)
    else:
        shutil.copy(TEXT, folder / "note.txt")
    if (folder / "best_model.pt").is_file():
        source = ["import", "-q", folder / "best_model.pt", "--encoder", folder / "encoder", "--preprocess", "none"]
        run([chartcode, *source, "--out", folder / "bundle"])
    elif name == "default":
        windows = run([chartcode, "embed", "-q", "--windows", "--bundle", BUNDLE, folder / "note.txt"])
        places = [window["bytes"] for window in json.loads(windows)["windows"]]
        (folder / "windows.json").write_text(json.dumps(places), encoding="utf-8")
    (folder / "ready").touch()


def run(command: list) -> str:
    """The output of a command that must succeed."""
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def bundle(name: str, folder: Path) -> Path:
    """Where chartcode's bundle is."""
    return BUNDLE if name == "default" else folder / "bundle"


def write_note(folder: Path, tokenizer: Path, tokens: int) -> None:
    """A note of exactly `tokens` tokens, special tokens included, and their ids."""
    encode = Tokenizer.from_file(str(tokenizer)).encode
    text = TEXT.read_text(encoding="utf-8") * 9
    text = text[: encode(text).offsets[tokens - 2][1]]
    ids = encode(text).ids
    if len(ids) != tokens:
        raise SystemExit(f"the note has {len(ids)} tokens, not {tokens}")
    (folder / "note.txt").write_text(text, encoding="utf-8")
    (folder / "ids.json").write_text(json.dumps(ids), encoding="utf-8")


def roberta(layers: int = 12, intermediate: int = 3072) -> transformers.RobertaConfig:
    return transformers.RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, bos_token_id=0,
        pad_token_id=1, eos_token_id=2, num_hidden_layers=layers, intermediate_size=intermediate,
    )  # fmt: skip


def draw_plm_icd(folder: Path, labels: int, tokens: int, layers: int = 12, intermediate: int = 3072) -> None:
    """A checkpoint as medical-coding-reproducibility saves it."""
    config = roberta(layers, intermediate)
    state = {"roberta." + key: value for key, value in transformers.RobertaModel(config).state_dict().items()}
    state["attention.first_linear.weight"] = 0.05 * torch.randn(768, 768)
    state["attention.second_linear.weight"] = 0.1 * torch.randn(labels, 768)
    state["attention.third_linear.weight"] = 0.1 * torch.randn(labels, 768)
    state["attention.third_linear.bias"] = -4 + 0.5 * torch.randn(labels)
    checkpoint = {"model": state, "optimizer": {}, "scaler": {}, "epoch": 3, "db": torch.tensor(THRESHOLD)}
    torch.save(checkpoint, folder / "best_model.pt")
    (folder / "target2index.json").write_text(json.dumps({f"L{index:05d}": index for index in range(labels)}))
    config.save_pretrained(folder / "encoder")
    tokenizer = ROOT / "tests" / "parity" / "roberta" / "tokenizer.json"
    shutil.copy(tokenizer, folder / "encoder")
    write_note(folder, tokenizer, tokens)


def draw_classifier(folder: Path) -> None:
    """A folder as Transformers saves it: BERT-base, 50 labels, several of which may apply."""
    names = {index: f"L{index:02d}" for index in range(50)}
    config = transformers.BertConfig(num_labels=50, problem_type="multi_label_classification", id2label=names)
    config.label2id = {name: index for index, name in names.items()}
    model = transformers.BertForSequenceClassification(config)
    target = folder / "bundle"
    target.mkdir()
    save_file(model.state_dict(), target / "model.safetensors")
    config.architectures = ["BertForSequenceClassification"]
    config.save_pretrained(target)
    tokenizer = ROOT / "tests" / "parity" / "bert" / "tokenizer.json"
    shutil.copy(tokenizer, target)
    write_note(folder, tokenizer, 512)


def module(name: str, folder: Path) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """What peers run, and on what."""
    if name == "default":
        return default_encoder(), default_inputs(folder)
    if name == "classifier":
        config = transformers.BertConfig.from_pretrained(folder / "bundle")
        model = Classifier(config)
        model.model.load_state_dict(load_file(folder / "bundle" / "model.safetensors"))
        return model.eval(), (chart_ids(folder, 512),)
    state = torch.load(folder / "best_model.pt", weights_only=True)["model"]
    if name == "head-75k":
        head = LabelAttention(768, ALL_LABELS)
        head.load_state_dict({key[10:]: value for key, value in state.items() if key.startswith("attention.")})
        encoder = PlmIcd(roberta(1, 64), 1).roberta
        encoder.load_state_dict({key[8:]: value for key, value in state.items() if key.startswith("roberta.")}, strict=False)
        with torch.inference_mode():
            states = encoder.eval()(input_ids=chart_ids(folder, CHUNK)).last_hidden_state.flatten(0, 1)
        return head.eval(), (states,)
    model = PlmIcd(roberta(), LABELS)
    missing = model.load_state_dict(state, strict=False)
    if [key for key in missing.missing_keys if "position_ids" not in key]:
        raise SystemExit(f"weights that the module wants and the checkpoint lacks: {missing.missing_keys}")
    return model.eval(), (chart_ids(folder, CHUNK),)


def chart_ids(folder: Path, width: int) -> torch.Tensor:
    """`[windows, width]`."""
    return torch.tensor(json.loads((folder / "ids.json").read_text(encoding="utf-8"))).view(-1, width)


def default_encoder() -> torch.nn.Module:
    """The default bundle's encoder, its int8 rows widened."""
    config = transformers.BertConfig.from_pretrained(BUNDLE)
    stored = load_file(BUNDLE / "model.safetensors")
    state = {}
    for key, value in stored.items():
        if key.endswith("_scale") and key.removesuffix("_scale") in stored:
            continue
        scale = stored.get(key + "_scale")
        state[key] = value.float() if scale is None else value.float() * scale[:, None]
    model = Encoder(config)
    prefix = next(key for key in state if key.endswith("word_embeddings.weight")).split("embeddings.")[0]
    model.model.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()}, strict=False)
    return model.eval()


def default_inputs(folder: Path) -> tuple[torch.Tensor, ...]:
    """Ids and mask of the windows that chartcode makes, padded to the longest."""
    tokenizer = Tokenizer.from_file(str(BUNDLE / "tokenizer.json"))
    tokenizer.no_truncation()
    text = (folder / "note.txt").read_bytes()
    places = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    windows = [tokenizer.encode(text[place["start"] : place["end"]].decode()).ids for place in places]
    longest = max(map(len, windows))
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids in windows])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in windows])
    return ids, mask
