# /// script
# requires-python = ">=3.11"
# dependencies = ["protobuf", "sentencepiece==0.2.3", "tokenizers==0.23.3", "transformers==5.23.0"]
# ///
"""Writes small tokenizer files of each kind and what Transformers makes of them.

python make_slow_tokenizers.py OUT [--full]

Needs transformers 5.23, tokenizers, sentencepiece and protobuf. OUT gets the vocabularies and
`reference.json`. With --full the SentencePiece models carry the whole nmt_nfkc map (240 KB each) and
the reference covers some thousand random texts: a check to run by hand, too large to keep.
"""

import argparse
import json
import random
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

CORPUS = Path(__file__).resolve().parents[1] / "fixtures" / "corpus.txt"
EXTRA = [
    "Café au lait spots; naïve façade, jalapeño, coöperate, Ångström.",
    "le patient présente une fièvre élevée depuis l'été",
    "發熱 和 咳嗽 患者 , fièvre 38°C, SpO₂ 92 %, 5 µg, 10½ mg",
    "He said ``no'' and \"yes\"; don't, can't, 50/50 (?), #1 & so on!",
]
TEXTS = [
    "",
    "a",
    "   ",
    "The patient has a history of heart failure.",
    "  leading and trailing spaces  ",
    "CRLF line one\r\nline two\r\n\r\n\tindented\u00a0no-break",
    "Café NAÏVE façade e\u0301cole Ångström \u212bngstr\u00f6m ﬁbrosis ½ ™ ＡＢＣ",
    "患者發熱38度，咳嗽。mixed漢字text",
    "emoji 😀 👩‍⚕️👍🏽 done 🇩🇪",
    "<s>text</s> <pad><mask> <unk> [CLS] [SEP][MASK] [UNK] [PAD] </s>  <mask>  end",
    "don't can't ``quoted'' \"double\" 12,345.67 mg/dL -- 3,5; 2024,",
    "İstanbul STRASSE straße ΟΔΟΣ \u212aelvin",
    "zero\u200bwidth \ufeffbom soft\u00adhyphen \u0000nul \x07bell \u2028sep",
    "supercalifragilisticexpialidocious" * 4,
    "NEWTOK newtok NewTok <extra_1>glued [EXTRA] x<extra_1> y",
    "a\n\n\nb   c \t d  ▁e _f ",
]
# A small stand-in for nmt_nfkc: white space, ligatures, widths, invisible characters.
RULES = {
    "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\u200b": "", "\ufeff": " ",
    "\u00ad": "", "\u0007": "", "ﬁ": "fi", "½": "1⁄2", "™": "TM", "Ａ": "A", "Ｂ": "B", "Ｃ": "C",
    "，": ",", "e\u0301": "é", "\u212b": "Å", "\u2028": " ", "₂": "2",
}  # fmt: skip


def train_sentencepiece(out, name, full, **options):
    folder = Path(tempfile.mkdtemp())
    lines = CORPUS.read_text().splitlines() + EXTRA
    (folder / "corpus.txt").write_text("\n".join(lines * 3) + "\n")
    if full:
        options["normalization_rule_name"] = "nmt_nfkc"
    else:
        codes = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rows = [f"{codes(a)}\t{codes(b)}" for a, b in RULES.items()]
        (folder / "rules.tsv").write_text("\n".join(rows) + "\n")
        options["normalization_rule_tsv"] = str(folder / "rules.tsv")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"), model_prefix=str(folder / "m"), vocab_size=320,
        hard_vocab_limit=False, character_coverage=1.0, num_threads=1, minloglevel=2, **options,
    )  # fmt: skip
    shutil.copy(folder / "m.model", out / name)


def train_wordpiece(out, name, special):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    lines = CORPUS.read_text().splitlines() + EXTRA
    tokenizer.train_from_iterator(lines + [line.lower() for line in lines], trainer)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (out / name).write_text("".join(f"{piece}\n" for piece, _ in vocabulary))


