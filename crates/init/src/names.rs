//! What columns are usually called. Names are compared without case, blanks, hyphens and underscores.

/// A name without what is written differently from one table to the next.
pub fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Where a name stands in a list; earlier is better.
pub fn rank(name: &str, list: &[&str]) -> Option<usize> {
    let name = plain(name);
    list.iter().position(|known| *known == name)
}

/// Columns that tell stays apart.
pub const STAY: [&str; 16] = [
    "stayid",
    "icustayid",
    "patientunitstayid",
    "hadmid",
    "encounterid",
    "csn",
    "admissionid",
    "visitid",
    "visitoccurrenceid",
    "episodeid",
    "tsid",
    "recordid",
    "stay",
    "encounter",
    "admission",
    "id",
];

/// Columns that tell patients apart.
pub const PATIENT: [&str; 9] = [
    "subjectid",
    "patientid",
    "personid",
    "uniquepid",
    "mrn",
    "pid",
    "patient",
    "subject",
    "person",
];

/// Columns of the times of events.
pub const TIME: [&str; 25] = [
    "charttime",
    "time",
    "timestamp",
    "datetime",
    "eventtime",
    "measurementdatetime",
    "observationtime",
    "chartoffset",
    "observationoffset",
    "offset",
    "minute",
    "minutes",
    "hour",
    "hours",
    "hoursin",
    "iculos",
    "day",
    "days",
    "second",
    "seconds",
    "t",
    "date",
    "recordedat",
    "storetime",
    "starttime",
];

/// Columns of dates and days, which may be half of a time.
pub const DATE: [&str; 8] = [
    "date",
    "day",
    "days",
    "chartdate",
    "eventdate",
    "measurementdate",
    "observationdate",
    "recorddate",
];

/// Columns of the names of what was measured.
pub const VARIABLE: [&str; 39] = [
    "variable",
    "variablename",
    "item",
    "itemid",
    "code",
    "parameter",
    "feature",
    "measurement",
    "concept",
    "conceptid",
    "measurementconceptid",
    "vital",
    "name",
    "label",
    "variableid",
    "variablecode",
    "itemname",
    "itemcode",
    "parameterid",
    "paramid",
    "parametername",
    "measure",
    "measurementname",
    "analyte",
    "test",
    "testcode",
    "testname",
    "loinc",
    "loinccode",
    "labname",
    "mnemonic",
    "metric",
    "component",
    "signal",
    "codeid",
    "conceptcode",
    "conceptname",
    "featurename",
    "vitalname",
];

/// Those of them that are an outcome or a measured variable in other tables, of numbers then.
pub const VARIABLE_OR_MEASURED: [&str; 6] =
    ["label", "test", "measure", "metric", "component", "signal"];

/// Columns of measured values.
pub const VALUE: [&str; 9] = [
    "valuenum",
    "numericvalue",
    "value",
    "valueasnumber",
    "val",
    "result",
    "measurementvalue",
    "amount",
    "valuestr",
];

/// Columns of the begins of stays.
pub const START: [&str; 10] = [
    "intime",
    "icuintime",
    "admittime",
    "admissiontime",
    "admitdatetime",
    "starttime",
    "start",
    "visitstartdatetime",
    "admissiondatetime",
    "begin",
];

/// Columns of outcomes, the commonest first.
pub const OUTCOME: [&str; 18] = [
    "label",
    "target",
    "outcome",
    "y",
    "inhospitalmortality",
    "inhospitaldeath",
    "hospitalmortality",
    "hospitalexpireflag",
    "mortality",
    "died",
    "death",
    "dead",
    "expired",
    "sepsislabel",
    "sepsis",
    "readmission",
    "readmitted",
    "booleanvalue",
];

/// Columns of splits.
pub const SPLIT: [&str; 6] = ["split", "fold", "set", "partition", "subset", "dataset"];

/// Columns that are known when a stay begins, and do not change in it.
pub const KNOWN_AT_ADMISSION: [&str; 14] = [
    "age",
    "ageyears",
    "anchorage",
    "sex",
    "gender",
    "height",
    "weight",
    "admissionweight",
    "admissionheight",
    "ethnicity",
    "race",
    "admissiontype",
    "unittype",
    "icutype",
];

/// Columns that are the number of a row.
pub const ROW_NUMBER: [&str; 6] = ["", "unnamed0", "indexlevel0", "index", "level0", "rownames"];

/// Which split a folder holds, by its name.
pub fn split_of_folder(name: &str) -> Option<usize> {
    const FOLDERS: [&[&str]; 3] = [
        &["train", "training"],
        &["validation", "valid", "val", "tuning"],
        &["test", "testing", "heldout"],
    ];
    FOLDERS.iter().position(|names| rank(name, names).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_are_one() {
        for name in ["Stay_ID", "stay-id", "stayid", "STAY ID"] {
            assert_eq!(rank(name, &STAY), Some(0), "{name}");
        }
        assert_eq!(rank("stays", &STAY), None);
        assert_eq!(split_of_folder("valid"), Some(1));
    }

    #[test]
    fn every_list_is_written_plainly_and_without_repeats() {
        let lists: [&[&str]; 12] = [
            &STAY,
            &PATIENT,
            &TIME,
            &DATE,
            &VARIABLE,
            &VARIABLE_OR_MEASURED,
            &VALUE,
            &START,
            &OUTCOME,
            &SPLIT,
            &KNOWN_AT_ADMISSION,
            &ROW_NUMBER,
        ];
        for list in lists {
            for (at, name) in list.iter().enumerate() {
                assert_eq!(*name, plain(name));
                assert!(!list[..at].contains(name), "{name} twice");
            }
        }
    }
}
