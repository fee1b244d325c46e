//! `pipeline graph`: the stages of a recipe and what they read of each other.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::experiment::Experiment;
use crate::terminal::stdout;
use pipeline_error::Error;
use pipeline_graph::{self as graph, Drawing, DrawnNode, Given};
use pipeline_kinds::Recipe;
use pipeline_recipe::Override;
use pipeline_stage::Node;

#[derive(Debug, Args)]
pub struct GraphArguments {
    /// The recipe, a TOML file
    recipe: PathBuf,

    /// Set a value of the recipe, e.g. stages.weights.from=other; repeatable
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<Override>,

    /// How the graph is written to standard output
    #[arg(long, value_enum, default_value_t = GraphFormat::Ascii)]
    format: GraphFormat,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A tree, for terminals
    Ascii,
    /// The language of Graphviz
    Dot,
    /// A Mermaid flowchart, for Markdown
    Mermaid,
    /// A picture
    Svg,
}

/// Draws; nothing is executed, no store is opened.
pub fn execute(arguments: &GraphArguments) -> Result<ExitCode, Error> {
    let experiment = Experiment::load(&arguments.recipe, &arguments.set)?;
    let drawing = drawing(&experiment.recipe, &experiment.nodes)?;
    let render = match arguments.format {
        GraphFormat::Ascii => graph::ascii,
        GraphFormat::Dot => graph::dot,
        GraphFormat::Mermaid => graph::mermaid,
        GraphFormat::Svg => graph::svg,
    };
    stdout::print(&render(&drawing))?;
    Ok(ExitCode::SUCCESS)
}

/// The drawing of a recipe.
pub(super) fn drawing(recipe: &Recipe, nodes: &[Node]) -> Result<Drawing, Error> {
    let given = nodes.iter().map(|node| {
        let inputs = node.stage.inputs().into_iter();
        Given {
            node: DrawnNode {
                name: node.name.clone(),
                kind: node.stage.kind().into(),
                derived: recipe.stage(&node.name).is_none(),
                mark: None,
            },
            inputs: inputs.map(|input| (input.role, input.stage)).collect(),
        }
    });
    Drawing::new(&recipe.name, given.collect()).map_err(|error| Error::Usage {
        message: format!("the stages cannot be put in order: {error}"),
        hint: None,
    })
}
