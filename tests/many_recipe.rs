//! Recipes of many stages that do next to nothing: for the tests and for `benches/noop.rs`.

use std::fmt::Write as _;

/// How the stages depend on each other.
#[derive(Clone, Copy)]
pub enum Shape {
    /// Each reads the one before.
    Chain,
    /// All read the first.
    FanOut,
    /// All read the first, and the last reads them all.
    Diamond,
}

impl Shape {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Chain => "chain",
            Shape::FanOut => "fan-out",
            Shape::Diamond => "diamond",
        }
    }

    /// The stages that a stage reads.
    fn reads(self, stage: usize, stages: usize) -> Vec<usize> {
        match self {
            _ if stage == 0 => vec![],
            Shape::Chain => vec![stage - 1],
            Shape::Diamond if stage == stages - 1 => (1..stage).collect(),
            Shape::FanOut | Shape::Diamond => vec![0],
        }
    }
}

/// A recipe of `command` stages called `s0`, `s1`, …; each writes its own name.
pub fn recipe(shape: Shape, stages: usize) -> String {
    let mut text = String::from("format = 1\nname = \"many\"\n");
    for stage in 0..stages {
        let inputs: Vec<String> = shape
            .reads(stage, stages)
            .into_iter()
            .map(|read| format!("from{read} = {{ stage = \"s{read}\", artifact = \"out\" }}"))
            .collect();
        let inputs = inputs.join(", ");
        let written = write!(
            text,
            "\n[stages.s{stage}]\nkind = \"command\"\nrun = \"echo s{stage} > {{outputs.out}}\"\n\
             inputs = {{ {inputs} }}\noutputs = {{ out = \"out.txt\" }}\n"
        );
        written.expect("a string takes everything");
    }
    text
}
