//! The most multiply-adds that this processor can do in a second.
//!
//! Measured by loops that touch registers only: what no engine can exceed, and what
//! the speed of one is held against.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::options::Precision;

/// Accumulators of a loop: enough to hide the latency of every unit, few enough for
/// the registers.
const LANES: usize = 12;

/// Rounds of a loop between two looks at the clock.
const ROUNDS: u64 = 1 << 20;

/// How long one trial lasts, and how many there are: the best counts, because what
/// else the machine does only slows a trial.
const TRIAL: Duration = Duration::from_millis(60);
const TRIALS: usize = 5;

/// A loop of so many rounds that returns the operations of one round.
type Loop = fn(u64) -> u64;

/// Returns the operations in a second that so many threads of this processor reach
/// together with products in this precision, one multiply-add being two operations.
///
/// Where the processor has no instruction for the precision, its best other way is
/// measured. `None` for precisions that the CPU does not compute in, and for no
/// threads. Takes about a third of a second.
#[must_use]
pub fn peak_ops_per_second(precision: Precision, threads: usize) -> Option<f64> {
    let loops = loops(precision);
    if loops.is_empty() || threads == 0 {
        return None;
    }
    let best = |body: &Loop| {
        (0..TRIALS)
            .map(|_| trial(*body, threads))
            .fold(0.0, f64::max)
    };
    Some(loops.iter().map(best).fold(0.0, f64::max))
}

/// Runs a loop on every thread at once and returns the operations in a second.
fn trial(body: Loop, threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let run = || {
        body(ROUNDS / 16);
        barrier.wait();
        let started = Instant::now();
        let mut operations = 0;
        while started.elapsed() < TRIAL {
            operations += ROUNDS * body(ROUNDS);
        }
        rate(operations, started.elapsed())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let first = run();
        let others = others
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0.0));
        first + others.sum::<f64>()
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 53 bits"
)]
fn rate(operations: u64, elapsed: Duration) -> f64 {
    operations as f64 / elapsed.as_secs_f64()
}

