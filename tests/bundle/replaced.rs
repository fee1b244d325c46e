//! Files that a bundle or its predictions would replace.

use std::fs;

use super::{SOURCE, bundled, predict, read};
use crate::harness::{Outcome, Test};

fn again(test: &mut Test, more: &[&str]) -> Outcome {
    let fixed = ["bundle", "recipe.toml", "predictions", "bundle", "--force"];
    test.run_with(fixed.iter().chain(more))
}

#[test]
fn a_bundle_is_replaced_with_nothing_of_anybody_else_in_it() {
    let mut test = bundled();
    let place = test.folder().join("bundle");
    fs::create_dir_all(place.join("notes/deep")).expect("a folder");
    fs::write(place.join(".gitattributes"), "ours").expect("a file");
    let card = read(&test, "bundle/README.md");
    fs::write(place.join("README.md"), format!("{card}ours")).expect("a card");
    again(&mut test, &[])
        .failure(2)
        .stdout_is("")
        .stderr_has("bundle: holds a README.md that seems edited by hand, .gitattributes, notes, which would be deleted")
        .stderr_has("hint: make the bundle in a new folder");
    assert!(read(&test, "bundle/README.md").ends_with("ours"));
    assert!(place.join("notes/deep").is_dir() && place.join(".gitattributes").is_file());

    fs::remove_dir_all(place.join("notes")).expect("a folder");
    fs::remove_file(place.join(".gitattributes")).expect("a file");
    again(&mut test, &[])
        .failure(2)
        .stderr_has("bundle: holds a README.md that seems edited by hand");
    fs::write(place.join("README.md"), &card).expect("a card");
    // The card is another one without the license, and nobody has edited it.
    again(&mut test, &[]).success();
    assert_ne!(read(&test, "bundle/README.md"), card);
}

#[test]
fn a_bundle_of_an_older_version_is_replaced_if_its_card_is_what_is_written_now() {
    let mut test = bundled();
    let path = test.folder().join("bundle/manifest.json");
    let text = read(&test, "bundle/manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("a document");
    let card = manifest.as_object_mut().expect("a table").remove("card");
    assert!(
        card.is_some(),
        "a new bundle says which card it was written with"
    );
    fs::write(&path, manifest.to_string()).expect("a manifest");
    predict(&mut test, &["-"]).success();
    again(&mut test, &[])
        .failure(2)
        .stderr_has("a README.md that seems edited by hand");
    again(&mut test, &["--license", "mit"]).success();

    // Any other manifest makes no bundle.
    fs::write(&path, "{\"name\": \"app\"}").expect("a manifest");
    again(&mut test, &[])
        .failure(2)
        .stderr_has("bundle: holds something else, and would be deleted");
    predict(&mut test, &["-"])
        .failure(4)
        .stderr_has("hint: make the bundle again in a new folder, or copy it");
    assert!(test.folder().join("bundle/model.safetensors").is_file());
}

#[test]
fn a_bundle_that_the_recipe_reads_is_not_replaced() {
    let test = bundled();
    let import = "\n[stages.outside]\nkind = \"import\"\nfrom = { path = \"bundle/model.safetensors\" }\ninto = \"classifier\"\n";
    let recipe = [&*read(&test, "recipe.toml"), import].concat();
    let mut test = test.recipe(&recipe);
    again(&mut test, &["--license", "mit"])
        .failure(2)
        .stderr_has(
            "bundle/model.safetensors: is read, as bundle/model.safetensors, and would be replaced",
        );
}

#[test]
fn predictions_replace_no_document_that_says_where_the_stays_are() {
    let mut test = bundled()
        .file("base.csv", SOURCE)
        .file("more.csv", "format = 1\nextends = [\"base.csv\"]\n");
    for output in ["more.csv", "./base.csv"] {
        let before = read(&test, output);
        let fixed = ["predict", "bundle", "--source", "more.csv", "--force"];
        test.run_with(fixed.iter().chain(&["--output", output]))
            .failure(2)
            .stdout_is("")
            .stderr_has("is read, as ")
            .stderr_has("would be replaced");
        assert_eq!(read(&test, output), before);
    }
}
