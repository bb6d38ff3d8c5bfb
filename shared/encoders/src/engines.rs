//! Which code runs a model, by the options.

use crate::backend::Backend;
use crate::batch::Batch;
use crate::candle::{CandleModel, Found, find};
use crate::cpu::{self, CpuModel};
use crate::error::{LoadError, PrepareError};
use crate::folder::Pooling;
use crate::options::{DeviceChoice, EncoderOptions, Engine, Precision};
use crate::prepare::InputKind;
use crate::reference::ReferenceBert;
use crate::tokenizer::Tokenizer;
use crate::transformer::Transformer;

/// Text of the kind that is encoded here: adverts, a CV and skills, made up.
const CALIBRATION: &str = include_str!("cpu/calibration.txt");

/// Tokens of a calibration sequence.
const CALIBRATION_TOKENS: usize = 128;

/// Builds the engine that the options ask for.
///
/// `calibration` is text like the one to come: 8 bits need to see how large the
/// activations get.
pub(crate) fn build(
    transformer: &Transformer,
    pooling: Pooling,
    options: &EncoderOptions,
    calibration: &Batch,
) -> Result<Box<dyn Backend>, LoadError> {
    let precision = options.precision;
    let refuse = |known| {
        Err(LoadError::Precision {
            precision: precision.to_string(),
            device: "cpu".into(),
            known,
        })
    };
    let found = find(options.device)?;
    match (options.engine, found, precision) {
        (Engine::Reference, _, Precision::F32) => {
            Ok(Box::new(ReferenceBert::load(transformer, pooling)?))
        }
        (Engine::Reference, ..) => refuse("f32"),
        (Engine::Native, Found::Cpu, Precision::F16) => refuse("f32, bf16, int8"),
        (Engine::Native, Found::Cpu, _) => {
            let model = CpuModel::load(transformer, pooling, precision, calibration);
            Ok(Box::new(model))
        }
        (Engine::Native, Found::Card(_), _) | (Engine::Candle, ..) => {
            let model = CandleModel::load(transformer, pooling, found, precision)?;
            Ok(Box::new(model))
        }
    }
}

/// Returns the fastest precision on a device that keeps vectors close to those of f32:
/// 8 bits on a processor with instructions for them (AVX512-VNNI), else f32; f16 on a
/// card.
///
/// Vectors of two precisions can be compared, yet their models have two fingerprints:
/// where machines differ, choose one for all.
///
/// # Errors
///
/// When a card is asked for that is not there, or that this binary cannot use.
pub fn suited_precision(device: DeviceChoice) -> Result<Precision, LoadError> {
    Ok(match find(device)? {
        Found::Card(_) => Precision::F16,
        Found::Cpu if cpu::multiplies_bytes() => Precision::Int8,
        Found::Cpu => Precision::F32,
    })
}

/// Returns the calibration text as sequences that fit the window.
pub(crate) fn calibration(tokenizer: &Tokenizer, max_tokens: usize) -> Result<Batch, PrepareError> {
    let tokens = tokenizer.tokens(CALIBRATION)?;
    let special = tokenizer.special_tokens();
    let most = CALIBRATION_TOKENS.min(max_tokens).saturating_sub(special);
    let mut batch = Batch::default();
    // Each kind in turn: task adapters change the range of the activations.
    let kinds = InputKind::ALL.into_iter().cycle();
    for (ids, kind) in tokens.ids.chunks(most.max(1)).zip(kinds) {
        batch.push(&tokenizer.frame(&[], ids), kind);
    }
    Ok(batch)
}