def train_byte_bpe(out, special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS.read_text().splitlines() + EXTRA, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = json.dumps(model["vocab"], ensure_ascii=False, separators=(",", ":"))
    (out / "roberta-vocab.json").write_text(vocabulary)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (out / "roberta-merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def added(content, **fields):
    base = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return {"content": content, **base, **fields}


def typed(content, **fields):
    return {"__type": "AddedToken", **added(content, **fields)}


BERT = {"vocab.txt": "bert-vocab.txt"}
MPNET = {"vocab.txt": "mpnet-vocab.txt"}
ROBERTA = {"vocab.json": "roberta-vocab.json", "merges.txt": "roberta-merges.txt"}
XLMR = {"sentencepiece.bpe.model": "xlmr.model"}
ALBERT = {"spiece.model": "albert.model"}
DEBERTA = {"spm.model": "deberta.model"}
CASES = [
    {"name": "bert", "model_type": "bert", "files": BERT},
    {"name": "bert cased", "model_type": "bert", "files": BERT,
     "config": {"do_lower_case": False, "tokenize_chinese_chars": False, "bos_token": None,
                "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]", "model_max_length": 512},
     "special_tokens_map": {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
                            "cls_token": "[CLS]", "mask_token": "[MASK]"}},
    {"name": "bert accents", "model_type": "bert", "files": BERT,
     "config": {"do_lower_case": False, "strip_accents": True, "tokenizer_class": "BertTokenizerFast"}},
    {"name": "bert added", "model_type": "bert", "files": BERT,
     "config": {"additional_special_tokens": ["<extra_1>", "[EXTRA]"], "do_lower_case": True},
     "special_tokens_map": {"mask_token": added("[MASK]", lstrip=True)},
     "added_tokens": {"NEWTOK": 901, "[EXTRA]": 900}},
    {"name": "bert decoder", "model_type": "bert", "files": BERT,
     "config": {"added_tokens_decoder": {
         "0": added("[PAD]", special=True), "2": added("[CLS]", special=True),
         "7": added("NEWTOK", single_word=True, normalized=True, special=False),
         "950": added("<extra_1>", rstrip=True, special=True)},
         "mask_token": "patient", "split_special_tokens": False},
     "special_tokens_map": {"mask_token": "ignored"}},
    {"name": "bert renamed", "model_type": "bert", "files": MPNET,
     "config": {"cls_token": typed("<s>"), "bos_token": "<s>", "mask_token": typed("<mask>", rstrip=True)},
     "special_tokens_map": {"sep_token": added("</s>", normalized=True), "pad_token": "<pad>",
                            "additional_special_tokens": ["NEWTOK"]}},
    {"name": "bert split", "model_type": "bert", "files": BERT,
     "config": {"split_special_tokens": True}},
    {"name": "electra", "model_type": "electra", "files": BERT,
     "config": {"tokenizer_class": "ElectraTokenizer", "strip_accents": False}},
    {"name": "distilbert", "model_type": "distilbert", "files": BERT,
     "config": {"tokenizer_class": "DistilBertTokenizer"}},
    {"name": "mpnet", "model_type": "mpnet", "files": MPNET},
    {"name": "mpnet config", "model_type": "mpnet", "files": MPNET,
     "config": {"tokenizer_class": "MPNetTokenizer", "do_lower_case": True, "mask_token": typed("<mask>", normalized=True)},
     "special_tokens_map": {"bos_token": "<s>", "eos_token": "</s>", "cls_token": added("<s>"),
                            "mask_token": added("<mask>", lstrip=True)}},
    {"name": "roberta", "model_type": "roberta", "files": ROBERTA},
    {"name": "roberta config", "model_type": "roberta", "files": ROBERTA,
     "config": {"add_prefix_space": True, "tokenizer_class": "RobertaTokenizer"},
     "special_tokens_map": {"bos_token": added("<s>", normalized=True), "eos_token": added("</s>", normalized=True),
                            "unk_token": added("<unk>", normalized=True), "sep_token": added("</s>", normalized=True),
                            "pad_token": added("<pad>", normalized=True), "cls_token": added("<s>", normalized=True),
                            "mask_token": added("<mask>", lstrip=True, normalized=True)}},
    {"name": "roberta untrimmed", "model_type": "roberta", "files": ROBERTA,
     "config": {"trim_offsets": False, "additional_special_tokens": [typed("<extra_1>", lstrip=True)]}},
    {"name": "longformer", "model_type": "longformer", "files": ROBERTA,
     "config": {"model_max_length": 4096, "tokenizer_class": "LongformerTokenizer"},
     "added_tokens": {"NEWTOK": 800}},
    {"name": "xlm-roberta", "model_type": "xlm-roberta", "files": XLMR},
    {"name": "xlm-roberta config", "model_type": "xlm-roberta", "files": XLMR,
     "config": {"add_prefix_space": False, "tokenizer_class": "XLMRobertaTokenizer", "mask_token": typed("<mask>", lstrip=True)},
     "added_tokens": {"NEWTOK": 999}},
    {"name": "camembert", "model_type": "camembert", "files": XLMR},
    {"name": "camembert config", "model_type": "camembert", "files": XLMR,
     "config": {"additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"], "tokenizer_class": "CamembertTokenizer"}},
    {"name": "albert", "model_type": "albert", "files": ALBERT},
    {"name": "albert null", "model_type": "albert", "files": ALBERT,
     "config": {"additional_special_tokens": None}},
    {"name": "albert accents", "model_type": "albert", "files": ALBERT,
     "config": {"do_lower_case": False, "keep_accents": True, "mask_token": typed("[MASK]", lstrip=True),
                "add_prefix_space": False}},
    {"name": "deberta-v2", "model_type": "deberta-v2", "files": DEBERTA,
     "config": {"do_lower_case": False, "vocab_type": "spm"}},
    {"name": "deberta-v2 lower", "model_type": "deberta-v2", "files": DEBERTA,
     "config": {"do_lower_case": True, "split_by_punct": True, "tokenizer_class": "DebertaV2TokenizerFast"},
     "added_tokens": {"[MASK]": 320, "NEWTOK": 321}},
    {"name": "deberta-v2 first", "model_type": "deberta-v2", "files": DEBERTA,
     "config": {"add_prefix_space": False, "unk_token": "<oops>", "additional_special_tokens": []}},
]  # fmt: skip


def load(out, case):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, source in case["files"].items():
            shutil.copy(out / source, folder / name)
        (folder / "config.json").write_text(json.dumps({"model_type": case["model_type"]}))
        for key in ["special_tokens_map", "added_tokens"]:
            if key in case:
                (folder / f"{key}.json").write_text(json.dumps(case[key]))
        if "config" in case:
            (folder / "tokenizer_config.json").write_text(json.dumps(case["config"]))
        return AutoTokenizer.from_pretrained(folder)


def random_texts(count):
    random.seed(7)
    words = " ".join(TEXTS).split() + CORPUS.read_text().split()
    odd = "\t\n\r\u00a0\u3000 \u2009\u0085,.;'`\"éÉ\u0301\u0327▁_ﬁ½㎎㍉ｶﾞ０１𝟗한글한😀\u200d\u200bσΣςİ²"
    spaces = [" ", " ", " ", "  ", "", "\n", "\r\n", "\t", "\u00a0"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(random.randint(1, 14)):
            parts.append(random.choice(words) if random.random() < 0.6 else
                         "".join(random.choices(odd + "abcxyzABC019", k=random.randint(1, 6))))
            parts.append(random.choice(spaces))
        texts.append("".join(parts))
    return texts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    out, full = arguments.out, arguments.full
    out.mkdir(parents=True, exist_ok=True)
    train_wordpiece(out, "bert-vocab.txt", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    train_wordpiece(out, "mpnet-vocab.txt", ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"])
    train_byte_bpe(out, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    train_sentencepiece(out, "xlmr.model", full)
    train_sentencepiece(
        out, "albert.model", full, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
        control_symbols=["[CLS]", "[SEP]"], user_defined_symbols=["[MASK]", "(", ")", "-", ".", "£"],
    )  # fmt: skip
    train_sentencepiece(
        out, "deberta.model", full, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]",
        bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]",
    )  # fmt: skip
    texts = TEXTS + (random_texts(2000) if full else [])
    cases = []
    for case in CASES:
        tokenizer = load(out, case)
        results = []
        for text in texts:
            encoding = tokenizer._tokenizer.encode(text)
            flat = [offset for pair in encoding.offsets for offset in pair]
            results.append({"ids": encoding.ids, "offsets": flat})
        cases.append({**case, "class": type(tokenizer).__name__, "results": results})
        print(case["name"], type(tokenizer).__name__, len(tokenizer), sum(len(r["ids"]) for r in results))
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (out / "reference.json").write_text(f'{{"texts":{json.dumps(texts)},\n"cases":[\n{lines}\n]}}\n')


main()
