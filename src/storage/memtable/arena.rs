//! Memory for the bytes of many entries, a chunk at a time.

use bytes::{Bytes, BytesMut};
use std::sync::{Mutex, PoisonError};

const CHUNK_BYTES_FIRST: usize = 1 << 10;
const CHUNK_BYTES_MAX: usize = 128 << 10;

/// The chunk that is being filled. Its slices keep it alive.
#[derive(Default)]
pub(super) struct Arena {
    chunk: Mutex<Chunk>,
}

#[derive(Default)]
struct Chunk {
    free: BytesMut,
    bytes: usize,
}

impl Arena {
    /// A copy of `bytes` that shares an allocation with others.
    pub fn copy(&self, bytes: &[u8]) -> Bytes {
        if bytes.len() > CHUNK_BYTES_MAX / 8 {
            return Bytes::copy_from_slice(bytes);
        }
        let mut chunk = self.chunk.lock().unwrap_or_else(PoisonError::into_inner);
        if chunk.free.capacity() < bytes.len() {
            chunk.bytes = (chunk.bytes * 2).clamp(CHUNK_BYTES_FIRST, CHUNK_BYTES_MAX);
            let size = chunk.bytes.max(bytes.len());
            chunk.free = BytesMut::with_capacity(size);
        }
        chunk.free.extend_from_slice(bytes);
        chunk.free.split().freeze()
    }
}
