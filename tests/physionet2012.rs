//! The PhysioNet/CinC Challenge 2012 data themselves, where they are there.

use crate::document::{repository, stage};
use crate::harness::Test;

#[test]
fn the_physionet_recipe_reads_the_real_data_with_the_counts_known_of_them() {
    let Ok(root) = std::env::var("PIPELINE_PHYSIONET2012") else {
        eprintln!("PIPELINE_PHYSIONET2012 names no folder: the PhysioNet 2012 recipe is not run");
        return;
    };
    let recipe = repository("recipes/physionet2012.toml");
    let test = Test::new().env("PHYSIONET2012", &root);
    let test = test.args(["run", &recipe, "events", "--format", "json"]);
    let document = test.run().success().json();
    let metrics = &stage(&document, "events")["metrics"];
    let of_splits = |name: &str| {
        let splits = ["train", "validation", "test"];
        splits.map(|split| metrics[format!("{split}.{name}")].as_u64().expect(name))
    };
    assert_eq!(metrics["source_stays"], 8000);
    assert_eq!(of_splits("stays"), [3200, 800, 4000]);
    assert_eq!(of_splits("positives"), [444, 110, 568]);
    assert_eq!(of_splits("events").iter().sum::<u64>(), 3_495_118);
    assert_eq!(metrics["events_outside_window"], 928, "minute 2880");
    assert_eq!(metrics["events_out_of_range"], 4440);
}
