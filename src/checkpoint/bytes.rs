use std::ops::Range;
use std::sync::Arc;

/// Bytes inside a shared buffer, so that tied and sliced tensors are not copied.
#[derive(Clone, Debug)]
pub(super) struct TensorBytes {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl TensorBytes {
    /// `None` when the buffer does not hold `range`.
    pub(super) fn new(buffer: Arc<Vec<u8>>, range: Range<usize>) -> Option<Self> {
        buffer.get(range.clone())?;
        Some(TensorBytes { buffer, range })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

impl From<Vec<u8>> for TensorBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        TensorBytes {
            buffer: Arc::new(bytes),
            range,
        }
    }
}
