//! `pipeline graph`.

use crate::document::repository;
use crate::harness::Test;

fn graph(format: &str) -> String {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let arguments = ["graph", &recipe, "--format", format];
    let test = Test::new().args(arguments);
    let outcome = test.run().success().stderr_is("");
    assert!(!test.folder().join(".pipeline").exists());
    outcome.stdout
}

#[test]
fn the_main_job_is_a_tree_by_default() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let outcome = Test::new().args(["graph", &recipe]).run().success();
    let outcome = outcome.stderr_is("").stdout_is(
        "\
events (data)
|-- data -> pretrain (pretrain)
|   `-- from -> weights (import)
|       `-- model -> frozen (freeze)
|           |-- model -> classifier:features (features)
|           |   |-- features -> classifier (finetune)
|           |   |   `-- model -> test (evaluate)
|           |   `-- features -> test *
|           `-- model -> classifier *
|-- data -> classifier:features *
|-- data -> classifier *
`-- data -> test *

* drawn in full under another of its inputs
",
    );
    assert_eq!(outcome.stdout, graph("ascii"));
}

#[test]
fn dot_and_mermaid_name_every_node_and_label_every_edge() {
    let dot = graph("dot");
    assert!(dot.starts_with("digraph \"finetune\" {\n") && dot.ends_with("}\n"));
    assert!(dot.contains("\"classifier:features\" [label=\"classifier:features\\nfeatures\", "));
    assert!(dot.contains("  \"pretrain\" -> \"weights\" [label=\"from\"];\n"));
    assert_eq!(dot.matches(" -> ").count(), 11);

    let mermaid = graph("mermaid");
    assert!(mermaid.starts_with("---\ntitle: \"finetune\"\n---\nflowchart TD\n"));
    assert!(mermaid.contains("[\"classifier:features<br/>features\"]:::derived\n"));
    assert_eq!(mermaid.matches(" -->|\"").count(), 11);
}

#[test]
fn an_svg_stands_by_itself() {
    let svg = graph("svg");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "));
    assert!(svg.ends_with("</svg>\n"));
    assert!(svg.contains(">finetune</title>") && svg.contains("prefers-color-scheme: dark"));
    assert_eq!(svg.matches("<rect ").count(), 7);
    assert_eq!(svg.matches("marker-end=").count(), 11);
    assert!(!svg.contains("href"), "nothing is fetched");
    assert_eq!(svg, graph("svg"));
}

#[test]
fn a_cycle_is_refused_as_everywhere() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let arguments = ["graph", &recipe, "--set", "stages.weights.from=frozen"];
    let outcome = Test::new().args(arguments).run().failure(2).stdout_is("");
    outcome.stderr_has("weights").stderr_has("frozen");
}
