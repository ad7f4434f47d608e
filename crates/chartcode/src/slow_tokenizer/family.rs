//! Which tokenizer a folder means.

use super::special::ROLES;

/// The tokenizers that can be built, named after the model that each came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// WordPiece from `vocab.txt`.
    Bert,
    /// The same with RoBERTa's special tokens.
    Mpnet,
    /// Byte-level BPE from `vocab.json` and `merges.txt`.
    Roberta,
    /// SentencePiece with four entries of fairseq before its own.
    XlmRoberta,
    /// SentencePiece with five.
    Camembert,
    /// SentencePiece, lower-cased and without accents.
    Albert,
    /// SentencePiece as it is.
    DebertaV2,
}

impl Family {
    /// By the class that `tokenizer_config.json` names, else by the model type: the first is the
    /// more exact, as in Transformers.
    pub(super) fn of(class: Option<&str>, model_type: &str) -> Option<Self> {
        let named = class.and_then(|class| match class.trim_end_matches("Fast") {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Some(Self::Bert),
            "MPNetTokenizer" => Some(Self::Mpnet),
            "RobertaTokenizer" | "LongformerTokenizer" => Some(Self::Roberta),
            "XLMRobertaTokenizer" => Some(Self::XlmRoberta),
            "CamembertTokenizer" => Some(Self::Camembert),
            "AlbertTokenizer" => Some(Self::Albert),
            "DebertaV2Tokenizer" => Some(Self::DebertaV2),
            _ => None,
        });
        if named.is_some() || class.is_some_and(|class| !GENERIC.contains(&class)) {
            return named;
        }
        match model_type {
            "bert" | "distilbert" | "electra" => Some(Self::Bert),
            "mpnet" => Some(Self::Mpnet),
            "roberta" | "longformer" => Some(Self::Roberta),
            "xlm-roberta" => Some(Self::XlmRoberta),
            "camembert" => Some(Self::Camembert),
            "albert" => Some(Self::Albert),
            "deberta-v2" => Some(Self::DebertaV2),
            _ => None,
        }
    }

    /// Whether the vocabulary is a SentencePiece model.
    pub(super) fn is_sentencepiece(self) -> bool {
        matches!(self, Self::XlmRoberta | Self::Camembert | Self::Albert | Self::DebertaV2)
    }

    /// Names of the special tokens where no file names them, in the order of the roles.
    pub(super) fn names(self) -> [Option<&'static str>; ROLES] {
        let some = |names: [&'static str; ROLES]| names.map(Some);
        match self {
            Self::Bert => {
                let [unk, sep, pad, cls, mask] =
                    ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"].map(Some);
                [None, None, unk, sep, pad, cls, mask]
            }
            Self::Mpnet => some(["<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"]),
            Self::Roberta | Self::XlmRoberta | Self::Camembert => {
                some(["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"])
            }
            Self::Albert => some(["[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"]),
            Self::DebertaV2 => {
                some(["[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"])
            }
        }
    }
}

/// Classes that say nothing of the kind of vocabulary.
const GENERIC: [&str; 2] = ["PreTrainedTokenizerFast", "TokenizersBackend"];
