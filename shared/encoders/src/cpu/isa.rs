//! What the processor can do, asked once.

#[cfg(target_arch = "x86_64")]
use super::amx;

/// An instruction set that this processor has.
///
/// Only detection makes one, so holding it proves that its code may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Isa {
    level: Level,
    bf16: bool,
    vnni: bool,
    amx: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Returns what this processor can run, best first.
    pub(super) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        let plain = |level| Self {
            level,
            bf16: false,
            vnni: false,
            amx: false,
        };
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx512 {
                let best = Self {
                    level: Level::Avx512,
                    bf16: is_x86_feature_detected!("avx512bf16"),
                    vnni: is_x86_feature_detected!("avx512vnni"),
                    amx: false,
                };
                if best.bf16 && best.vnni && amx::available() {
                    found.push(Self { amx: true, ..best });
                }
                found.push(best);
                found.push(plain(Level::Avx512));
            }
            if avx2 {
                found.push(plain(Level::Avx2));
            }
        }
        found.push(plain(Level::Portable));
        found
    }

    /// Returns the best that this processor can run.
    pub(super) fn best() -> Self {
        Self::available()[0]
    }

    /// Says whether AVX-512 (F, BW, DQ, VL) may be used.
    pub(super) fn avx512(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.level == Level::Avx512;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Says whether AVX2 and FMA may be used.
    pub(super) fn avx2(self) -> bool {
        self.level != Level::Portable
    }

    /// Says whether AVX512-BF16 may be used.
    pub(super) fn bf16(self) -> bool {
        self.bf16
    }

    /// Says whether AVX512-VNNI may be used.
    pub(super) fn vnni(self) -> bool {
        self.vnni
    }

    /// Says whether the tiles of AMX may be used, beside all of the above.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn amx(self) -> bool {
        self.amx
    }
}

/// Compiles `$body::<FMA>` for each instruction set and makes `$name` choose: plain
/// Rust over slices becomes vector code of the widest registers.
///
/// `FMA` says whether a fused multiply-add is one instruction.
macro_rules! by_isa {
    ($(#[$doc:meta])* $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        pub(super) fn $name(isa: $crate::cpu::isa::Isa, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls code compiled for a detected processor feature")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn with_avx512($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                if isa.avx512() {
                    // SAFETY: an Isa says so only where the features were detected.
                    return unsafe { with_avx512($($arg),*) };
                }
                if isa.avx2() {
                    // SAFETY: as above.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            let _ = isa;
            $body::<{ cfg!(target_arch = "aarch64") }>($($arg),*);
        }
    };
}
pub(super) use by_isa;

/// Returns `a * b + c`, in one rounding where that is one instruction.
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
