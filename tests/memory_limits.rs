//! What asks for more memory than there is gets a sentence with the numbers, before any of it is asked for.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use crate::document::repository;
use crate::harness::Test;

/// More than any machine that runs this has.
const HUGE: u64 = 1 << 46;

/// A file that begins so and is `HUGE` bytes long, none of which take place.
fn sparse(test: &Test, name: &str, start: &[u8]) -> bool {
    let mut file = File::create(test.folder().join(name)).expect("a file");
    file.write_all(start).expect("its start is written");
    // Not every file system has files of this length.
    file.seek(SeekFrom::Start(HUGE)).is_ok() && file.set_len(HUGE).is_ok()
}

#[test]
fn a_sparse_checkpoint_of_any_format_is_refused_with_its_size_and_the_limit() {
    let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[17592186044410],\"data_offsets\":[0,70368744177640]}}";
    let mut safetensors = (header.len() as u64).to_le_bytes().to_vec();
    safetensors.extend(header.as_bytes());
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e".to_vec();
    for (name, start) in [("a.safetensors", safetensors), ("a.pth", magic)] {
        let mut test = Test::new();
        if !sparse(&test, name, &start) {
            eprintln!("no file of {HUGE} bytes can be made here");
            return;
        }
        test.run_with(["inspect", name])
            .failure(4)
            .stderr_has("70368744177664 bytes take")
            .stderr_has("of memory, and the limit is")
            .stderr_has("hint: use a machine, or a container, with more memory");
    }
}

#[test]
fn a_header_that_grows_when_it_is_read_is_refused() {
    let name = "x".repeat(3_000_000);
    let header =
        format!("{{\"{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}}}");
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([0; 4]);
    let mut test = Test::new()
        .file("a.safetensors", file)
        .env("PIPELINE_MEMORY", "40MB");
    test.run_with(["inspect", "a.safetensors"])
        .failure(4)
        .stderr_has("header of 3000")
        .stderr_has("the limit is 40.0 MB");
}

#[test]
fn a_model_larger_than_the_memory_is_refused_with_its_parameters_before_it_is_made() {
    let recipe = repository("recipes/finetune.toml");
    let sizes = ["latent_dim=16384", "transformer_layers=128", "ff_dim=65536"];
    let sets: Vec<String> = sizes.iter().map(|size| format!("model.{size}")).collect();
    let mut arguments = vec!["check", recipe.as_str()];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    for command in ["check", "plan", "run"] {
        arguments[0] = command;
        Test::new()
            .args(arguments.iter().copied())
            .run()
            .failure(2)
            .stderr_has("parameters and takes, with gradients and the optimizer's moments, ")
            .stderr_has(" TB of memory, and the limit is ");
    }
}

#[test]
fn check_and_plan_say_how_much_memory_a_model_takes() {
    let recipe = repository("recipes/finetune.toml");
    for command in ["check", "plan"] {
        let outcome = Test::new().args([command, &recipe]).run().success();
        outcome
            .stdout_has("memory: the model of `pretrain` has ")
            .stdout_has(" parameters, ")
            .stdout_has("for a batch of ");
    }
    let without = "format = 1\n[stages.a]\nkind = \"command\"\nrun = \"true\"\n";
    let outcome = Test::new()
        .recipe(without)
        .args(["check", "recipe.toml"])
        .run();
    outcome.success().stderr_is("");
}

const EVENTS: &[u8] = b"stay,minute,variable,value\n";

/// A gzip file of a header and so many mebibytes of the same text.
fn bomb(header: &[u8], text: &[u8], mebibytes: usize) -> Vec<u8> {
    let mut file = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    file.write_all(header).expect("memory takes it");
    let piece = text.repeat((1 << 20) / text.len());
    for _ in 0..mebibytes {
        file.write_all(&piece).expect("memory takes it");
    }
    file.finish().expect("memory takes it")
}

const LONG: &str = "format = 1\n[stages.events]\nkind = \"data\"\n\
    source = { format = \"long\", files = [\"events.csv.gz\"], id = \"stay\", time = { column = \"minute\", as = \"minutes\" }, variable = \"variable\", value = \"value\", labels = { path = \"labels.csv.gz\", id = \"stay\", column = \"y\" } }\n\
    split = { ratio = [0.8, 0.1, 0.1] }\nembeddings = { orthonormal = 8 }\n";

#[test]
fn a_few_bytes_that_are_a_table_without_an_end_are_refused() {
    for (text, reason) in [
        (&b"1,1\n"[..], "labels.csv.gz: line "),
        (
            &b"xxxxxxxx"[..],
            "labels.csv.gz: its text is more than 12.5 MB long",
        ),
    ] {
        let mebibytes = match text.ends_with(b"\n") {
            true => 8,
            false => 200,
        };
        let labels = bomb(b"stay,y\n", text, mebibytes);
        assert!(labels.len() < 2 << 20);
        let mut test = Test::new()
            .recipe(LONG)
            .file("events.csv.gz", bomb(EVENTS, b"1,0,a,1\n", 1))
            .file("labels.csv.gz", labels)
            .env("PIPELINE_MEMORY", "100MB");
        test.run_with(["run", "recipe.toml"])
            .failure(3)
            .stderr_has(reason);
    }
}

#[test]
fn a_line_without_an_end_is_refused() {
    let mut test = Test::new()
        .recipe(LONG)
        .file("events.csv.gz", bomb(EVENTS, b"xxxxxxxxxxxxxxxx", 100))
        .file("labels.csv.gz", bomb(b"stay,y\n", b"1,1\n", 1));
    test.run_with(["run", "recipe.toml"])
        .failure(3)
        .stderr_has("events.csv.gz: line 2: the line that begins here is longer than 64 MiB");
}

#[test]
fn a_limit_that_is_no_size_is_refused_and_not_passed_over() {
    for stated in ["lots", "1.5", "-1", "0", "100kb"] {
        let mut test = Test::new().env("PIPELINE_MEMORY", stated);
        test.run_with(["check", "recipe.toml"])
            .failure(2)
            .stderr_has(&format!("PIPELINE_MEMORY: `{stated}` is no size"))
            .stderr_has("hint: a number of bytes, or one with a unit: 500MB, 1.5GB, 512MiB, 16G");
    }
    let mut test = Test::new().env("PIPELINE_MEMORY", "100kB");
    let outcome = test.run_with(["schema", "recipe"]);
    outcome.success();
}
