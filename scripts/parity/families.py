"""One tiny random multi-label classifier of every encoder family, and how to run it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer

import equations
import tokenisers

CODES = ["I10", "E11.9", "J44.1", "N17.9", "I50.23", "F32.A"]
LOGIT_SPREAD = 1.5  # standard deviation of the logits over random ids
SEED = 20260301


@dataclasses.dataclass(frozen=True)
class Family:
    """Class prefix in Transformers (or a module of equations), tokenizer and the fields that differ."""

    model: str | type[torch.nn.Module]
    tokenizer: Callable[[], Tokenizer]
    fields: dict


def roberta_like(**extra) -> dict:
    """RoBERTa's special ids; its positions start after the padding id."""
    return {
        "max_position_embeddings": 66, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, **extra,
    }  # fmt: skip


def deberta_like(**extra) -> dict:
    """The fields of microsoft/deberta-v3-base."""
    return {
        "relative_attention": True, "position_buckets": 8, "max_relative_positions": -1, "norm_rel_ebd": "layer_norm",
        "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0,
        "pooler_dropout": 0, "pooler_hidden_act": "gelu", "pooler_hidden_size": 32, "layer_norm_eps": 1e-7, **extra,
    }  # fmt: skip


def modernbert_like(**extra) -> dict:
    """Four layers, the first and the last of them global."""
    return {
        "num_hidden_layers": 4, "global_attn_every_n_layers": 3, "local_attention": 8, "hidden_activation": "gelu",
        "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "norm_eps": 1e-5, **extra,
    }  # fmt: skip


FAMILIES = {
    "bert": Family("Bert", tokenisers.wordpiece, {"layer_norm_eps": 1e-12}),
    "roberta": Family("Roberta", tokenisers.roberta, roberta_like()),
    "distilbert": Family("DistilBert", tokenisers.wordpiece, {
        "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48,
    }),
    "xlm-roberta": Family("XLMRoberta", tokenisers.xlm_roberta, roberta_like()),
    "camembert": Family("Camembert", tokenisers.xlm_roberta, roberta_like()),
    "electra": Family("Electra", tokenisers.wordpiece, {"embedding_size": 16}),
    "albert": Family("Albert", tokenisers.albert, {
        "embedding_size": 16, "num_hidden_layers": 3, "num_hidden_groups": 1, "inner_group_num": 1,
        "hidden_act": "gelu_new", "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
    }),
    "mpnet": Family("MPNet", tokenisers.mpnet, {
        "max_position_embeddings": 66, "relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
    }),
    "deberta-v3": Family("DebertaV2", tokenisers.deberta, deberta_like()),
    "deberta-v2": Family("DebertaV2", tokenisers.deberta, deberta_like(
        conv_kernel_size=3, conv_act="gelu", embedding_size=16,
    )),
    "longformer": Family("Longformer", tokenisers.roberta, roberta_like(
        attention_window=[8, 8], attention_mode="longformer", sep_token_id=2,
    )),
    "modernbert": Family("ModernBert", tokenisers.modernbert, modernbert_like(classifier_pooling="mean")),
    "modernbert-cls": Family("ModernBert", tokenisers.modernbert, modernbert_like(
        classifier_pooling="cls", classifier_bias=True, attention_bias=True, mlp_bias=True, norm_bias=True,
    )),
    "nomic-bert": Family("NomicBert", tokenisers.wordpiece, {
        "hidden_act": "silu", "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
    }),
    "nomic-bert-remote": Family(equations.NomicBert, tokenisers.wordpiece, equations.NOMIC_FIELDS),
    "gte": Family("Gte", tokenisers.wordpiece, {
        "type_vocab_size": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 160000.0},
    }),
    "gte-remote": Family(equations.New, tokenisers.wordpiece, equations.NEW_FIELDS),
}  # fmt: skip


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Draw every parameter, biases, norms and relative tables too, wide enough to matter."""
    generator = torch.Generator().manual_seed(seed)
    norms = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, torch.nn.LayerNorm)}
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if name in norms:
                parameter.copy_(1.0 + 0.2 * noise)
            else:
                parameter.copy_((0.3 if parameter.dim() > 1 else 0.2) * noise)


def last_layer(model: torch.nn.Module) -> torch.nn.Linear:
    """The layer that gives the logits."""
    linear = (part for part in model.modules() if isinstance(part, torch.nn.Linear))
    return next(part for part in linear if part.out_features == len(CODES))


def spread_logits(model: torch.nn.Module, vocab: int, seed: int) -> None:
    """Scale the last layer so that logits of random ids are neither all alike nor extreme."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(5, vocab - 5, (32, 32), generator=generator)
    layer = last_layer(model)
    with torch.no_grad():
        layer.weight.mul_(10.0)
        raw = torch.cat([logits(model, row.tolist())[None] for row in rows]) - layer.bias
        layer.weight.mul_(round(LOGIT_SPREAD / float(raw.std()), 2))


