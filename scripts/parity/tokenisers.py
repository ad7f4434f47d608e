"""Small tokenizers of every style, trained on scripts/fixtures with repeatable vocabularies."""

from __future__ import annotations

import collections
import csv
import json
import math
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VOCAB_SIZE = 224
BYTES_VOCAB_SIZE = 300
LONGEST_PIECE = 8
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MPNET = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>"]
ALBERT = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
DEBERTA = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
MODERN = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def corpus() -> list[str]:
    """The invented notes and the titles of the codes."""
    lines = (FIXTURES / "corpus.txt").read_text(encoding="utf-8").splitlines()
    with (FIXTURES / "codes.tsv").open(encoding="utf-8", newline="") as file:
        return lines + [row["title"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def words(tokenizer: Tokenizer, lines: list[str]) -> list[str]:
    """What the normalizer and the pre-tokenizer make of the lines."""
    normal = (tokenizer.normalizer.normalize_str(line) if tokenizer.normalizer else line for line in lines)
    return [word for line in normal for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(line)]


def wordpiece_tokenizer(model: models.WordPiece) -> Tokenizer:
    """BERT's normalizer and pre-tokenizer around a WordPiece model."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def wordpiece_vocab(special: list[str], last: list[str]) -> dict[str, int]:
    """Pieces with `special` before and `last` after them, in a fixed order.

    The trainer numbers continuation letters in hash order: naming them first
    makes its choice repeatable, sorting the pieces makes the ids repeatable.
    """
    draft = wordpiece_tokenizer(models.WordPiece(unk_token="[UNK]"))
    found = words(draft, corpus())
    letters = sorted({c for word in found for c in word})
    inner = sorted({"##" + c for word in found for c in word[1:]})
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCAB_SIZE, min_frequency=2, special_tokens=letters + inner, show_progress=False
    )
    draft.train_from_iterator(corpus(), trainer)
    pieces = sorted(set(draft.get_vocab()) - set(special) - set(last))
    return {piece: index for index, piece in enumerate(special + pieces + last)}


def wordpiece() -> Tokenizer:
    """As bert-base-uncased."""
    vocab = wordpiece_vocab(BERT, [])
    tokenizer = wordpiece_tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(BERT)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocab[name]) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def mpnet() -> Tokenizer:
    """As microsoft/mpnet-base: WordPiece between <s> and </s>."""
    vocab = wordpiece_vocab(MPNET, ["<mask>"])
    tokenizer = wordpiece_tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens([*MPNET, AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return tokenizer


def bytes_model(special: list[str], last: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE."""
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=BYTES_VOCAB_SIZE, initial_alphabet=alphabet, min_frequency=2, show_progress=False
    )
    draft.train_from_iterator(corpus(), trainer)
    model = json.loads(draft.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    vocab = {piece: index for index, piece in enumerate(special + pieces + last)}
    return vocab, [tuple(pair) for pair in model["merges"]]


def roberta() -> Tokenizer:
    """As roberta-base."""
    vocab, merges = bytes_model(ROBERTA, ["<mask>"])
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*ROBERTA, AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return tokenizer


def modernbert() -> Tokenizer:
    """As answerdotai/ModernBERT-base: byte-level BPE, special tokens at the end."""
    vocab, merges = bytes_model([], MODERN)
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*MODERN[:-1], AddedToken("[MASK]", lstrip=True, special=True)])
    tokenizer.post_processor = template("[CLS]", "[SEP]", vocab)
    return tokenizer


def template(start: str, end: str, vocab: dict[str, int]) -> processors.TemplateProcessing:
    """One special token before and one after the text."""
    return processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B {end}",
        special_tokens=[(name, vocab[name]) for name in (start, end)],
    )


def unigram_pieces(found: list[str], count: int) -> list[tuple[str, float]]:
    """The letters and the most useful substrings with their log frequencies.

    SentencePiece's own trainer sums in hash order. Substrings that mostly occur
    inside one longer piece are left out. A small step by rank keeps two
    segmentations from scoring exactly the same.
    """
    seen = collections.Counter()
    for word, times in collections.Counter(found).items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST_PIECE) + 1):
                seen[word[start:end]] += times
    letters = sorted(piece for piece in seen if len(piece) == 1)
    covered = {part for p in seen for part in (p[1:], p[:-1]) if part and seen[p] > 0.7 * seen[part]}
    longer = [p for p in seen if len(p) > 1 and p not in covered]
    longer.sort(key=lambda p: (-seen[p] * (len(p) - 1), p))
    total = sum(seen.values())
    kept = sorted(letters + longer[: count - len(letters)], key=lambda p: (-seen[p], p))
    return [(p, round(math.log(seen[p] / total) - 1e-4 * rank, 6)) for rank, p in enumerate(kept)]


def unigram(normal: normalizers.Normalizer, special: list[str], last: list[str], ends: tuple[str, str]) -> Tokenizer:
    """A SentencePiece-like tokenizer; the unknown token is the one of `special` that says so."""
    draft = Tokenizer(models.Unigram())
    draft.normalizer = normal
    draft.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    pieces = unigram_pieces(words(draft, corpus()), VOCAB_SIZE - len(special) - len(last))
    table = [(p, 0.0) for p in special] + pieces + [(p, 0.0) for p in last]
    unknown = next(index for index, piece in enumerate(special) if "unk" in piece.lower())
    tokenizer = Tokenizer(models.Unigram(table, unk_id=unknown))
    tokenizer.normalizer, tokenizer.pre_tokenizer = draft.normalizer, draft.pre_tokenizer
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(special + last)
    tokenizer.post_processor = template(*ends, {piece: index for index, (piece, _) in enumerate(table)})
    return tokenizer


def spaces() -> list[normalizers.Normalizer]:
    """Every white space becomes a blank, runs of blanks become one."""
    return [normalizers.Replace(Regex(r"\s"), " "), normalizers.Replace(Regex(" {2,}"), " ")]


def xlm_roberta() -> Tokenizer:
    """As xlm-roberta-base."""
    return unigram(normalizers.Sequence([normalizers.NFKC(), *spaces()]), ROBERTA, ["<mask>"], ("<s>", "</s>"))


def albert() -> Tokenizer:
    """As albert-base-v2: lower case, no accents."""
    steps = [
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase(), *spaces(),
    ]  # fmt: skip
    return unigram(normalizers.Sequence(steps), ALBERT, [], ("[CLS]", "[SEP]"))


def deberta() -> Tokenizer:
    """As microsoft/deberta-v3-base."""
    steps = [normalizers.NFKC(), *spaces(), normalizers.Strip()]
    return unigram(normalizers.Sequence(steps), DEBERTA, ["[MASK]"], ("[CLS]", "[SEP]"))
