//! `pipeline selftest`.

use crate::harness::Test;

#[test]
fn on_the_cpu_the_composed_forms_have_the_kernels_numbers() {
    let result = Test::new()
        .args(["selftest", "--format", "json"])
        .run()
        .success();
    let record = result.json();
    assert_eq!(record["device"], "cpu");
    assert_eq!(record["passed"], true, "{record}");
    let checks = record["checks"].as_array().expect("checks");
    let is_there = |name: &str| checks.iter().any(|check| check["name"] == name);
    for name in [
        "attention with a bias, gradients",
        "reference: recon_loss",
        "training: parameters that differ when run again",
    ] {
        assert!(is_there(name), "no check {name}");
    }
    assert!(checks.len() > 30, "{} checks", checks.len());
}

#[test]
fn a_device_that_is_not_there_ends_it_before_anything_runs() {
    for device in ["cuda:999", "gpu"] {
        Test::new()
            .args(["selftest", "--device", device])
            .run()
            .failure(2)
            .stderr_has(device);
    }
}
