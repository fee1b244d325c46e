//! Twelve made-up stays in the layout of the PhysioNet/CinC Challenge 2012.

use crate::harness::Test;

/// Where [`write`] puts them, in the test's folder.
pub const FOLDER: &str = "physionet2012";

/// Set a holds stays 101 to 108, the last two for validation; set b holds 109 to 112, for test.
const IDS: std::ops::RangeInclusive<u32> = 101..=112;

/// Writes records, outcomes and splits. Every third stay is positive; every stay has five series
/// values in the first 48 hours, one after, and the Height of every even one is missing.
pub fn write(mut test: Test) -> Test {
    let header = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n";
    let (mut outcomes, mut splits) = (
        [header.to_string(), header.into()],
        "RecordID,split\n".to_string(),
    );
    for id in IDS {
        let (set, split) = match id {
            ..=106 => (0, "train"),
            107 | 108 => (0, "validation"),
            _ => (1, "test"),
        };
        let folder = ["set-a", "set-b"][set];
        test = test.file(&format!("{FOLDER}/{folder}/{id}.txt"), record(id));
        outcomes[set] += &format!("{id},6,1,5,-1,{}\n", u32::from(id.is_multiple_of(3)));
        splits += &format!("{id},{split}\n");
    }
    let [a, b] = outcomes;
    test.file(&format!("{FOLDER}/Outcomes-a.txt"), a)
        .file(&format!("{FOLDER}/Outcomes-b.txt"), b)
        .file(&format!("{FOLDER}/splits.csv"), splits)
}

fn record(id: u32) -> String {
    let height = if id.is_multiple_of(2) {
        "-1".into()
    } else {
        (150 + id % 7).to_string()
    };
    let (age, rate, temperature) = (40 + id % 11, 60 + id % 13, 36 + id % 3);
    format!(
        "Time,Parameter,Value\n00:00,RecordID,{id}\n00:00,Age,{age}\n00:00,Gender,{}\n00:00,Height,{height}\n\
         00:00,ICUType,{}\n00:00,Weight,{}\n00:07,HR,{rate}\n00:07,Temp,{temperature}.5\n01:30,HR,{}\n\
         20:15,SysABP,{}\n47:59,HR,{}\n48:01,HR,200\n",
        id % 2,
        1 + id % 4,
        60 + id % 5,
        rate + 3,
        110 + id % 9,
        rate + 1,
    )
}

/// Sets `PHYSIONET2012` to the folder that [`write`] filled.
pub fn point_at(test: Test) -> Test {
    let folder = test.folder().join(FOLDER);
    test.env("PHYSIONET2012", &folder.to_string_lossy())
}
