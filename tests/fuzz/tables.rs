//! What reads tables: a data stage whose input is the fuzzed file, whatever container it is in.
//!
//! The first byte of an input says what the table is used as; the file is the rest.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pipeline_data::config::DataConfig;
use pipeline_data::dataset::Dataset;
use pipeline_data::{DataReport, build};
use serde_json::{Value, json};

/// What a table can be used as: the first byte, and a table of that use that is accepted.
pub const USES: [(u8, &str); 8] = [
    (b'l', LONG),
    (b't', TIMES),
    (b'd', DURATIONS),
    (b'w', WIDE),
    (b's', STAYS),
    (b'p', SPLITS),
    (b'm', EMBEDDINGS),
    (b'n', STATISTICS),
];

const LONG: &str = "stay_id,time,item,value\n1,0,HR,80\n1,0.5,rhythm,sinus\n1,1.5,HR,96\n2,1,HR,70\n\
                    2,1.25,lactate,2.5\n3,0,HR,75\n4,2,HR,102\n5,1,HR,1e2\n6,0,HR,\n";
const TIMES: &str = "stay_id,time,item,value\n1,2150-01-01 08:00:00,HR,80\n1,2150-01-01T08:30,rhythm,sinus\n\
                     2,2150-02-01 10:00:00.5,HR,70\n3,2150-03-01 00:10:00,HR,75\n4,2150-04-01 12:01:00,HR,9\n";
const DURATIONS: &str = "stay_id,time,item,value\n1,00:30,HR,80\n1,1 days 02:30:00,rhythm,sinus\n2,PT95400S,HR,70\n\
                         3,0 days,HR,75\n4,26:30,HR,9\n";
const WIDE: &str =
    "stay_id,time,HR,lactate,sex\n1,0,80,,F\n1,1,96,1.5,F\n2,0,70,2.5,M\n3,0,75,,F\n4,0,102,3,M\n";
const STAYS: &str = "stay_id,patient,begin,age,fold,died\n1,11,2150-01-01 07:45:00,54,train,0\n\
                     2,12,2150-02-01 09:00:00,,train,1\n3,13,2150-03-01 00:00:00,71,tuning,0\n\
                     4,14,2150-04-01 12:00:00,80,held_out,1\n";
const SPLITS: &str = "stay_id,split\n1,train\n2,train\n3,tuning\n4,held_out\n5,test\n6,val\n";
const EMBEDDINGS: &str = "Key,0,1\nHR,0.5,-1\nlactate,1e-3,2\nrhythm=sinus,0,1\nother,3,4\n";
const STATISTICS: &str =
    "variable,mean,std\nHR,80,10\nlactate,2,0.5\nrhythm=sinus,0,1\nother,1,1\n";

/// What an artifact is given as: its name in the dataset.
pub const ARTIFACTS: [(u8, &str); 3] = [(b'E', "events"), (b'S', "stays"), (b'V', "variables")];

/// Longer texts are not held against their compressed form.
const MOST_PLAIN: u64 = 8 << 20;

/// A temporary folder, in memory where that can be: closing a file would wait for the disk.
pub fn folder_in_memory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    let folder = match shared.is_dir() {
        true => tempfile::tempdir_in(shared),
        false => tempfile::tempdir(),
    };
    folder.expect("the temporary folder can be written")
}

/// A folder with one table of each use, and room for the fuzzed one.
pub struct Tables {
    folder: tempfile::TempDir,
}

impl Tables {
    pub fn new() -> Self {
        let folder = folder_in_memory();
        for (name, text) in [
            ("long.csv", LONG),
            ("times.csv", TIMES),
            ("splits.csv", SPLITS),
        ] {
            fs::write(folder.path().join(name), text).expect("the temporary folder can be written");
        }
        let tables = Self { folder };
        let built = tables.build(b'l', "long.csv", LONG.as_bytes());
        assert_eq!(built, Ok(true), "a dataset to take artifacts from");
        fs::rename(tables.path("work"), tables.path("good")).expect("the temporary folder");
        tables
    }

    /// The artifacts of a dataset, with the byte that says which it is.
    pub fn artifacts(&self) -> Vec<(String, Vec<u8>)> {
        let artifact = |(usage, name): (u8, &str)| {
            let bytes = fs::read(self.path("good").join(format!("{name}.parquet")));
            let bytes = bytes.expect("an artifact");
            (name.to_string(), [&[usage], &bytes[..]].concat())
        };
        ARTIFACTS.into_iter().map(artifact).collect()
    }

