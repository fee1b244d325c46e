//! Sizes of the readout, and which of its queries are whose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pipeline_data::dataset::{Dataset, Split};

/// Sizes of the readout, `pooling = "readout"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReadoutConfig {
    /// Queries of every variable, each with a decay in time of its own.
    #[schemars(range(min = 1, max = 256))]
    pub heads: usize,
    /// Numbers in a query and in the key of a set.
    #[schemars(range(min = 1, max = 4096))]
    pub key_dim: usize,
    /// Numbers that each head reads of a set, by a learned projection of its own; 0: all that is known of the set,
    /// 3·`latent_dim` numbers, the same for all heads.
    #[schemars(range(max = 16384))]
    pub value_dim: usize,
    /// Numbers that are said of every variable.
    #[schemars(range(min = 1, max = 4096))]
    pub output_dim: usize,
    /// Variables with queries of their own: the ones that the most training stays have. The remaining variables share `shared_queries`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_variables: usize,
    /// Groups of queries that the variables without queries of their own share; a model without such variables has none.
    #[schemars(range(min = 1, max = 65536))]
    pub shared_queries: usize,
}

impl Default for ReadoutConfig {
    fn default() -> Self {
        Self {
            heads: 4,
            key_dim: 32,
            value_dim: 0,
            output_dim: 12,
            max_variables: 256,
            shared_queries: 32,
        }
    }
}

impl ReadoutConfig {
    /// Whether nothing is stated.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which variables have queries of their own, and which tasks pretraining set. It follows from the data and
/// stands with the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadoutLayout {
    /// Names of the variables with queries of their own, in the order of the queries.
    pub own: Vec<String>,
    /// Names of the variables that share queries, in their order in the data.
    pub sharing: Vec<String>,
    /// Decoders that pretraining has; none in a classifier.
    #[serde(default, skip_serializing_if = "TaskNames::are_none")]
    pub tasks: TaskNames,
}

/// Which tasks pretraining sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNames {
    /// To say what has been.
    pub summary: bool,
    /// To say what comes.
    pub forecast: bool,
}

impl TaskNames {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

impl ReadoutLayout {
    /// The variables of `dataset` in the order of how many training stays have them, then of their names: the first
    /// `max_variables` have queries of their own.
    pub fn of(dataset: &Dataset, max_variables: usize, tasks: TaskNames) -> Self {
        let mut stays = vec![0usize; dataset.variables.len()];
        let mut seen_in = vec![usize::MAX; dataset.variables.len()];
        for stay in dataset.stays_of(Split::Train) {
            for set in dataset.stays[stay].sets.clone() {
                for &variable in &dataset.event_variable[dataset.events_of(set)] {
                    let variable = variable as usize;
                    if seen_in[variable] != stay {
                        seen_in[variable] = stay;
                        stays[variable] += 1;
                    }
                }
            }
        }
        let name = |variable: &usize| dataset.variables[*variable].clone();
        let mut order: Vec<usize> = (0..stays.len()).collect();
        order.sort_by_key(|&variable| (std::cmp::Reverse(stays[variable]), name(&variable)));
        let (own, sharing) = order.split_at_mut(max_variables.min(stays.len()));
        // As in the data, so that where all have their own the order does not depend on counts.
        own.sort_unstable();
        sharing.sort_unstable();
        Self {
            own: own.iter().map(name).collect(),
            sharing: sharing.iter().map(name).collect(),
            tasks,
        }
    }

    /// Groups of queries: one for each variable that has its own, and those that are shared, if any variable needs them.
    pub fn groups(&self, config: &ReadoutConfig) -> usize {
        match self.sharing.is_empty() {
            true => self.own.len(),
            false => self.own.len() + config.shared_queries,
        }
    }

    /// The same of a classifier: without pretraining's decoders.
    #[must_use]
    pub fn without_tasks(&self) -> Self {
        Self {
            tasks: TaskNames::default(),
            ..self.clone()
        }
    }

    /// In words; of the variables that share queries, at most `named` are named.
    pub fn describe(&self, config: &ReadoutConfig, named: usize) -> String {
        let own = self.own.len();
        if self.sharing.is_empty() {
            return format!("readout: queries of their own for all {own} variables");
        }
        format!(
            "readout: queries of their own for the {own} variables that most training stays have; {} others share {} groups of queries: {}{}",
            self.sharing.len(),
            config.shared_queries,
            self.sharing[..named.min(self.sharing.len())].join(", "),
            if self.sharing.len() > named {
                ", …"
            } else {
                ""
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_data::dataset::Stay;

    fn dataset() -> Dataset {
        let stay = |id: &str, split, sets| Stay {
            id: id.into(),
            split,
            label: None,
            sets,
        };
        Dataset {
            variables: vec!["a".into(), "b".into(), "c".into()],
            stays: vec![
                stay("1", Split::Train, 0..1),
                stay("2", Split::Train, 1..2),
                stay("3", Split::Validation, 2..3),
            ],
            set_minute: vec![0.0; 3],
            set_start: vec![0, 3, 5, 9],
            event_variable: vec![0, 0, 1, 2, 1, 0, 0, 0, 0],
            event_value: vec![0.0; 9],
            ..Dataset::default()
        }
    }

    #[test]
    fn training_stays_that_have_a_variable_count_and_names_break_ties() {
        let layout = |most| ReadoutLayout::of(&dataset(), most, TaskNames::default());
        let two = layout(2);
        assert_eq!(two.own, ["a", "b"]);
        assert_eq!(two.sharing, ["c"]);
        assert_eq!(layout(1).own, ["b"]);
        assert_eq!(layout(256).own, ["a", "b", "c"]);
        let config = ReadoutConfig::default();
        assert_eq!((two.groups(&config), layout(256).groups(&config)), (34, 3));
        let said = |layout: &ReadoutLayout| layout.describe(&config, 1);
        assert!(said(&two).ends_with("32 groups of queries: c"));
        assert!(said(&layout(1)).ends_with("2 others share 32 groups of queries: a, …"));
    }
}
