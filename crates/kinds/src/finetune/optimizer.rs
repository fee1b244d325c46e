use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::training::StatedOptimizer;
use pipeline_train::linear_head::{Lbfgs, with_kind};
use pipeline_train::optimizer::{AdamW, Optimizer};

/// How a head finds its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadOptimizer {
    /// In steps along gradients of batches.
    Steps(Optimizer),
    /// All at once: a linear head on features that are constants.
    Solver(Lbfgs),
}

impl HeadOptimizer {
    /// As a recipe states it over the default.
    pub fn stated<'de, D: Deserializer<'de>>(
        deserializer: D,
        default: AdamW,
    ) -> Result<Self, D::Error> {
        let stated = StatedOptimizer::deserialize(deserializer)?;
        Ok(match stated.solver() {
            Some(solver) => Self::Solver(solver),
            None => Self::Steps(stated.over(default)),
        })
    }
}

#[cfg(test)]
impl HeadOptimizer {
    /// Those of an optimizer that has them.
    pub fn steps(&self) -> &Optimizer {
        match self {
            Self::Steps(optimizer) => optimizer,
            Self::Solver(solver) => panic!("{solver:?} has no steps"),
        }
    }
}

impl Serialize for HeadOptimizer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Steps(optimizer) => optimizer.serialize(serializer),
            Self::Solver(solver) => with_kind(solver, serializer),
        }
    }
}
