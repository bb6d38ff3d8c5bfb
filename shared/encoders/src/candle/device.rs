//! Where a model runs, by the options.

use candle_core::{DType, Device};

use crate::error::LoadError;
use crate::options::{DeviceChoice, Precision};

/// A device that was looked for and is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The processor.
    Cpu,
    /// The graphics card of this number.
    Card(usize),
}

/// Finds the device of a choice.
///
/// # Errors
///
/// When a card is asked for that is not there, or that this binary cannot use.
pub(crate) fn find(choice: DeviceChoice) -> Result<Found, LoadError> {
    match choice {
        // A broken driver is no concern of the processor.
        DeviceChoice::Cpu => Ok(Found::Cpu),
        DeviceChoice::Auto | DeviceChoice::Cuda(_) => choose(choice, cards()?),
    }
}

/// `cards` is how many there are, `None` when this binary cannot use any.
fn choose(choice: DeviceChoice, cards: Option<usize>) -> Result<Found, LoadError> {
    match (choice, cards) {
        (DeviceChoice::Cpu, _) | (DeviceChoice::Auto, None | Some(0)) => Ok(Found::Cpu),
        (DeviceChoice::Auto, Some(_)) => Ok(Found::Card(0)),
        (DeviceChoice::Cuda(_), None) => Err(LoadError::NoCuda {
            device: choice.to_string(),
        }),
        (DeviceChoice::Cuda(number), Some(cards)) if number < cards => Ok(Found::Card(number)),
        (DeviceChoice::Cuda(_), Some(cards)) => Err(LoadError::NoCard {
            device: choice.to_string(),
            cards,
        }),
    }
}

#[cfg(not(feature = "cuda"))]
#[expect(clippy::unnecessary_wraps, reason = "with CUDA it may fail")]
fn cards() -> Result<Option<usize>, LoadError> {
    Ok(None)
}

#[cfg(feature = "cuda")]
fn cards() -> Result<Option<usize>, LoadError> {
    super::cuda::cards().map(Some)
}

impl Found {
    /// Returns the name that the config has for it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Cpu => DeviceChoice::Cpu.to_string(),
            Self::Card(number) => DeviceChoice::Cuda(number).to_string(),
        }
    }

    /// Opens it, with a stream of its own on a card.
    pub(super) fn open(self) -> Result<Device, LoadError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            #[cfg(feature = "cuda")]
            Self::Card(number) => super::cuda::open(number),
            #[cfg(not(feature = "cuda"))]
            Self::Card(_) => Err(LoadError::NoCuda {
                device: self.name(),
            }),
        }
    }

    /// Returns the type that a precision is computed in here.
    pub(super) fn dtype(self, precision: Precision) -> Result<DType, LoadError> {
        match (precision, self) {
            (Precision::F32, _) => Ok(DType::F32),
            (Precision::Bf16, _) => Ok(DType::BF16),
            (Precision::F16, Self::Card(_)) => Ok(DType::F16),
            (Precision::F16, Self::Cpu) | (Precision::Int8, _) => Err(LoadError::Precision {
                precision: precision.to_string(),
                device: self.name(),
                known: match self {
                    Self::Cpu => "f32, bf16",
                    Self::Card(_) => "f32, bf16, f16",
                },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(choice: DeviceChoice, cards: Option<usize>) -> String {
        choose(choice, cards).unwrap_err().to_string()
    }

    #[test]
    fn finds_what_is_there() {
        for cards in [None, Some(0), Some(2)] {
            assert_eq!(choose(DeviceChoice::Cpu, cards).unwrap(), Found::Cpu);
        }
        assert_eq!(choose(DeviceChoice::Auto, None).unwrap(), Found::Cpu);
        assert_eq!(choose(DeviceChoice::Auto, Some(0)).unwrap(), Found::Cpu);
        assert_eq!(choose(DeviceChoice::Auto, Some(2)).unwrap(), Found::Card(0));
        let second = choose(DeviceChoice::Cuda(1), Some(2)).unwrap();
        assert_eq!(second, Found::Card(1));
        assert_eq!(second.name(), "cuda:1");
    }

    #[test]
    fn says_why_a_card_cannot_be_had() {
        assert_eq!(
            message(DeviceChoice::Cuda(0), None),
            "device = \"cuda:0\": this binary was built without the feature cuda; \
             build it with `make build-cuda`"
        );
        assert_eq!(
            message(DeviceChoice::Cuda(2), Some(2)),
            "device = \"cuda:2\": cards are numbered from 0, and there are 2"
        );
    }

    #[test]
    fn says_which_precisions_a_device_has() {
        let message = |found: Found, precision| found.dtype(precision).unwrap_err().to_string();
        assert_eq!(
            message(Found::Cpu, Precision::F16),
            "precision = \"f16\" cannot be had on cpu; known: f32, bf16"
        );
        assert_eq!(
            message(Found::Card(0), Precision::Int8),
            "precision = \"int8\" cannot be had on cuda:0; known: f32, bf16, f16"
        );
        assert_eq!(Found::Card(0).dtype(Precision::F16).unwrap(), DType::F16);
    }
}
