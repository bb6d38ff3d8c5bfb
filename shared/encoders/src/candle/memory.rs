//! What happens when a device has no memory for a batch: it is halved and tried
//! again, down to one sequence, which is refused by an error that says so.

use crate::backend::Pending;
use crate::batch::Batch;
use crate::error::EncodeError;

/// Runs batches on one device.
pub(super) trait Launch {
    /// Starts a batch; what it waits for gives the rows in the order of the batch.
    fn launch(&self, batch: &Batch) -> candle_core::Result<Pending>;

    /// Waits for all that was started, so that its memory is free again.
    fn settle(&self) -> candle_core::Result<()>;

    /// Name of the device, for messages.
    fn device(&self) -> &str;
}

/// Starts a batch, in halves that end before this returns where the device has no
/// memory for the whole.
pub(super) fn start(runner: &impl Launch, batch: &Batch) -> Result<Pending, EncodeError> {
    match runner.launch(batch) {
        Err(error) if is_out_of_memory(&error) => {}
        launched => return launched.map_err(|source| failed(runner, source)),
    }
    // Batches in flight may have held what was lacking, but trying the whole again
    // would fail again as soon as others are in flight: take half of it at once.
    runner.settle().map_err(|source| failed(runner, source))?;
    if batch.len() < 2 {
        return match runner.launch(batch) {
            Err(error) if is_out_of_memory(&error) => Err(EncodeError::OutOfMemory {
                device: runner.device().to_owned(),
                sequences: batch.len(),
                tokens: batch.tokens(),
            }),
            launched => launched.map_err(|source| failed(runner, source)),
        };
    }
    let mut rows = Vec::new();
    for half in halves(batch) {
        rows.extend(start(runner, &half)?.wait()?);
    }
    Ok(Pending::ready(rows))
}

fn failed(runner: &impl Launch, source: candle_core::Error) -> EncodeError {
    EncodeError::Device {
        device: runner.device().to_owned(),
        source: Box::new(source),
    }
}

/// Cuts a batch of several sequences where its tokens are halved, at a sequence.
fn halves(batch: &Batch) -> [Batch; 2] {
    let half = batch.tokens() / 2;
    let before = batch.ranges().take_while(|range| range.end <= half).count();
    let cut = before.clamp(1, batch.len() - 1);
    let sequences = || batch.sequences().zip(batch.kinds().iter().copied());
    [
        sequences().take(cut).collect(),
        sequences().skip(cut).collect(),
    ]
}

/// Returns whether an error of candle says that a device has no memory left: the
/// driver's code, or that of a library which could not allocate.
fn is_out_of_memory(error: &candle_core::Error) -> bool {
    const CODES: [&str; 3] = [
        "CUDA_ERROR_OUT_OF_MEMORY",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CURAND_STATUS_ALLOCATION_FAILED",
    ];
    let text = error.to_string();
    CODES.iter().any(|code| text.contains(code))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::prepare::InputKind;

    /// Has memory for so many tokens; notes what it was asked.
    struct Small {
        tokens: usize,
        error: &'static str,
        seen: Mutex<Vec<usize>>,
        settled: Mutex<usize>,
    }

    impl Small {
        fn new(tokens: usize, error: &'static str) -> Self {
            Self {
                tokens,
                error,
                seen: Mutex::default(),
                settled: Mutex::default(),
            }
        }
    }

    impl Launch for Small {
        fn launch(&self, batch: &Batch) -> candle_core::Result<Pending> {
            self.seen.lock().unwrap().push(batch.tokens());
            if batch.tokens() > self.tokens {
                return Err(candle_core::Error::Cuda(self.error.into()).bt());
            }
            let first = |sequence: &[u32]| f32::from(u16::try_from(sequence[0]).unwrap());
            Ok(Pending::ready(batch.sequences().map(first).collect()))
        }

        fn settle(&self) -> candle_core::Result<()> {
            *self.settled.lock().unwrap() += 1;
            Ok(())
        }

        fn device(&self) -> &str {
            "cuda:7"
        }
    }

    const DRIVER: &str = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";

    fn batch(lengths: &[usize]) -> Batch {
        let sequences: Vec<Vec<u32>> = lengths
            .iter()
            .enumerate()
            .map(|(index, &length)| vec![u32::try_from(index).unwrap(); length])
            .collect();
        let sequences = sequences.iter().map(Vec::as_slice);
        sequences.map(|ids| (ids, InputKind::Query)).collect()
    }

    fn rows(runner: &Small, batch: &Batch) -> Result<Vec<f32>, EncodeError> {
        start(runner, batch)?.wait()
    }

    #[test]
    fn what_fits_is_run_at_once() {
        let runner = Small::new(100, DRIVER);
        assert_eq!(rows(&runner, &batch(&[40, 60])).unwrap(), [0.0, 1.0]);
        assert_eq!(*runner.seen.lock().unwrap(), [100]);
        assert_eq!(*runner.settled.lock().unwrap(), 0);
    }

    #[test]
    fn what_does_not_fit_is_halved_and_keeps_its_order() {
        for error in [DRIVER, "CublasError(CUBLAS_STATUS_ALLOC_FAILED)"] {
            let runner = Small::new(10, error);
            let lengths = [9, 1, 8, 2, 7, 3, 10];
            let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            assert_eq!(rows(&runner, &batch(&lengths)).unwrap(), expected);
            let seen = runner.seen.lock().unwrap();
            assert!(seen.iter().filter(|&&tokens| tokens <= 10).sum::<usize>() == 40);
            assert!(*runner.settled.lock().unwrap() > 0);
        }
    }

    #[test]
    fn one_sequence_that_does_not_fit_is_refused_by_name() {
        let runner = Small::new(10, DRIVER);
        let error = rows(&runner, &batch(&[4, 11])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cuda:7 has no memory for a batch of 1 sequences and 11 tokens"
        );
        // The service goes on: the next batch is served.
        assert_eq!(rows(&runner, &batch(&[4])).unwrap(), [0.0]);
    }

    #[test]
    fn other_errors_are_not_retried() {
        let runner = Small::new(10, "CUDA_ERROR_ILLEGAL_ADDRESS");
        let error = rows(&runner, &batch(&[11, 2])).unwrap_err();
        assert!(matches!(error, EncodeError::Device { .. }), "{error:?}");
        assert_eq!(*runner.seen.lock().unwrap(), [13]);
    }
}
