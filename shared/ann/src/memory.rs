//! Zeroed memory on whole pages, large ones where the system has them.
//!
//! A search jumps between rows: with pages of 4 KiB most jumps miss the table of
//! addresses too.

use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};

use crate::AnnError;

/// Zeroed numbers.
#[derive(Debug)]
pub(crate) struct Pages {
    map: Option<MmapMut>,
}

impl Pages {
    /// Makes so many zero bytes.
    ///
    /// # Errors
    /// When the system has no memory for them.
    pub(crate) fn zeroed(bytes: usize) -> Result<Self, AnnError> {
        if bytes == 0 {
            return Ok(Self { map: None });
        }
        let map = MmapOptions::new().len(bytes).map_anon();
        let map = map.map_err(AnnError::Memory)?;
        #[cfg(target_os = "linux")]
        {
            // Advice: without it only speed is lost.
            let _advised = map.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { map: Some(map) })
    }

    /// Returns them as numbers of a size that divides a page.
    pub(crate) fn numbers<T: Pod>(&self) -> &[T] {
        let bytes = self.map.as_deref().unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }

    /// Returns them to be changed.
    pub(crate) fn numbers_mut<T: Pod>(&mut self) -> &mut [T] {
        let bytes = self.map.as_deref_mut().unwrap_or_default();
        bytemuck::try_cast_slice_mut(bytes).unwrap_or_default()
    }
}
