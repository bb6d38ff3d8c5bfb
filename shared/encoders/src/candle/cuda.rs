//! A graphics card: one stream for each model, pinned memory on the way in and out.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaEvent, CudaStream, DeviceRepr, DriverError, PinnedHostSlice, ValidAsZeroBits,
    result, sys,
};
use candle_core::cuda_backend::{CudaDType, CudaStorage, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, Device, Result, Storage, Tensor};

use super::in_batch_order;
use super::layout::Layout;
use super::model::Model;
use crate::backend::Pending;
use crate::error::{EncodeError, LoadError};
use crate::options::DeviceChoice;

/// Returns how many cards the driver shows.
pub(super) fn cards() -> std::result::Result<usize, LoadError> {
    match CudaContext::device_count() {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(error) => Err(LoadError::Device {
            device: "cuda".into(),
            source: Box::new(candle_core::Error::wrap(error)),
        }),
    }
}

/// Opens a card with a stream of its own.
pub(super) fn open(number: usize) -> std::result::Result<Device, LoadError> {
    let device = || -> Result<Device> {
        let device = Device::new_cuda_with_stream(number)?;
        let card = device.as_cuda_device()?;
        keep_freed_memory(number).w()?;
        #[expect(
            unsafe_code,
            reason = "the promise of one stream cannot be told by types"
        )]
        // SAFETY: every tensor made on this device is allocated, used and freed on the
        // one stream that the device holds; nothing hands them to another.
        unsafe {
            card.disable_event_tracking();
        }
        Ok(device)
    };
    device().map_err(|source| LoadError::Device {
        device: DeviceChoice::Cuda(number).to_string(),
        source: Box::new(source),
    })
}

/// Tells the driver's allocator to keep what is freed: by default it gives everything
/// back whenever a batch is waited for, and asks again for the next.
fn keep_freed_memory(number: usize) -> std::result::Result<(), DriverError> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let mut most = u64::MAX;
    let mut pool = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "the driver's functions are foreign")]
    // SAFETY: both calls write or read only what the pointers name, which outlives them;
    // the attribute's value is a 64-bit number by the driver's documentation.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&raw mut pool, result::device::get(number)?).result()?;
        sys::cuMemPoolSetAttribute(
            pool,
            sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut most).cast(),
        )
        .result()
    }
}

/// What a model needs beside candle to run on a card.
pub(super) struct Card {
    device: CudaDevice,
    integers: Arc<Buffers<u32>>,
    floats: Arc<Buffers<f32>>,
    rows: Arc<Buffers<f32>>,
    /// One thread queues at a time, so that a batch is not mixed with the next.
    queueing: Mutex<()>,
}

impl Card {
    /// Returns the card of a device, if it is one.
    pub(super) fn of(device: &Device) -> Option<Self> {
        let Device::Cuda(device) = device else {
            return None;
        };
        let written = sys::CU_MEMHOSTALLOC_WRITECOMBINED;
        Some(Self {
            device: device.clone(),
            // The card reads the first two: the processor only writes them.
            integers: Buffers::new(written, device.cuda_stream()),
            floats: Buffers::new(written, device.cuda_stream()),
            rows: Buffers::new(0, device.cuda_stream()),
            queueing: Mutex::default(),
        })
    }

    /// Queues a batch, copies included, and returns what waits for it.
    pub(super) fn launch(&self, model: &Model, layout: Layout) -> Result<Pending> {
        let queueing = self.queueing.lock();
        let integers = self.send(&layout.integers, &self.integers)?;
        let floats = self.send(&layout.floats, &self.floats)?;
        let pooled = model.forward(&layout, &integers, &floats)?;
        let (mut rows, count) = self.fetch(&pooled)?;
        let event = self.device.cuda_stream().record_event(None).w()?;
        drop(queueing);
        let device = self.device.clone();
        let mut wait = move || -> Result<Vec<f32>> {
            event.synchronize().w()?;
            // Errors of calls that could not return one, such as frees.
            device.cuda_stream().context().check_err().w()?;
            Ok(in_batch_order(&rows.values()?[..count], &layout.order))
        };
        let number = self.device.cuda_stream().context().ordinal();
        Ok(Pending::new(move || {
            wait().map_err(|source| EncodeError::Device {
                device: DeviceChoice::Cuda(number).to_string(),
                source: Box::new(source),
            })
        }))
    }

