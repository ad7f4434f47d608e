use std::fs;
use std::path::Path;

use chartcode::{Error, Import, ImportOptions, PaddingMode};
use serde_json::json;

use super::{CODES, checkpoint, options, parity};

/// Keys and shapes of a checkpoint's tensors.
type Shapes = Vec<(String, Vec<usize>)>;

/// Unknown and half-matching checkpoints say what is wrong with which keys.
#[test]
fn checkpoints_that_do_not_fit_say_why() {
    let refuse = |edit: &dyn Fn(&mut Shapes)| -> String {
        let folder = checkpoint("roberta", "laat");
        let shard = folder.path().join("model-00002-of-00002.safetensors");
        fs::remove_file(folder.path().join("model.safetensors.index.json")).unwrap();
        let encoder = folder.path().join("model-00001-of-00002.safetensors");
        let mut tensors: Shapes =
            [&encoder, &shard].into_iter().flat_map(|path| shapes(path)).collect();
        edit(&mut tensors);
        let zeros: Vec<u8> = vec![0; 1 << 20];
        let views = tensors.iter().map(|(key, shape)| {
            let bytes = &zeros[..4 * shape.iter().product::<usize>()];
            let dtype = safetensors::Dtype::F32;
            (key, safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes).unwrap())
        });
        let file = folder.path().join("model.safetensors");
        fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
        fs::remove_file(shard).unwrap();
        fs::remove_file(encoder).unwrap();
        let opened = Import::open(folder.path(), &options(PaddingMode::None));
        let error = match opened {
            Ok(mut import) => import.check().unwrap_err(),
            Err(error) => error,
        };
        error.to_string()
    };
    let rename = |tensors: &mut Shapes, from: &str, to: &str| {
        for (key, _) in tensors.iter_mut() {
            *key = key.replace(from, to);
        }
    };
    let message = refuse(&|tensors| tensors.retain(|(key, _)| key != "third_linear.bias"));
    assert!(message.contains("1 missing (third_linear.bias)"), "{message}");
    assert!(message.contains("PLM-ICD of its authors"), "{message}");
    let message = refuse(&|tensors| {
        for (key, shape) in tensors.iter_mut() {
            if key == "second_linear.weight" {
                shape[0] = 11;
            }
        }
    });
    assert!(message.contains("second_linear.weight has [11, 32], expected [12, 32]"), "{message}");
    let message = refuse(&|tensors| rename(tensors, "_linear", "_matrix"));
    assert!(message.contains("4 not expected (first_matrix.weight"), "{message}");
    let message = refuse(&|tensors| {
        tensors.retain(|(key, _)| !key.contains("_linear"));
        tensors.push(("label_wise_attention.weights_v.weight".to_owned(), vec![32, 32]));
        tensors.push(("label_wise_attention.output_linear.weight".to_owned(), vec![1, 32]));
    });
    assert!(message.contains("the nearest known layout is PLM-CA"), "{message}");
    let message = refuse(&|tensors| rename(tensors, "encoder.layer.1.", "encoder.layer.2."));
    assert!(message.contains("16 missing") && message.contains("not expected"), "{message}");
}

fn shapes(path: &Path) -> Shapes {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    tensors.tensors().into_iter().map(|(key, view)| (key, view.shape().to_vec())).collect()
}

/// Files that are no checkpoint, or more than one.
#[test]
fn bad_sources_are_refused() {
    let mut options = options(PaddingMode::None);
    options.encoder = Some(parity("roberta"));
    for (file, message) in [
        ("evil.bin", "posix.system"),
        ("views.bin", "does not fit"),
        ("golden.json", "not a readable"),
    ] {
        let error = Import::open(parity("pickles").join(file), &options)
            .and_then(|mut import| import.check().map(drop));
        let error = crate::support::chain(&error.unwrap_err());
        assert!(error.contains(message), "{file}: {error}");
    }
    let miulab = parity("pickles/miulab");
    let mut wrong = ImportOptions::default();
    wrong.labels = Some(parity("pickles/views.json"));
    assert!(Import::open(&miulab, &wrong).is_err());
    let labels = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    fs::write(labels.path(), json!(CODES[..11]).to_string()).unwrap();
    wrong.labels = Some(labels.path().to_owned());
    let error = Import::open(&miulab, &wrong).unwrap_err();
    assert!(matches!(error, Error::Labels { .. }), "{error}");
    assert!(error.to_string().contains("11 labels, the head 12"), "{error}");
}

