use crate::refusal::Refusal;

/// Longer strings are no parameter's name and no setting.
const MAX_TEXT: usize = 1 << 20;

/// Reads a pickle's bytes and never past their end.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Input { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The first of all bytes.
    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let rest = &self.bytes[self.position..];
        let taken = rest.get(..count);
        let taken = taken.ok_or_else(|| Refusal::new("the pickle ends in the middle"))?;
        self.position += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Refusal> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Refusal> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, Refusal> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// BINFLOAT is the one number of a pickle that is big-endian.
    pub(super) fn f64(&mut self) -> Result<f64, Refusal> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// A length of `width` bytes.
    pub(super) fn length(&mut self, width: usize) -> Result<usize, Refusal> {
        let length = match width {
            1 => u64::from(self.u8()?),
            4 => u64::from(self.u32()?),
            _ => u64::from_le_bytes(self.array()?),
        };
        usize::try_from(length).map_err(|_| Refusal::new("a length beyond any memory"))
    }

    /// Bytes whose number `width` bytes say.
    pub(super) fn bytes(&mut self, width: usize) -> Result<&'a [u8], Refusal> {
        let length = self.length(width)?;
        self.take(length)
    }

    pub(super) fn text(&mut self, width: usize) -> Result<String, Refusal> {
        let length = self.length(width)?;
        if length > MAX_TEXT {
            return Err(Refusal::new(format!("a string of {length} bytes")));
        }
        utf8(self.take(length)?)
    }

    pub(super) fn line(&mut self) -> Result<String, Refusal> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().take(MAX_TEXT).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| Refusal::new("a line without an end"))?;
        let line = utf8(&rest[..end])?;
        self.position += end + 1;
        Ok(line)
    }

    /// A little-endian two's complement integer; `None` when it exceeds 64 bits.
    pub(super) fn long(&mut self, width: usize) -> Result<Option<i64>, Refusal> {
        self.bytes(width).map(twos_complement)
    }
}

/// The integer of these little-endian bytes; `None` when it exceeds 64 bits.
pub(super) fn twos_complement(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut word = [if negative { 0xff } else { 0 }; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(word))
}

fn utf8(bytes: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(bytes);
    Ok(text
        .map_err(|_| Refusal::new("a string that is no UTF-8"))?
        .to_string())
}
