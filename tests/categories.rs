//! Categories, whose names are made of a variable and a value.

use crate::harness::Test;

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
