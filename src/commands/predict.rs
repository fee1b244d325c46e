//! `pipeline predict`: predictions with a bundle, without its recipe and its store.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{self, Format};
use crate::display::progress::Progress;
use crate::interrupt;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::{Error, STANDARD_OUTPUT};
use pipeline_kinds::bundle::{Bundle, Prediction, PredictionSource, PredictionSummary};
use pipeline_kinds::predict::PredictionFormat;
use pipeline_runner::event::Event;
use pipeline_runner::{RunOptions, thread_pool};
use pipeline_stage::{Progress as StageProgress, Reporter};
use pipeline_store::destination::Destination;

#[derive(Debug, Args)]
pub struct PredictArguments {
    /// The folder that `pipeline bundle` made
    #[arg(value_name = "DIR")]
    bundle: PathBuf,

    /// Where the stays come from: a TOML file with the table [source] of a data stage
    #[arg(long, value_name = "FILE")]
    source: PathBuf,

    /// The file to write, .parquet or .csv; - is standard output, as CSV
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// The columns: our own, or the columns of meds-evaluation
    #[arg(long, value_enum, default_value_t = Layout::Stays)]
    layout: Layout,

    /// Also name, for each prediction, the N variables whose removal changes it most; without N, 5
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5")]
    explain: Option<NonZeroUsize>,

    /// Threads; no result depends on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = arguments::threads)]
    threads: Option<NonZeroUsize>,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Which columns predictions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// A stay's id, probabilities, and what calibration makes of them
    Stays,
    /// The prediction schema of MEDS, as Parquet
    Meds,
}

impl PredictArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Predicting, Error> {
        let ending = self.output.extension().map(OsStr::to_ascii_lowercase);
        let to_stdout = self.output == Path::new("-");
        let refused = |what: &str, hint: &str| Error::Usage {
            message: format!("--output {}: {what}", self.output.display()),
            hint: Some(hint.into()),
        };
        if self.layout == Layout::Meds && self.explain.is_some() {
            return Err(Error::Usage {
                message: "--explain adds columns, and the schema of MEDS knows no others".into(),
                hint: Some("leave out --explain or --layout meds".into()),
            });
        }
        let written_as = match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("parquet") if self.layout == Layout::Meds => PredictionFormat::Meds,
            _ if self.layout == Layout::Meds => {
                return Err(refused(
                    "--layout meds is written as Parquet",
                    "name a file that ends in .parquet",
                ));
            }
            _ if to_stdout => PredictionFormat::Csv,
            Some("csv") => PredictionFormat::Csv,
            Some("parquet") => PredictionFormat::Parquet,
            _ => {
                return Err(refused(
                    "ends neither in .parquet nor in .csv",
                    "name a file that does, or - for standard output",
                ));
            }
        };
        if to_stdout && self.format == Format::Json {
            return Err(refused(
                "standard output would have both the predictions and --format json",
                "leave one of them out",
            ));
        }
        Ok(Predicting {
            bundle: self.bundle,
            source: self.source,
            output: (!to_stdout).then_some(self.output),
            written_as,
            explain: self.explain.map_or(0, NonZeroUsize::get),
            threads: (self.threads).map_or(RunOptions::default().threads, NonZeroUsize::get),
            force: self.force,
            format: self.format,
        })
    }
}

/// [`PredictArguments`], validated.
pub struct Predicting {
    bundle: PathBuf,
    source: PathBuf,
    /// None: standard output.
    output: Option<PathBuf>,
    written_as: PredictionFormat,
    explain: usize,
    threads: usize,
    force: bool,
    format: Format,
}

/// The document of `predict --format json`.
#[derive(Debug, Serialize)]
struct PredictRecord {
    path: String,
    /// Stays that were predicted.
    stays: u64,
    /// What was read and left out, as the metrics of a data stage.
    source: BTreeMap<String, Value>,
}

/// Writes the predictions, whole or not at all, but for standard output.
pub fn execute(wanted: &Predicting, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let destination = wanted
        .output
        .as_ref()
        .map(|path| Destination::new(path, "predictions.parquet", wanted.force));
    let destination = destination.transpose()?;
    let bundle = Bundle::open(&wanted.bundle)?;
    for name in &bundle.others {
        verbosity.note(&format!("{name} is no part of the bundle, and is not read"));
    }
    let source = PredictionSource::load(&wanted.source)?;
    if let Some(destination) = &destination {
        destination.refuse_any_of(|| source.files())?;
    }
    let interrupted = interrupt::listen();
    let pool = thread_pool(wanted.threads)?;
    let predict = |to: &mut (dyn Write + Send), path: &Path| {
        let work = tempfile::tempdir().map_err(|error| {
            Error::stage(format!("{}: {error}", std::env::temp_dir().display()))
                .with_hint("TMPDIR names a folder for data that do not fit into memory")
        })?;
        let teller = Teller(Progress::stderr(verbosity));
        let prediction = Prediction {
            bundle: &bundle,
            source: &source,
            format: wanted.written_as,
            explain: wanted.explain,
            work: work.path(),
            interrupted,
            reporter: &teller,
        };
        pool.install(|| prediction.run(to, path))
    };
    let Some(destination) = destination else {
        let mut rows = stdout::rows();
        predict(&mut *rows, Path::new(STANDARD_OUTPUT))?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut summary = None;
    let path = destination.write(|file, path| {
        summary = Some(predict(file, path)?);
        Ok(())
    })?;
    let (Format::Json, Some(summary)) = (wanted.format, summary) else {
        stdout::print(&format!("{}\n", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let PredictionSummary { stays, source } = summary;
    stdout::print_json(&PredictRecord {
        path: path.display().to_string(),
        stays,
        source,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Shows progress and notes as those of a stage.
struct Teller(Progress);

impl Teller {
    const NAME: &str = "predict";
}

impl Reporter for Teller {
    fn progress(&self, progress: StageProgress) {
        self.0.show(&[Event::StageProgress {
            name: Self::NAME.into(),
            done: progress.done,
            total: progress.total,
            unit: progress.unit.into(),
            message: progress.message,
        }]);
    }

    fn note(&self, line: &str) {
        self.0.show(&[Event::StageNote {
            name: Self::NAME.into(),
            line: line.into(),
        }]);
    }

    fn output(&self, line: &str) {
        self.note(line);
    }
}
