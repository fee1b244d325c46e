use std::io::{self, Read};
use std::time::Duration;

use ureq::Body;
use ureq::http::Response;

use super::Failure;

/// An answer, of which status and headers have come.
#[derive(Debug)]
pub struct Answer {
    response: Response<Body>,
    patience: Duration,
}

impl Answer {
    pub(crate) fn new(response: Response<Body>, patience: Duration) -> Self {
        Self { response, patience }
    }

    /// The number of its status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The status in words, where it has any.
    pub fn reason(&self) -> &'static str {
        self.response
            .status()
            .canonical_reason()
            .unwrap_or_default()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// What it says; more than `most` bytes are a failure.
    pub fn bytes(mut self, most: u64) -> Result<Vec<u8>, Failure> {
        let body = self.response.body_mut().with_config().limit(most);
        let read = body.read_to_vec();
        read.map_err(|error| Failure::of(error, self.patience))
    }

    /// What it says, piece by piece: `take` is given each. At most `most` bytes are read, and one more, so that it shows
    /// that there are too many.
    pub fn stream<E>(
        mut self,
        most: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, Failure> {
        let body = self.response.body_mut().with_config().limit(u64::MAX);
        let mut left = body.reader().take(most.saturating_add(1));
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = match left.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| Failure::reading(error, self.patience))?,
            };
            if read == 0 {
                return Ok(Ok(()));
            }
            if let Err(error) = take(&piece[..read]) {
                return Ok(Err(error));
            }
        }
    }
}
