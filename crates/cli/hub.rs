//! Models of the Hugging Face hub: from its cache on this machine, or fetched into it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest as _, Sha256};

use crate::failures;

/// Files beside the weights that a bundle may be made of.
const BESIDE: [&str; 17] = [
    "config.json",
    "manifest.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
    "target2index.json",
    "target_tokenizer.json",
    "ALL_CODES.txt",
    "labels.tsv",
];

/// Weights, best first: the first kind that a model has is fetched.
const WEIGHTS: [&str; 5] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "best_model.pt",
];

/// Times that a broken download is taken up again.
const RETRIES: usize = 5;

/// The folder of a model in the hub's cache, complete. Fetched first where the network is allowed.
pub(crate) fn folder(
    name: &str,
    revision: &str,
    allow_network: bool,
    quiet: bool,
) -> anyhow::Result<PathBuf> {
    let cache = Cache::from_env();
    let repo = Repo::with_revision(name.to_owned(), RepoType::Model, revision.to_owned());
    if !allow_network {
        let config = cache.repo(repo).get("config.json");
        let folder = config.as_deref().and_then(Path::parent).map(Path::to_owned);
        return folder.with_context(|| {
            format!(
                "{name} is neither a path nor in the hub's cache on this machine, and chartcode \
                 opens no connection by itself: --allow-network fetches it"
            )
        });
    }
    let api = ApiBuilder::from_env()
        .with_progress(!quiet)
        .with_retries(RETRIES)
        .build()
        .context("cannot set up the connection to the hub")?;
    fetch(&api.repo(repo), name)
}

fn fetch(repo: &ApiRepo, name: &str) -> anyhow::Result<PathBuf> {
    let info = repo.info().with_context(|| {
        format!("cannot ask the hub for {name} (no network, or no such model?)")
    })?;
    let there: Vec<&str> = info.siblings.iter().map(|file| file.rfilename.as_str()).collect();
    let Some(weights) = WEIGHTS.iter().find(|weights| there.contains(weights)) else {
        bail!("{name} on the hub has no weights of a known name ({})", WEIGHTS.join(", "));
    };
    let mut folder = None;
    for file in BESIDE.iter().filter(|file| there.contains(file)).chain([weights]) {
        folder = get(repo, file)?.parent().map(Path::to_owned);
    }
    let folder = folder.with_context(|| format!("{name} on the hub is empty"))?;
    if weights.ends_with(".index.json") {
        for shard in shards(&folder.join(weights))? {
            get(repo, &shard)?;
        }
    }
    failures::note(&format!("{name} at commit {} is in {}", info.sha, folder.display()));
    Ok(folder)
}

/// The files that an index of shards names.
fn shards(index: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(index)?;
    let index: serde_json::Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not valid JSON", index.display()))?;
    let map = index["weight_map"].as_object().context("the index of shards has no weight_map")?;
    let mut shards: Vec<String> =
        map.values().filter_map(|shard| shard.as_str().map(str::to_owned)).collect();
    shards.sort();
    shards.dedup();
    ensure!(shards.iter().all(|shard| !shard.contains("..")), "a shard lies outside the model");
    Ok(shards)
}

/// Fetches a file, or finds it in the cache, and checks that it is whole.
fn get(repo: &ApiRepo, file: &str) -> anyhow::Result<PathBuf> {
    let path = repo.get(file).with_context(|| format!("cannot fetch {file}"))?;
    verify(&path)?;
    Ok(path)
}

/// The cache names large files after their sha256.
fn verify(path: &Path) -> anyhow::Result<()> {
    let blob = path.canonicalize()?;
    let name = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(&blob)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let found = format!("{:x}", hash.finalize());
    ensure!(
        found == name,
        "{} is damaged: sha256 is {found}; delete it and fetch it again",
        blob.display()
    );
    Ok(())
}