/// Returns the loops to try, of which the best counts.
fn loops(precision: Precision) -> Vec<Loop> {
    match precision {
        Precision::F32 => single(),
        Precision::Bf16 => half(),
        Precision::Int8 => byte(),
        Precision::F16 => Vec::new(),
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{byte, half, single};

#[cfg(not(target_arch = "x86_64"))]
fn single() -> Vec<Loop> {
    vec![portable]
}

#[cfg(not(target_arch = "x86_64"))]
fn half() -> Vec<Loop> {
    single()
}

#[cfg(not(target_arch = "x86_64"))]
fn byte() -> Vec<Loop> {
    single()
}

/// Multiply-adds in f32, as the compiler makes them for any processor of this kind.
fn portable(rounds: u64) -> u64 {
    const WIDTH: usize = 8;
    let (a, b) = (black_box([1.0e-3_f32; WIDTH]), black_box([0.5_f32; WIDTH]));
    let mut sums = black_box([[0.0_f32; WIDTH]; LANES]);
    for _ in 0..rounds {
        for sum in &mut sums {
            for ((sum, a), b) in sum.iter_mut().zip(&a).zip(&b) {
                *sum = if cfg!(target_arch = "aarch64") {
                    a.mul_add(*b, *sum)
                } else {
                    a * b + *sum
                };
            }
        }
    }
    black_box(sums);
    operations(WIDTH)
}

/// Operations of one round whose instructions each do so many multiply-adds.
const fn operations(width: usize) -> u64 {
    2 * (LANES as u64) * (width as u64)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::{LANES, Loop, operations, portable};
    use crate::cpu::amx;

    /// Defines a loop over one multiply-add on vectors, for processors with the
    /// named features, and the function that calls it.
    macro_rules! vector_loop {
        ($name:ident, $features:literal, $width:literal, $zero:expr, $a:expr, $b:expr, $step:expr) => {
            fn $name(rounds: u64) -> u64 {
                #[target_feature(enable = $features)]
                fn body(rounds: u64) {
                    let (a, b) = (black_box($a), black_box($b));
                    let mut sums = black_box([$zero; LANES]);
                    for _ in 0..rounds {
                        for sum in &mut sums {
                            *sum = $step(*sum, a, b);
                        }
                    }
                    black_box(sums);
                }
                // SAFETY: `single`, `half` and `byte` hand the loop out only where its
                // features were detected.
                #[expect(unsafe_code, reason = "calls code compiled for a detected feature")]
                unsafe {
                    body(rounds);
                }
                operations($width)
            }
        };
    }

    vector_loop!(
        single_256,
        "avx2,fma",
        8,
        _mm256_setzero_ps(),
        _mm256_set1_ps(1.0e-3),
        _mm256_set1_ps(0.5),
        |sum, a, b| _mm256_fmadd_ps(a, b, sum)
    );
    vector_loop!(
        single_512,
        "avx512f",
        16,
        _mm512_setzero_ps(),
        _mm512_set1_ps(1.0e-3),
        _mm512_set1_ps(0.5),
        |sum, a, b| _mm512_fmadd_ps(a, b, sum)
    );
    vector_loop!(
        half_512,
        "avx512f,avx512bf16",
        32,
        _mm512_setzero_ps(),
        _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0e-3), _mm512_set1_ps(1.0e-3)),
        _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5), _mm512_set1_ps(0.5)),
        |sum, a, b| _mm512_dpbf16_ps(sum, a, b)
    );
    vector_loop!(
        byte_512,
        "avx512f,avx512vnni",
        64,
        _mm512_setzero_si512(),
        _mm512_set1_epi8(3),
        _mm512_set1_epi8(-5),
        |sum, a, b| _mm512_dpbusd_epi32(sum, a, b)
    );
    vector_loop!(
        byte_256,
        "avx2,avxvnni",
        32,
        _mm256_setzero_si256(),
        _mm256_set1_epi8(3),
        _mm256_set1_epi8(-5),
        |sum, a, b| _mm256_dpbusd_avx_epi32(sum, a, b)
    );
    // Three instructions for one product without VNNI. The product must differ from
    // round to round, or the compiler takes it out of the loop.
    vector_loop!(
        byte_256_three,
        "avx2",
        32,
        _mm256_setzero_si256(),
        _mm256_set1_epi8(3),
        _mm256_set1_epi16(1),
        |sum, a, ones| {
            let pairs = _mm256_maddubs_epi16(sum, a);
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones))
        }
    );

    pub(super) fn single() -> Vec<Loop> {
        let mut found: Vec<Loop> = vec![portable];
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            found = vec![single_256];
        }
        if is_x86_feature_detected!("avx512f") {
            found.push(single_512);
        }
        found
    }

    pub(super) fn half() -> Vec<Loop> {
        if amx::available() {
            return vec![amx::half_products];
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
            return vec![half_512];
        }
        single()
    }

    pub(super) fn byte() -> Vec<Loop> {
        if amx::available() {
            return vec![amx::byte_products];
        }
        let mut found: Vec<Loop> = Vec::new();
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            found.push(byte_512);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni") {
            found.push(byte_256);
        }
        if found.is_empty() && is_x86_feature_detected!("avx2") {
            found.push(byte_256_three);
        }
        if found.is_empty() { single() } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_of_the_processor_has_a_peak() {
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let peak = peak_ops_per_second(precision, 1).unwrap();
            assert!(peak.is_finite() && peak > 1e8, "{precision}: {peak}");
        }
        assert_eq!(peak_ops_per_second(Precision::F16, 1), None);
        assert_eq!(peak_ops_per_second(Precision::F32, 0), None);
    }

    /// A vector of bytes holds four times the products of one of f32; half of that is
    /// far from any noise.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn bytes_are_faster_than_floats_where_the_processor_has_vnni() {
        if !is_x86_feature_detected!("avx512vnni") {
            eprintln!("skipped: this processor has no AVX512-VNNI");
            return;
        }
        let peak = |precision| peak_ops_per_second(precision, 1).unwrap();
        let (bytes, floats) = (peak(Precision::Int8), peak(Precision::F32));
        assert!(bytes >= floats, "{bytes} against {floats}");
    }
}
