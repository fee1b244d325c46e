//! Categories, whose names are made of a variable and a value.

use std::fs;
use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, Int64Array};

use crate::harness::Test;
use crate::meds_layout::table;

fn wide(categorical: &str, grid: &str) -> Test {
    Test::new()
        .recipe(&format!(
            r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
labels = "none"
split = {{ file = "splits.csv" }}
categorical = {categorical}
[stages.events.source]
format = "wide"
files = ["grid.csv"]
id = "stay_id"
time = {{ column = "hour", as = "hours" }}
"#
        ))
        .file("grid.csv", grid)
        .file(
            "splits.csv",
            "stay_id,split\n1,train\n2,train\n3,validation\n4,test\n",
        )
        .args(["run", "recipe.toml", "events"])
}

#[test]
fn one_name_of_two_facts_is_refused_with_both() {
    wide(
        r#"["c", "c=a"]"#,
        "stay_id,hour,c,c=a\n1,0,a=b,b\n2,1,x,c\n3,1,x,b\n4,1,a=b,\n",
    )
    .run()
    .failure(3)
    .stderr_has("two variables are called `c=a=b`: `a=b` of `c`, and `b` of `c=a`");
    // Of several such names the first is told, wherever it is read.
    wide(
        r#"["c", "c=a"]"#,
        "stay_id,hour,c,c=a\n1,0,a=b,b\n2,1,a,c\n3,1,a,b\n4,1,a=b,\n",
    )
    .run()
    .failure(3)
    .stderr_has("two variables are called `c=a`: `a` of `c`, and a variable of its own");
    wide(
        r#"["c"]"#,
        "stay_id,hour,c,c=a\n1,0,a,5\n2,1,b,6\n3,1,a,7\n4,1,b,8\n",
    )
    .run()
    .failure(3)
    .stderr_has("two variables are called `c=a`: `a` of `c`, and a variable of its own")
    .stderr_has("hint: rename");
}

#[test]
fn names_with_the_sign_that_do_not_meet_are_two() {
    let grid = "stay_id,hour,c,d=a\n1,0,a,5\n2,1,b,6\n3,1,a,7\n4,1,b,8\n";
    wide(r#"["c"]"#, grid).run().success();
}

#[test]
fn a_boolean_of_parquet_and_one_of_text_are_two_spellings_of_one_category() {
    let grid = "stay_id,hour,HR,vent\n1,0,80,True\n2,1,70,False\n";
    let test = wide(r#"["vent"]"#, grid);
    table(
        &test.folder().join("more.parquet"),
        vec![
            ("stay_id", Arc::new(Int64Array::from(vec![3, 4]))),
            ("hour", Arc::new(Float64Array::from(vec![0.0, 0.0]))),
            ("HR", Arc::new(Float64Array::from(vec![75.0, 85.0]))),
            ("vent", Arc::new(BooleanArray::from(vec![true, false]))),
        ],
    );
    let recipe = fs::read_to_string(test.folder().join("recipe.toml")).expect("the recipe");
    let both = recipe.replace("\"grid.csv\"", "\"grid.csv\", \"more.parquet\"");
    let test = test.recipe(&both);
    test.run()
        .failure(3)
        .stderr_has(
            "`vent=0` (more.parquet row 2) and `vent=False` (grid.csv line 3) are two spellings of one category",
        )
        .stderr_has("hint: write the values in one way: a boolean of Parquet is called 1 or 0");
    let as_texts = both.replace("\"wide\"", "\"wide\"\nids = \"text\"");
    test.recipe(&as_texts).run().success();
    let all = "stay_id,hour,HR,vent\n1,0,80,True\n2,1,70,False\n3,1,75,True\n4,1,85,False\n";
    wide(r#"["vent"]"#, all).run().success();
}

#[test]
fn a_zero_with_a_minus_is_no_category_of_its_own() {
    wide(r#"["c"]"#, "stay_id,hour,c\n1,0,0\n2,1,-0\n3,1,0\n4,1,0\n")
        .run()
        .failure(3)
        .stderr_has("`c=0` (grid.csv line 2) and `c=-0` (grid.csv line 3) are two spellings");
}
