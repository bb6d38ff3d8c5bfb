//! The arithmetic of the native engine, compiled once for each instruction set
//! and chosen at run time.
//!
//! Kernels are plain Rust over slices, shaped so that the compiler turns the inner
//! loops into vector code; [`kernel!`] compiles each body with the features of an
//! instruction set and picks by [`Isa`].

mod matmul;
mod rows;

pub(crate) use matmul::{Epilogue, Matrix, Output, Packed, Product, matmul};
pub(crate) use rows::{LayerNorm, add_layer_norm, softmax_rows};

/// An instruction set that this processor has.
///
/// Only detection makes one, so holding it proves that its code may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// Returns what this processor can run, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                found.push(Self(Level::Avx512));
            }
            if fma {
                found.push(Self(Level::Avx2));
            }
        }
        found.push(Self(Level::Portable));
        found
    }

    /// Returns the best that this processor can run.
    pub(crate) fn best() -> Self {
        Self::available()
            .first()
            .copied()
            .unwrap_or(Self(Level::Portable))
    }
}

/// Compiles `$body::<TILE, FMA>` for each instruction set and makes `$name` choose.
///
/// `TILE` is how many rows of 32 accumulators fit the registers; `FMA` says whether
/// a fused multiply-add is one instruction.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        pub(crate) fn $name(isa: $crate::kernels::Isa, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f")]
            fn avx512($($arg: $type),*) {
                $body::<12, true>($($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) {
                $body::<3, true>($($arg),*);
            }
            #[expect(unsafe_code, reason = "calls code compiled for a detected processor feature")]
            match isa.0 {
                // SAFETY: an Isa of this level exists only where the features were detected.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Level::Avx2 => unsafe { avx2($($arg),*) },
                $crate::kernels::Level::Portable => {
                    $body::<2, { cfg!(target_arch = "aarch64") }>($($arg),*);
                }
            }
        }
    };
}
pub(crate) use kernel;

/// Returns `a * b + c`, in one rounding where that is one instruction.
#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
