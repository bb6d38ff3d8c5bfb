//! Linear layers by cuBLASLt.

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::cuda_backend::cudarc::cublaslt::{CudaBlasLT, Matmul, MatmulConfig};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DeviceRepr};
use candle_core::cuda_backend::{CudaDType, CudaStorage, CudaStorageSlice as Slice};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, Result, Storage, Tensor};

/// A handle of the library on the stream of a device.
#[derive(Debug)]
pub(super) struct Fused {
    library: CudaBlasLT,
    device: CudaDevice,
    on: AtomicBool,
}

impl Fused {
    pub(super) fn new(device: &CudaDevice) -> Result<Self> {
        let library = CudaBlasLT::new(device.cuda_stream());
        Ok(Self {
            library: library.map_err(candle_core::Error::wrap)?,
            device: device.clone(),
            on: AtomicBool::new(true),
        })
    }

    pub(super) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Computes `x Wᵀ + b` in half precision; `None` for f32, where the library is
    /// switched off, and where a tensor does not begin where its memory does, which
    /// its kernels count on.
    pub(super) fn linear(
        &self,
        rows: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
    ) -> Result<Option<Tensor>> {
        let whole = [rows, weight, bias].iter().all(|tensor| {
            let layout = tensor.layout();
            layout.is_contiguous() && layout.start_offset() == 0
        });
        if !whole || !self.on.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let shape = Shape::of(rows, weight, bias)?;
        let (rows, _) = rows.storage_and_layout();
        let (weight, _) = weight.storage_and_layout();
        let (bias, _) = bias.storage_and_layout();
        let (Storage::Cuda(rows), Storage::Cuda(weight), Storage::Cuda(bias)) =
            (&*rows, &*weight, &*bias)
        else {
            candle_core::bail!("a linear layer lies on two devices");
        };
        match (&rows.slice, &weight.slice, &bias.slice) {
            (Slice::F16(rows), Slice::F16(weight), Slice::F16(bias)) => {
                self.product(&shape, rows, weight, bias).map(Some)
            }
            (Slice::BF16(rows), Slice::BF16(weight), Slice::BF16(bias)) => {
                self.product(&shape, rows, weight, bias).map(Some)
            }
            // The library rounds the factors of f32 products.
            _ => Ok(None),
        }
    }

    fn product<T>(
        &self,
        shape: &Shape,
        rows: &CudaSlice<T>,
        weight: &CudaSlice<T>,
        bias: &CudaSlice<T>,
    ) -> Result<Tensor>
    where
        T: CudaDType + DeviceRepr,
        CudaBlasLT: Matmul<T>,
    {
        let config = shape.config()?;
        #[expect(unsafe_code, reason = "the library takes pointers")]
        // SAFETY: the memory is wholly written by the product below.
        let mut output = unsafe { self.device.alloc::<T>(shape.count * shape.outputs)? };
        #[expect(unsafe_code, reason = "the library takes pointers")]
        // SAFETY: `config` describes matrices that begin at the slices and have the
        // sizes that `Shape::of` checked; all belong to the stream of the library.
        let done = unsafe {
            self.library
                .matmul(config, weight, rows, &mut output, Some(bias), None)
        };
        done.map_err(candle_core::Error::wrap)?;
        let storage = CudaStorage::wrap_cuda_slice(output, self.device.clone());
        let size = (shape.count, shape.outputs);
        Ok(Tensor::from_storage(
            Storage::Cuda(storage),
            size,
            BackpropOp::none(),
            false,
        ))
    }
}

struct Shape {
    count: usize,
    inputs: usize,
    outputs: usize,
}

impl Shape {
    fn of(rows: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let (count, inputs) = rows.dims2()?;
        let outputs = weight.dim(0)?;
        if weight.dims() != [outputs, inputs] || bias.dims() != [outputs] {
            let (weight, bias) = (weight.dims(), bias.dims());
            candle_core::bail!("linear of {inputs} inputs with {weight:?} and {bias:?}");
        }
        Ok(Self {
            count,
            inputs,
            outputs,
        })
    }

    /// The library reads columns first: our rows of `W` and `x` are its columns, so it
    /// computes `yᵀ = (Wᵀ)ᵀ xᵀ`, `[outputs, count]`, and adds the bias to each column.
    fn config(&self) -> Result<MatmulConfig> {
        let wide = |size: usize| u64::try_from(size).map_err(candle_core::Error::wrap);
        let stride = |size: usize| i64::try_from(size).map_err(candle_core::Error::wrap);
        Ok(MatmulConfig {
            transa: true,
            transb: false,
            transc: false,
            m: wide(self.outputs)?,
            n: wide(self.count)?,
            k: wide(self.inputs)?,
            alpha: 1.0,
            lda: stride(self.inputs)?,
            ldb: stride(self.inputs)?,
            beta: 0.0,
            ldc: stride(self.outputs)?,
            stride_a: None,
            stride_b: None,
            stride_c: None,
            stride_bias: None,
            batch_size: None,
        })
    }
}
