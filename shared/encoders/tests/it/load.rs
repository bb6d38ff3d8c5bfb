//! Each thing that can be wrong with a model folder has its own error.

use std::path::Path;

use serde_json::json;
use vivier_encoders::{Encoder, EncoderOptions, LoadError};

use crate::tiny;

/// Writes the tiny model, changes it, and returns the error of loading it.
fn failure(change: impl FnOnce(&Path)) -> (LoadError, String) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    change(folder.path());
    let error = Encoder::load(folder.path(), &EncoderOptions::default())
        .err()
        .unwrap();
    let message = error.to_string();
    (error, message)
}

fn fingerprint(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    change(folder.path());
    Encoder::load(folder.path(), &EncoderOptions::default())
        .unwrap()
        .spec()
        .fingerprint
        .clone()
}

fn edit(folder: &Path, name: &str, key: &str, value: serde_json::Value) {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|_| "{}".into());
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config[key] = value;
    tiny::write_json(folder, name, &config);
}

#[test]
fn missing_files_are_told_apart() {
    let (error, message) = failure(|folder| std::fs::remove_dir_all(folder).unwrap());
    assert!(
        matches!(error, LoadError::FolderMissing { .. }) && message.contains("make model"),
        "{message}"
    );
    let (error, message) =
        failure(|folder| std::fs::remove_file(folder.join("model.safetensors")).unwrap());
    assert!(
        matches!(error, LoadError::WeightsMissing { .. }) && message.contains("make model"),
        "{message}"
    );
    for file in ["tokenizer.json", "config.json", "1_Pooling/config.json"] {
        let (error, message) = failure(|folder| std::fs::remove_file(folder.join(file)).unwrap());
        assert!(
            matches!(error, LoadError::FileMissing { .. }) && message.contains(file),
            "{message}"
        );
    }
}

#[test]
fn weights_cut_short_or_of_another_format_are_corrupt() {
    let cut = |keep: fn(usize) -> usize| {
        failure(move |folder| {
            let path = folder.join("model.safetensors");
            let mut content = std::fs::read(&path).unwrap();
            content.truncate(keep(content.len()));
            std::fs::write(path, content).unwrap();
        })
    };
    for keep in [
        |_| 0,
        |_| 5,
        |_| 100,
        |length| length / 2,
        |length| length - 1,
    ] as [fn(usize) -> usize; 5]
    {
        let (error, message) = cut(keep);
        assert!(
            matches!(error, LoadError::WeightsCorrupt { .. }),
            "{message}"
        );
        assert!(
            message.contains("cut short") && message.contains("model.safetensors"),
            "{message}"
        );
    }
    let (error, _) = failure(|folder| {
        std::fs::write(folder.join("model.safetensors"), "<html>not found</html>").unwrap()
    });
    assert!(matches!(error, LoadError::WeightsCorrupt { .. }));
}

#[test]
fn tensors_missing_or_misshapen_are_named() {
    let weights = |change: fn(&mut Vec<(String, Vec<usize>)>)| {
        failure(move |folder| {
            let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
            let config: serde_json::Value = serde_json::from_str(&config).unwrap();
            let mut tensors =
                tiny::tensors(usize::try_from(config["vocab_size"].as_u64().unwrap()).unwrap());
            change(&mut tensors);
            tiny::write_weights(folder, &tensors);
        })
    };
    let (error, message) =
        weights(|tensors| tensors.retain(|(name, _)| name != "encoder.layer.1.output.dense.bias"));
    assert!(
        matches!(error, LoadError::TensorMissing { .. }),
        "{message}"
    );
    assert!(
        message.contains("encoder.layer.1.output.dense.bias"),
        "{message}"
    );
    let (error, message) = weights(|tensors| {
        let tensor = tensors
            .iter_mut()
            .find(|(name, _)| name.ends_with("0.attention.self.key.weight"))
            .unwrap();
        tensor.1 = vec![tiny::DIM, tiny::DIM + 1];
    });
    assert!(matches!(error, LoadError::TensorShape { .. }), "{message}");
    assert!(
        message.contains("encoder.layer.0.attention.self.key.weight")
            && message.contains("[24, 25]"),
        "{message}"
    );
    let (error, message) =
        weights(|tensors| tensors.retain(|(name, _)| !name.contains("word_embeddings")));
    assert!(
        matches!(error, LoadError::TensorMissing { .. }) && message.contains("word_embeddings"),
        "{message}"
    );
}

