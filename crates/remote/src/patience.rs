//! How long a server is waited for.

use std::time::Duration;

use pipeline_error::Error;

/// Says otherwise.
pub(crate) const VARIABLE: &str = "PIPELINE_REMOTE_SECONDS";

/// For a request, without what its bytes take.
const USUAL: Duration = Duration::from_secs(60);

pub(crate) fn patience() -> Result<Duration, Error> {
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(USUAL);
    };
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| (0.1..=1e5).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| Error::Usage {
            message: format!("{VARIABLE}: `{text}` is no number of seconds from 0.1 to 1e5"),
            hint: Some("60 unless it is set; each MiB that is moved gives a second more".into()),
        })
}
