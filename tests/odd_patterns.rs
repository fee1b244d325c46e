//! Issue 19: what is too much for a library is refused with a message; no recipe makes the program panic.

use crate::harness::Test;

fn freezing(pattern: &str) -> Test {
    Test::new().recipe(&format!(
        "format = 1\n[model]\ninput_dim = 16\n[stages.events]\nkind = \"data\"\n\
         source = {{ format = \"synthetic\", stays = 20 }}\nsplit = {{ ratio = [0.6, 0.2, 0.2] }}\n\
         [stages.pretrain]\nkind = \"pretrain\"\ndata = \"events\"\nepochs = 1\n\
         [stages.weights]\nkind = \"import\"\nfrom = \"pretrain\"\ninto = \"classifier\"\n\
         new = [\"{pattern}\"]\nignore = [\"decoder.*\"]\n"
    ))
}

#[test]
fn issue19_a_huge_or_deeply_nested_pattern_is_refused_with_its_limit() {
    let nested = format!("{}a{}", "{".repeat(2000), "}".repeat(2000));
    let deep = format!("{}a{}", "{a,".repeat(200), "}".repeat(200));
    let huge = "{a?,b*}".repeat(200_000);
    for (pattern, reason) in [
        (&nested, "more than 16 deep"),
        (&deep, "more than 16 deep"),
        (&huge, "4096 is the limit"),
    ] {
        let mut test = freezing(pattern);
        test.run_with(["check", "recipe.toml"])
            .failure(2)
            .stderr_has(reason);
    }
    let recipe = format!(
        "format = 1\n[stages.one]\nkind = \"data\"\nlabels = \"none\"\n\
         split = {{ ratio = [0.6, 0.2, 0.2] }}\nsource = {{ format = \"long\", files = [\"{nested}/*\"], \
         id = \"id\", time = {{ column = \"t\", as = \"hours\" }}, variable = \"i\", value = \"v\" }}\n"
    );
    let outcome = Test::new()
        .recipe(&recipe)
        .run_with(["plan", "recipe.toml"]);
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome}");
    outcome.stderr_has("is no pattern of paths");
}

#[test]
fn issue19_sets_shorter_than_the_clock_ticks_are_refused() {
    let mut test = Test::new().recipe(
        "format = 1\n[stages.events]\nkind = \"data\"\nsource = { format = \"synthetic\", stays = 20 }\n\
         split = { ratio = [0.6, 0.2, 0.2] }\nset_minutes = 1e-300\n",
    );
    test.run_with(["run", "recipe.toml"])
        .failure(3)
        .stderr_has("less than a microsecond")
        .stderr_has("hint: leave it out");
}