    /// Queues the copy of values to the card; they stand first in the tensor, whose
    /// length is that of the buffer.
    fn send<T: Pinnable>(&self, values: &[T], buffers: &Arc<Buffers<T>>) -> Result<Tensor> {
        let mut lease = buffers.take(values.len())?;
        lease.values()?[..values.len()].copy_from_slice(values);
        let length = lease.buffer()?.len();
        let storage = self.device.clone_htod(lease.buffer()?)?;
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(storage, self.device.clone()));
        Ok(Tensor::from_storage(
            storage,
            length,
            BackpropOp::none(),
            false,
        ))
    }

    /// Queues the copy of rows from the card; returns how many values of the buffer
    /// they take.
    fn fetch(&self, pooled: &Tensor) -> Result<(Lease<f32>, usize)> {
        let count = pooled.elem_count();
        let mut lease = self.rows.take(count)?;
        let (storage, place) = pooled.storage_and_layout();
        let (Storage::Cuda(storage), Some((start, end))) = (&*storage, place.contiguous_offsets())
        else {
            return Err(candle_core::Error::Msg("pooled rows are not whole".into()));
        };
        let values = storage.as_cuda_slice::<f32>()?.slice(start..end);
        // The driver copies as many bytes as the target has: it must not be longer.
        let target = &mut lease.values()?[..count];
        self.device.cuda_stream().memcpy_dtoh(&values, target).w()?;
        Ok((lease, count))
    }
}

/// Buffers of a kind that are kept: as many batches are seldom in flight.
const KEPT: usize = 4;

/// What a pinned buffer may hold.
trait Pinnable: CudaDType + DeviceRepr + ValidAsZeroBits + Copy + Default + 'static {}

impl Pinnable for u32 {}
impl Pinnable for f32 {}

/// Pinned buffers to use again, with the event after which each is free.
struct Buffers<T: Pinnable> {
    flags: u32,
    stream: Arc<CudaStream>,
    free: Mutex<Vec<(PinnedHostSlice<T>, CudaEvent)>>,
}

/// A buffer on loan. Returning it is what dropping does, also when a batch failed
/// half way: what is queued may still read or write it.
struct Lease<T: Pinnable> {
    buffer: Option<PinnedHostSlice<T>>,
    owner: Arc<Buffers<T>>,
}

impl<T: Pinnable> Buffers<T> {
    fn new(flags: u32, stream: Arc<CudaStream>) -> Arc<Self> {
        Arc::new(Self {
            flags,
            stream,
            free: Mutex::default(),
        })
    }

    /// Takes a buffer of at least so many values, which nothing uses any more.
    fn take(self: &Arc<Self>, count: usize) -> Result<Lease<T>> {
        let kept = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let large = free.iter().position(|(buffer, _)| buffer.len() >= count);
            // Where all are too small, one goes to make room.
            let place = large.or_else(|| (free.len() >= KEPT).then_some(0));
            place.map(|place| free.swap_remove(place))
        };
        if let Some((buffer, event)) = kept {
            event.synchronize().w()?;
            if buffer.len() >= count {
                return Ok(self.lend(buffer));
            }
        }
        let length = count.next_power_of_two().max(1024);
        #[expect(unsafe_code, reason = "pinned memory comes unset from the driver")]
        // SAFETY: every bit pattern is a value of `T`, and all are set below.
        let buffer = unsafe {
            let context = self.stream.context();
            context.alloc_pinned_with_flags::<T>(length, self.flags)
        };
        let mut buffer = buffer.w()?;
        buffer.as_mut_slice().w()?.fill(T::default());
        Ok(self.lend(buffer))
    }

    fn lend(self: &Arc<Self>, buffer: PinnedHostSlice<T>) -> Lease<T> {
        Lease {
            buffer: Some(buffer),
            owner: Arc::clone(self),
        }
    }

    /// Keeps a buffer for when what is queued now is done.
    fn give_back(&self, buffer: PinnedHostSlice<T>) {
        let Ok(event) = self.stream.record_event(None) else {
            // The stream is broken: nothing of it will be used again, and the memory
            // is better lost than freed under a copy.
            std::mem::forget(buffer);
            return;
        };
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push((buffer, event));
        } else if event.synchronize().is_err() {
            std::mem::forget(buffer);
        }
    }
}

impl<T: Pinnable> Lease<T> {
    fn buffer(&mut self) -> Result<&mut PinnedHostSlice<T>> {
        let lost = || candle_core::Error::Msg("pinned buffer was returned".into());
        self.buffer.as_mut().ok_or_else(lost)
    }

    fn values(&mut self) -> Result<&mut [T]> {
        self.buffer()?.as_mut_slice().w()
    }
}

impl<T: Pinnable> Drop for Lease<T> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.owner.give_back(buffer);
        }
    }
}

impl<T: Pinnable> Drop for Buffers<T> {
    fn drop(&mut self) {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (buffer, event) in free.drain(..) {
            if event.synchronize().is_err() {
                std::mem::forget(buffer);
            }
        }
    }
}