def special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids before and after every text."""
    ids = tokenizer.encode("").ids
    return ids[:1], ids[1:]


def native_config(family: Family, tokenizer: Tokenizer) -> transformers.PreTrainedConfig:
    """The family's config with the sizes and labels that all share."""
    (first,), (last,) = special_ids(tokenizer)
    fields = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 48, "hidden_act": "gelu", "max_position_embeddings": 64,
        "pad_token_id": pad_id(tokenizer), **family.fields,
    }  # fmt: skip
    if family.model == "DistilBert":
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"):
            del fields[name]
    if family.model == "ModernBert":
        del fields["hidden_act"]
        fields |= {"bos_token_id": first, "cls_token_id": first, "eos_token_id": last, "sep_token_id": last}
    return getattr(transformers, family.model + "Config")(
        problem_type="multi_label_classification",
        id2label=dict(enumerate(CODES)),
        label2id={code: index for index, code in enumerate(CODES)},
        attn_implementation="eager",
        **fields,
    )


def pad_id(tokenizer: Tokenizer) -> int:
    """The padding token's id."""
    return next(i for i in map(tokenizer.token_to_id, ("[PAD]", "<pad>")) if i is not None)


def build(name: str) -> tuple[torch.nn.Module, Tokenizer]:
    """The family's random model and its tokenizer."""
    family = FAMILIES[name]
    tokenizer = family.tokenizer()
    torch.manual_seed(SEED)
    if isinstance(family.model, str):
        model = getattr(transformers, family.model + "ForSequenceClassification")(native_config(family, tokenizer))
    else:
        model = family.model(tokenizer.get_vocab_size(), CODES)
    seed = SEED + list(FAMILIES).index(name)
    randomise(model, seed)
    model.eval().float()
    spread_logits(model, tokenizer.get_vocab_size(), seed)
    return model, tokenizer


def save(model: torch.nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    """config.json, model.safetensors and tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, transformers.PreTrainedModel):
        model.save_pretrained(folder)
    else:
        save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
        text = json.dumps(model.config_fields, indent=2, sort_keys=True)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    for path in folder.iterdir():
        path.chmod(0o644)


def write_hub_config(folder: Path) -> None:
    """config-hub.json: the same ModernBERT config with the field names of published checkpoints."""
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rope = fields.pop("rope_parameters")
    del fields["layer_types"]
    fields["global_rope_theta"] = rope["full_attention"]["rope_theta"]
    fields["local_rope_theta"] = rope["sliding_attention"]["rope_theta"]
    fields["transformers_version"] = "4.48.0"
    text = json.dumps(fields, indent=2, sort_keys=True)
    (folder / "config-hub.json").write_text(text + "\n", encoding="utf-8")


def encoder(model: torch.nn.Module) -> torch.nn.Module:
    """The part without the classification layers."""
    return model.base_model if isinstance(model, transformers.PreTrainedModel) else model.encoder


def hidden(model: torch.nn.Module, ids: list[int], mask: list[int] | None = None, **extra) -> torch.Tensor:
    """Last hidden states [tokens, 32] of one window."""
    batch = torch.tensor([ids])
    mask = torch.ones_like(batch) if mask is None else torch.tensor([mask])
    with torch.no_grad():
        return encoder(model)(batch, attention_mask=mask, **extra).last_hidden_state[0]


def logits(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """Logits of one window."""
    batch = torch.tensor([ids])
    with torch.no_grad():
        return model(batch, attention_mask=torch.ones_like(batch)).logits[0]