    /// Whether a data stage accepts the table: what it writes is read back as it reported it, and a text gives
    /// the same artifacts when it is not compressed.
    pub fn check(&self, input: &[u8]) -> Result<bool, String> {
        let Some((usage, bytes)) = input.split_first() else {
            return Ok(false);
        };
        if let Some((_, name)) = ARTIFACTS.iter().find(|(byte, _)| byte == usage) {
            return self.load(name, bytes);
        }
        let built = self.build(*usage, "mutated.csv", bytes)?;
        let is_compressed =
            bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"\x28\xb5\x2f\xfd");
        if built && is_compressed {
            self.hold_against_plain(*usage, bytes)?;
        }
        Ok(built)
    }

    /// Whether a dataset is read of which one artifact is the fuzzed file.
    fn load(&self, mutated: &str, bytes: &[u8]) -> Result<bool, String> {
        let path = self.path("mutated.parquet");
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        let place = |name: &str| match name == mutated {
            true => path.clone(),
            false => self.path("good").join(format!("{name}.parquet")),
        };
        let loaded = Dataset::load(&place("events"), &place("stays"), &place("variables"));
        let Ok(dataset) = loaded else {
            return Ok(false);
        };
        let events = dataset.event_value.len();
        let sets = dataset.set_minute.len();
        let is_whole = dataset.event_variable.len() == events
            && dataset.set_start.len() == sets + 1
            && dataset.set_start.is_sorted()
            && dataset.set_start.last() == Some(&(events as u32))
            && dataset.stays.iter().all(|stay| stay.sets.end <= sets)
            && dataset.embeddings.len() == dataset.variables.len() * dataset.embedding_dim
            && (dataset.event_variable.iter())
                .all(|variable| (*variable as usize) < dataset.variables.len());
        match is_whole {
            true => Ok(true),
            false => Err("a dataset is read that points beyond itself".into()),
        }
    }

    fn build(&self, usage: u8, name: &str, bytes: &[u8]) -> Result<bool, String> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        let config = self.config(usage, &path);
        let work = self.path("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir(&work).map_err(|error| error.to_string())?;
        let built = build(&config, 1, &work, &AtomicBool::new(false), &mut |_| {});
        match built {
            Ok(report) => whole(&work, &report).map(|()| true),
            Err(error) => match error.to_string().is_empty() {
                true => Err("an error without a message".into()),
                false => Ok(false),
            },
        }
    }

    /// Decompressed by the libraries alone, the text must give the same bytes.
    fn hold_against_plain(&self, usage: u8, bytes: &[u8]) -> Result<(), String> {
        let mut plain = Vec::new();
        let read = match bytes.starts_with(b"\x1f\x8b") {
            true => flate2::read::MultiGzDecoder::new(bytes)
                .take(MOST_PLAIN)
                .read_to_end(&mut plain),
            false => zstd::Decoder::new(bytes)
                .and_then(|decoder| decoder.take(MOST_PLAIN).read_to_end(&mut plain)),
        };
        read.map_err(|error| format!("accepted, and cannot be decompressed: {error}"))?;
        if plain.len() as u64 == MOST_PLAIN {
            return Ok(());
        }
        let before = artifacts(&self.path("work"))?;
        match self.build(usage, "plain.csv", &plain)? {
            true if artifacts(&self.path("work"))? == before => Ok(()),
            true => Err("decompressed, the text gives other artifacts".into()),
            false => Err("decompressed, the text is refused".into()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, usage: u8, mutated: &Path) -> DataConfig {
        let rows = |path: &Path, time: Value| {
            json!({ "format": "long", "files": [path], "id": "stay_id", "time": time,
                    "variable": "item", "value": "value" })
        };
        let hours = json!({ "column": "time", "as": "hours" });
        let timestamp = json!({ "column": "time", "as": "timestamp" });
        let mut config = json!({
            "source": rows(&self.path("long.csv"), hours.clone()),
            "labels": "none",
            "split": { "file": self.path("splits.csv") },
            "embeddings": { "orthonormal": 16 },
            "without_events": "drop",
            "categorical": ["rhythm"],
            "memory": "16MB",
        });
        match usage {
            b't' => {
                config["source"] = rows(mutated, timestamp);
                config["source"]["time"]["zone"] = json!("+01:00");
            }
            b'd' => {
                config["source"] = rows(mutated, json!({ "column": "time", "as": "duration" }));
            }
            b'w' => {
                config["source"] = json!({ "format": "wide", "files": [mutated], "id": "stay_id",
                                           "time": hours, "statics": ["sex"] });
                config["categorical"] = json!(["sex"]);
            }
            b's' => {
                let stays = json!({ "path": mutated, "id": "stay_id", "subject": "patient",
                                    "start": "begin", "variables": ["age"] });
                config["source"] = rows(&self.path("times.csv"), timestamp);
                config["source"]["stays"] = stays;
                config["source"]["labels"] =
                    json!({ "path": mutated, "id": "stay_id", "column": "died" });
                config["labels"] = json!("source");
                config["split"] = json!({ "column": "fold" });
            }
            b'p' => config["split"] = json!({ "file": mutated }),
            b'm' => config["embeddings"] = json!({ "table": mutated }),
            b'n' => config["statistics"] = json!({ "path": mutated }),
            _ => config["source"] = rows(mutated, hours),
        }
        serde_json::from_value(config).expect("the settings of a data stage")
    }
}

/// The artifacts read back, and are what the report says.
fn whole(work: &Path, report: &DataReport) -> Result<(), String> {
    let path = |name: &str| work.join(format!("{name}.parquet"));
    let dataset = Dataset::load(&path("events"), &path("stays"), &path("variables"))
        .map_err(|error| format!("the artifacts cannot be read: {error}"))?;
    use pipeline_data::dataset::Split;
    let splits = [Split::Train, Split::Validation, Split::Test];
    let stays: u64 = splits.iter().map(|split| report.of(*split).stays).sum();
    let events: u64 = splits.iter().map(|split| report.of(*split).events).sum();
    let found = (dataset.stays.len() as u64, dataset.event_value.len() as u64);
    match found == (stays, events) {
        true => Ok(()),
        false => Err(format!(
            "{found:?} stays and events in the artifacts, {:?} in the report",
            (stays, events)
        )),
    }
}

fn artifacts(work: &Path) -> Result<Vec<Vec<u8>>, String> {
    let names = ["events", "stays", "variables"];
    let read = |name| fs::read(work.join(format!("{name}.parquet")));
    let read: std::io::Result<_> = names.into_iter().map(read).collect();
    read.map_err(|error| error.to_string())
}