/// Heads of another task have the names of a classification head.
#[test]
fn a_head_of_another_task_is_refused() {
    let copy = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(parity("bert").join(name), copy.path().join(name)).unwrap();
    }
    crate::support::edit_json(&copy.path().join("config.json"), |config| {
        config["architectures"] = json!(["BertForTokenClassification"]);
    });
    let error = Import::open(copy.path(), &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { field: "architectures", .. }), "{error}");
}

/// A bundle is none, and a folder that is in the way stays as it is.
#[test]
fn importing_harms_nothing() {
    let bundle = crate::support::repository("models/tiny");
    let error = Import::open(bundle, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a bundle already"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("out.part");
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("thesis.txt"), "mine").unwrap();
    let mut import = Import::open(parity("bert"), &ImportOptions::default()).unwrap();
    import.check().unwrap();
    let out = folder.path().join("out");
    let error = import.write(&out, chartcode::StoredAs::Keep).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert!(in_the_way.join("thesis.txt").is_file());
    fs::remove_file(in_the_way.join("thesis.txt")).unwrap();
    fs::write(in_the_way.join("config.json"), "{").unwrap();
    import.write(&out, chartcode::StoredAs::Keep).unwrap();
    assert!(out.join("manifest.json").is_file() && !in_the_way.exists());
}

/// Sizes that would exhaust memory are an error before anything is allocated for them.
#[test]
fn monstrous_sizes_are_refused() {
    let fields: [(&str, &str); 9] = [
        ("bert", "hidden_size"),
        ("bert", "num_hidden_layers"),
        ("bert", "vocab_size"),
        ("bert", "intermediate_size"),
        ("albert", "num_hidden_groups"),
        ("deberta-v3", "position_buckets"),
        ("modernbert", "max_position_embeddings"),
        ("modernbert", "hidden_size"),
        ("gte", "max_position_embeddings"),
    ];
    for (encoder, field) in fields {
        for value in [1_u64 << 20, 1 << 24, 1 << 40, u64::MAX] {
            let copy = tempfile::tempdir().unwrap();
            for name in ["config.json", "tokenizer.json", "model.safetensors"] {
                fs::copy(parity(encoder).join(name), copy.path().join(name)).unwrap();
            }
            crate::support::edit_json(&copy.path().join("config.json"), |config| {
                config[field] = json!(value);
            });
            let error = Import::open(copy.path(), &ImportOptions::default())
                .and_then(|mut import| import.check().map(drop));
            let error = error.err().map(|error| error.to_string());
            let expected =
                error.as_ref().is_some_and(|e| e.contains("config") || e.contains("fit"));
            // A table of positions that is longer than needed costs little and harms nothing.
            let harmless = field == "max_position_embeddings" && value == 1 << 20;
            assert!(expected || harmless, "{encoder} {field} {value}: {error:?}");
        }
    }
}

/// What is written does not depend on whether it was looked at before.
#[test]
fn an_unchecked_import_is_written_whole() {
    let folder = checkpoint("bert", "laat");
    let out = tempfile::tempdir().unwrap();
    for (name, looks) in [("looked", true), ("unseen", false)] {
        let mut import = Import::open(folder.path(), &options(PaddingMode::None)).unwrap();
        if looks {
            import.check().unwrap();
        }
        import.write(out.path().join(name), chartcode::StoredAs::Keep).unwrap();
    }
    let weights = |name: &str| fs::read(out.path().join(name).join("model.safetensors")).unwrap();
    assert_eq!(weights("looked"), weights("unseen"));
}
