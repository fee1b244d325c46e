use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, LargeStringArray, StringArray,
};

use super::*;
use crate::parquet_file::{Compression, write_nullable};
use pipeline_random::Stream;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// Reads a file of these bytes, whose name says nothing of what it is.
fn read_bytes(bytes: &[u8]) -> Result<Vec<Variable>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statistics");
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let error = read_bytes(bytes.as_ref()).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(text.contains("/statistics: "), "{text}");
    text
}

fn columns(names: ArrayRef, means: ArrayRef, stds: ArrayRef) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statistics");
    let columns = vec![("variable", names), ("std", stds), ("mean", means)];
    write_nullable(&path, columns, Compression::SNAPPY).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_bad_line_of_a_csv_file_is_named() {
    let zero = refusal("variable,mean,std\nHR,80,0\n");
    assert!(zero.contains("line 2: std 0 of variable `HR`"), "{zero}");
    assert!(refusal("variable,mean,std\nHR,80,inf\n").contains("line 2: std `inf`"));
    assert!(refusal("variable,mean,std\nHR,,1\n").contains("line 2: mean ``"));
    assert!(refusal("variable,mean\nHR,80\n").contains("no column `std`"));
    let twice = refusal("variable,mean,std\nHR,80,1\nHR,80,1\n");
    assert!(
        twice.contains("line 3: variable `HR` is on line 2 already"),
        "{twice}"
    );
}

/// Written by Python: pickle protocols, numpy 1.24 and 2.4, plain floats, and an OrderedDict whose
/// variables have more than what is read.
#[test]
fn a_pickle_by_python_says_what_the_csv_file_says() {
    let expected = read(&fixture("reference-layout/stats.csv")).unwrap();
    let pickles = std::fs::read_dir(fixture("params-map")).unwrap();
    let mut count = 0;
    for pickle in pickles {
        let path = pickle.unwrap().path();
        assert_eq!(read(&path).unwrap(), expected, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn parquet_says_what_csv_says_in_every_type_of_number_and_text() {
    let expected = read_bytes(b"variable,mean,std\nHR,80,2.5\nTemp,37,0.5\n").unwrap();
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Temp", "HR"]));
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["Temp", "HR"]));
    let means: ArrayRef = Arc::new(Float64Array::from(vec![37.0, 80.0]));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![37, 80]));
    let stds: ArrayRef = Arc::new(Float32Array::from(vec![0.5, 2.5]));
    for (names, means) in [(&names, &means), (&large, &whole)] {
        let bytes = columns(names.clone(), means.clone(), stds.clone());
        assert_eq!(read_bytes(&bytes).unwrap(), expected);
    }
    let codes: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1, 220_045]));
    let found = read_bytes(&columns(codes, means.clone(), stds.clone())).unwrap();
    let found: Vec<&str> = found.iter().map(|variable| &*variable.name).collect();
    assert_eq!(
        found,
        ["220045", "9007199254740993"],
        "codes by their digits"
    );
    let text = refusal(columns(names.clone(), large, stds.clone()));
    assert!(
        text.contains("column `mean` is of type LargeUtf8"),
        "{text}"
    );
    let holes: ArrayRef = Arc::new(Float64Array::from(vec![Some(37.0), None]));
    let text = refusal(columns(names.clone(), holes, stds.clone()));
    assert!(text.ends_with("row 2: mean is null"), "{text}");
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 80.0]));
    let text = refusal(columns(names, nan, stds));
    assert!(
        text.ends_with("row 1: mean NaN of variable `Temp` is not finite"),
        "{text}"
    );
}

fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap();
    [b"X", &length.to_le_bytes()[..], text.as_bytes()].concat()
}

fn float(number: f64) -> Vec<u8> {
    [b"G", &number.to_be_bytes()[..]].concat()
}

fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries = entries
        .iter()
        .map(|(key, value)| [text(key), value.clone()].concat());
    [
        b"}(".to_vec(),
        entries.collect::<Vec<_>>().concat(),
        b"u".to_vec(),
    ]
    .concat()
}

fn pickled(root: &[u8]) -> Vec<u8> {
    [b"\x80\x02", root, b"."].concat()
}

fn heart_rate(mean: Vec<u8>, std: Vec<u8>) -> Vec<u8> {
    pickled(&dict(&[("HR", dict(&[("mean", mean), ("std", std)]))]))
}

#[test]
fn a_bad_entry_of_a_pickle_is_named() {
    assert_eq!(
        read_bytes(&heart_rate(float(80.0), b"K\x02".to_vec()))
            .unwrap()
            .len(),
        1
    );
    for (bytes, expected) in [
        (
            heart_rate(float(80.0), float(0.0)),
            "entry 1: std 0 of variable `HR` is not above 0",
        ),
        (
            heart_rate(float(f64::NAN), float(1.0)),
            "entry 1: mean NaN of variable `HR` is not finite",
        ),
        (
            heart_rate(text("80"), float(1.0)),
            "mean of variable `HR` is a string, where a number",
        ),
        (
            heart_rate(b"\x88".to_vec(), float(1.0)),
            "mean of variable `HR` is a bool",
        ),
        (
            pickled(&dict(&[("HR", dict(&[("mean", float(1.0))]))])),
            "variable `HR` has no `std`",
        ),
        (
            pickled(&dict(&[(
                "HR",
                [float(1.0), float(2.0), b"\x86".to_vec()].concat(),
            )])),
            "`HR` has a tuple",
        ),
        (
            pickled(b"}(K\x01}u"),
            "entry 1: an int is no variable's name",
        ),
        (pickled(b"]"), "is a list, where a dict"),
        (pickled(b"}"), "has no variable"),
        (
            [pickled(b"}"), b"x".to_vec()].concat(),
            "1 bytes follow the pickle",
        ),
        (b"\x80\x02}(".to_vec(), "ends in the middle"),
        (b"(dp0\n.".to_vec(), "protocol 0 or 1"),
    ] {
        let text = refusal(bytes);
        assert!(text.contains(expected), "{text}");
    }
    let values = dict(&[("mean", float(1.0)), ("std", float(1.0))]);
    let twice = pickled(&dict(&[("HR", values.clone()), ("HR", values)]));
    let twice = refusal(twice);
    assert!(
        twice.contains("entry 2: variable `HR` is in entry 1 already"),
        "{twice}"
    );
}

#[test]
fn a_pickle_that_asks_for_more_than_values_is_refused_by_name() {
    let frame = refusal(b"\x80\x04cpandas.core.frame\nDataFrame\n.");
    assert!(
        frame.contains("pandas.core.frame.DataFrame; nothing of it was run"),
        "{frame}"
    );
    assert!(refusal(b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.").contains("posix.system"));
}

#[test]
fn a_pickle_that_is_cut_or_changed_anywhere_never_panics() {
    let mut draws = Stream::new(7, "statistics fuzz").at(&[]);
    let (mut read_whole, mut refused) = (0, 0);
    for name in ["numpy2-protocol2.pkl", "numpy1-protocol4.pkl"] {
        let good = std::fs::read(fixture("params-map").join(name)).unwrap();
        for round in 0..4_000 {
            let mut bytes = good.clone();
            if round % 4 == 0 {
                bytes.truncate(draws.below(good.len() as u64) as usize);
            }
            for _ in 0..round % 3 + 1 {
                let at = draws.below(good.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = draws.bits() as u8;
                }
            }
            match of_pickle(Path::new("changed.pkl"), &bytes) {
                Ok(_) => read_whole += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read_whole > 100 && refused > 100, "{read_whole} {refused}");
}
