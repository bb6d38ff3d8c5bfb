//! Matrix-product kernels for AMX: sums of 16 by 16 in tile registers.
//!
//! A block is two tiles of rows by two of columns, one panel: four products of tiles
//! for four loads, so that the multipliers are the bound. Panels are packed as the
//! kernels of [`super::avx512`] read them, which is what a tile asks for, too.

#![expect(unsafe_code, reason = "tile registers on raw pointers")]

use std::arch::asm;
use std::arch::x86_64::*;

use super::avx512::{Epilogue, columns};
use super::element::Bf16;
use super::gemm::{NR, Product, Quantized};

/// Rows of a tile.
const ROWS: usize = 16;
/// Bytes of a row of a tile.
const WIDTH: usize = 64;
/// Bytes between the lines of a panel, whatever its numbers: one line of 32 columns
/// holds 4 bytes of each.
const LINE: usize = 4 * NR;

/// Sums of a block: `[2 × 16, 32]`, as whole numbers or as f32.
#[repr(C, align(64))]
struct Sums([[u32; NR]; 2 * ROWS]);

/// How the tile registers are cut (Intel SDM volume 1, section 18.1): here each is whole.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row of each.
    bytes: [u16; 16],
    rows: [u8; 16],
}

static WHOLE: TileConfig = TileConfig {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Tells whether this processor and its system let us use tiles.
pub(crate) fn available() -> bool {
    is_x86_feature_detected!("avx512f") && detected() && permitted()
}

/// Tells whether a product fits tiles: at least one of rows, and whole ones of `k` bytes.
pub(super) fn fits(rows: usize, k_bytes: usize) -> bool {
    rows >= ROWS && k_bytes.is_multiple_of(WIDTH)
}

/// Asks the system for the tile registers; it keeps them for those who never do.
///
/// Once it has agreed, all threads of the process may use them.
fn permitted() -> bool {
    #[cfg(target_os = "linux")]
    {
        // Of `asm/prctl.h`, and the number of the tiles' state.
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: the call reads two numbers and touches no memory of ours.
        let refused = unsafe {
            libc::syscall(
                libc::SYS_arch_prctl,
                ARCH_REQ_XCOMP_PERM,
                XFEATURE_XTILEDATA,
            )
        };
        refused == 0
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// Tells whether the processor has AMX with products of bytes and of bf16.
fn detected() -> bool {
    // Bits of leaf 7: AMX-BF16, AMX-TILE and AMX-INT8.
    const ALL: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    let leaves = __cpuid(0).eax;
    leaves >= 7 && __cpuid_count(7, 0).edx & ALL == ALL
}

/// Defines the product of two tiles of rows with a panel by one instruction.
macro_rules! block {
    ($name:ident, $instruction:literal) => {
        /// Multiplies rows from `a` and from `b`, `steps` times 64 bytes of each, with a
        /// panel.
        ///
        /// # Safety
        ///
        /// The tiles are configured as [`WHOLE`]; 16 rows of `stride` bytes lie at `a` and
        /// at `b`, and `16 × steps` lines at `panel`.
        #[inline]
        unsafe fn $name(
            [a, b]: [*const u8; 2],
            stride: usize,
            panel: *const u8,
            steps: usize,
            sums: &mut Sums,
        ) {
            let sums = sums.0.as_mut_ptr();
            // SAFETY: the caller vouches for what is read; what is written is `sums`.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{a} + {stride}*1]",
                    "tileloadd tmm6, [{panel} + {line}*1]",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{panel} + {line}*1 + 64]",
                    concat!($instruction, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{b} + {stride}*1]",
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    concat!($instruction, " tmm3, tmm5, tmm7"),
                    "add {a}, 64",
                    "add {b}, 64",
                    "add {panel}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {line}*1], tmm0",
                    "tilestored [{sums} + {line}*1 + 64], tmm1",
                    "tilestored [{sums} + {line}*1 + 2048], tmm2",
                    "tilestored [{sums} + {line}*1 + 2112], tmm3",
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    panel = inout(reg) panel => _,
                    steps = inout(reg) steps => _,
                    stride = in(reg) stride,
                    line = in(reg) LINE,
                    sums = in(reg) sums,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

block!(byte_block, "tdpbusd");
block!(half_block, "tdpbf16ps");

/// The tile registers, whole and in use until this is dropped.
struct Tiles;

impl Tiles {
    /// # Safety
    ///
    /// The processor has AMX and it is [`available`].
    unsafe fn configure() -> Self {
        // SAFETY: the configuration is a valid one of 64 bytes.
        unsafe {
            asm!("ldtilecfg [{config}]", config = in(reg) &raw const WHOLE, options(nostack));
        }
        Self
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: tiles were configured, so there are any to release. Their state is then
        // no longer saved when threads change.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Defines a loop of products in registers alone, which nothing can exceed.
macro_rules! products {
    ($name:ident, $instruction:literal, $width:literal) => {
        /// Multiplies tiles so many times four; returns the operations of each time. Only
        /// for where it is [`available`].
        pub(crate) fn $name(rounds: u64) -> u64 {
            // SAFETY: as the caller says; only tile registers are touched.
            unsafe {
                let _tiles = Tiles::configure();
                asm!(
                    "2:",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    concat!($instruction, " tmm1, tmm4, tmm7"),
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    concat!($instruction, " tmm3, tmm5, tmm7"),
                    "dec {rounds}",
                    "jnz 2b",
                    rounds = inout(reg) rounds.max(1) => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    options(nostack, nomem),
                );
            }
            // Four products of 16 rows by 16 columns, each of so many pairs, two
            // operations a pair.
            4 * 16 * 16 * $width * 2
        }
    };
}

products!(byte_products, "tdpbusd", 64);
products!(half_products, "tdpbf16ps", 32);

/// A block: its panel, and the first rows of its two tiles.
struct Block {
    panel: usize,
    tiles: [usize; 2],
}

/// Returns all blocks, panel after panel.
///
/// The last tiles reach back into rows of the ones before, which then are computed twice,
/// to the same values.
fn blocks(rows: usize, panels: usize) -> impl Iterator<Item = Block> {
    let first = move |tile: usize| (tile * ROWS).min(rows - ROWS);
    let pairs = rows.div_ceil(2 * ROWS);
    (0..panels).flat_map(move |panel| {
        (0..pairs).map(move |pair| Block {
            panel,
            tiles: [first(2 * pair), first(2 * pair + 1)],
        })
    })
}

/// Multiplies a block in 8 bits.
///
/// # Safety
///
/// The processor has AMX and AVX-512 (F, BW, DQ, VL), it is [`available`], the shape
/// [`fits`], and the slices are as long as it says.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn int8_block(product: Quantized<'_>, out: &mut [f32]) {
    let shape = product.shape;
    // SAFETY: as the caller says; tiles and panels lie inside the slices.
    unsafe {
        let _tiles = Tiles::configure();
        let mut sums = Sums([[0; NR]; 2 * ROWS]);
        for Block { panel, tiles } in blocks(shape.rows, shape.panels) {
            let left = tiles.map(|row| product.left.as_ptr().add(row * shape.row_stride));
            let right = product.right.as_ptr().add(panel * shape.panel_stride);
            let steps = shape.k / WIDTH;
            byte_block(left, shape.row_stride, right.cast(), steps, &mut sums);
            let of_panel = Epilogue::of(&product, panel);
            for (tile, sums) in tiles.into_iter().zip(sums.0.chunks_exact(ROWS)) {
                let epilogue = of_panel.at_row(&product, tile);
                let mut to = out.as_mut_ptr().add(tile * shape.out_stride + panel * NR);
                for (row, sums) in sums.iter().enumerate() {
                    for half in 0..2 {
                        let whole = _mm512_load_si512(sums.as_ptr().add(16 * half).cast());
                        _mm512_storeu_ps(to.add(16 * half), epilogue.value(row, half, whole));
                    }
                    to = to.wrapping_add(shape.out_stride);
                }
            }
        }
    }
}

/// Multiplies a block in bf16.
///
/// # Safety
///
/// As for [`int8_block`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn bf16_block(product: Product<'_, Bf16>, out: &mut [f32]) {
    let shape = product.shape;
    let bytes = size_of::<Bf16>();
    // SAFETY: as the caller says; tiles and panels lie inside the slices.
    unsafe {
        let _tiles = Tiles::configure();
        let mut sums = Sums([[0; NR]; 2 * ROWS]);
        for Block { panel, tiles } in blocks(shape.rows, shape.panels) {
            let left = tiles.map(|row| product.left.as_ptr().add(row * shape.row_stride).cast());
            let right = product.right.as_ptr().add(panel * shape.panel_stride);
            let steps = shape.k * bytes / WIDTH;
            half_block(
                left,
                shape.row_stride * bytes,
                right.cast(),
                steps,
                &mut sums,
            );
            let bias = columns(product.bias, panel);
            for (tile, sums) in tiles.into_iter().zip(sums.0.chunks_exact(ROWS)) {
                let mut to = out.as_mut_ptr().add(tile * shape.out_stride + panel * NR);
                for sums in sums {
                    for (half, bias) in bias.into_iter().enumerate() {
                        let sum = _mm512_load_ps(sums.as_ptr().add(16 * half).cast());
                        _mm512_storeu_ps(to.add(16 * half), _mm512_add_ps(sum, bias));
                    }
                    to = to.wrapping_add(shape.out_stride);
                }
            }
        }
    }
}
