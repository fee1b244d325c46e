//! Where in a record a place is: a machine that can be started anywhere in a text.

/// Where the byte that follows stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Where a field begins: a quote opens it.
    Start,
    /// In a field without quotes, or in what follows a closing quote.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Behind a quote inside quotes: the closing one, unless another follows.
    Closing,
}

impl State {
    /// All of them, each at its own index.
    pub(crate) const ALL: [State; 4] = [State::Start, State::Plain, State::Quoted, State::Closing];

    /// The state behind a byte.
    pub(crate) fn after(self, byte: u8, delimiter: u8) -> Self {
        match self {
            State::Quoted if byte == b'"' => State::Closing,
            State::Quoted => State::Quoted,
            State::Start | State::Closing if byte == b'"' => State::Quoted,
            _ if byte == delimiter || is_line_end(byte) => State::Start,
            _ => State::Plain,
        }
    }

    /// The state behind some bytes. Outside of quotes only the byte before a quote matters, and inside only quotes do.
    pub(super) fn after_few(self, bytes: &[u8], delimiter: u8) -> Self {
        let (mut state, mut rest) = (self, bytes);
        while !rest.is_empty() {
            let run = position_of(rest, b'"').unwrap_or(rest.len());
            if state != State::Quoted && run > 0 {
                state = state.after(rest[run - 1], delimiter);
            }
            if run == rest.len() {
                break;
            }
            state = state.after(b'"', delimiter);
            rest = &rest[run + 1..];
        }
        state
    }
}

pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Where a byte is first, eight bytes at a time.
pub(crate) fn position_of(bytes: &[u8], wanted: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let pattern = u64::from(wanted) * LOW;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A byte that is the wanted one becomes zero; of zero bytes, the first sets its highest bit.
        let differs = u64::from_le_bytes(*word) ^ pattern;
        let found = differs.wrapping_sub(LOW) & !differs & HIGH;
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let within = rest.iter().position(|&byte| byte == wanted);
    within.map(|at| words.len() * 8 + at)
}

/// Whether there is a line end. All bytes are looked at, many at a time.
pub(crate) fn holds_line_end(bytes: &[u8]) -> bool {
    let found = bytes.iter();
    found.fold(false, |found, &byte| {
        found | (byte == b'\n') | (byte == b'\r')
    })
}