#[test]
fn wrong_configs_say_what_and_where() {
    let (error, message) =
        failure(|folder| edit(folder, "config.json", "model_type", json!("mamba")));
    assert!(
        matches!(error, LoadError::UnknownArchitecture { .. }),
        "{message}"
    );
    assert!(
        message.contains("mamba") && message.contains("bert"),
        "{message}"
    );
    let cases = [
        (
            "config.json",
            "num_attention_heads",
            json!(5),
            "num_attention_heads 5",
        ),
        ("config.json", "hidden_size", json!(0), "hidden_size is 0"),
        ("config.json", "hidden_size", json!("wide"), "invalid type"),
        (
            "config.json",
            "hidden_act",
            json!("tanh"),
            "hidden_act: unknown variant `tanh`",
        ),
        (
            "config.json",
            "position_embedding_type",
            json!("relative_key"),
            "relative_key",
        ),
        (
            "config.json",
            "model_type",
            json!(null),
            "model_type is missing",
        ),
        (
            "1_Pooling/config.json",
            "pooling_mode_max_tokens",
            json!(true),
            "max_tokens",
        ),
        (
            "config_sentence_transformers.json",
            "default_prompt_name",
            json!("query"),
            "default_prompt_name \"query\" is not among the prompts",
        ),
    ];
    for (file, key, value, expected) in cases {
        let (error, message) = failure(|folder| edit(folder, file, key, value));
        assert!(
            matches!(error, LoadError::BadConfig { .. }),
            "{key}: {message}"
        );
        assert!(
            message.contains(expected) && message.contains(file),
            "{key}: {message}"
        );
    }
    let (error, message) =
        failure(|folder| std::fs::write(folder.join("config.json"), "{").unwrap());
    assert!(matches!(error, LoadError::BadConfig { .. }), "{message}");
    let (error, message) =
        failure(|folder| std::fs::write(folder.join("tokenizer.json"), "{}").unwrap());
    assert!(matches!(error, LoadError::BadTokenizer { .. }), "{message}");
    let dense = json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]);
    let (error, message) = failure(|folder| tiny::write_json(folder, "modules.json", &dense));
    assert!(
        matches!(error, LoadError::BadConfig { .. }) && message.contains("Dense"),
        "{message}"
    );
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let load = |max_tokens| {
        Encoder::load(
            folder.path(),
            &EncoderOptions {
                max_tokens: Some(max_tokens),
                ..Default::default()
            },
        )
    };
    for (max_tokens, expected) in [
        (tiny::POSITIONS + 1, "64 positions"),
        (2, "already take 2"),
        (0, "already take 2"),
    ] {
        let message = load(max_tokens).err().unwrap().to_string();
        assert!(
            message.contains(&format!("max_tokens = {max_tokens}")) && message.contains(expected),
            "{message}"
        );
    }
    assert_eq!(
        load(tiny::POSITIONS).unwrap().spec().max_tokens,
        tiny::POSITIONS
    );
}

#[test]
fn the_spec_tells_what_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let encoder = Encoder::load(folder.path(), &EncoderOptions::default()).unwrap();
    let spec = encoder.spec();
    assert_eq!(
        (spec.dim, spec.max_tokens, spec.pooling.name()),
        (tiny::DIM, tiny::WINDOW, "mean")
    );
    assert_eq!(
        spec.name,
        folder.path().file_name().unwrap().to_str().unwrap()
    );
    assert_eq!(spec.device, "cpu");
}

#[test]
fn the_fingerprint_changes_with_every_file_that_decides_the_output() {
    let plain = fingerprint(|_| {});
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, fingerprint(|_| {}), "it is stable");
    assert_eq!(
        plain,
        fingerprint(|folder| std::fs::write(folder.join("README.md"), "x").unwrap())
    );
    let weights = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let mut content = std::fs::read(&path).unwrap();
        *content.last_mut().unwrap() ^= 1;
        std::fs::write(path, content).unwrap();
    };
    let pooling = json!({"pooling_mode_cls_token": true});
    let others = [
        fingerprint(weights),
        fingerprint(|folder| edit(folder, "config.json", "layer_norm_eps", json!(1e-5))),
        fingerprint(|folder| edit(folder, "tokenizer.json", "truncation", json!(null))),
        fingerprint(|folder| tiny::write_json(folder, "1_Pooling/config.json", &pooling)),
        fingerprint(|folder| {
            tiny::write_json(folder, "config_sentence_transformers.json", &json!({}))
        }),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(&plain, other, "change {index}");
    }
}
