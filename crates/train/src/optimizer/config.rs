//! What a recipe says of an optimizer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use pipeline_checkpoint::Pattern;
use pipeline_error::Error;

/// AdamW (Loshchilov and Hutter 2019), as torch's: decoupled weight decay, bias-corrected moments.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// Decay rates of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// The rule of an update, and the groups of parameters that have rates of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule.
    pub update: Update,
    /// The first group whose pattern matches a parameter's name gives its rates.
    pub groups: Vec<ParameterGroup>,
}

/// How a gradient changes a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

/// Stochastic gradient descent with momentum, as torch's: the weight decay is an L2 term of the
/// gradient and passes through the momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Share of the last update's direction that is kept.
    pub momentum: f64,
    /// Whether the gradient is looked at after the momentum's step (Nesterov).
    pub nesterov: bool,
    /// L2 term.
    pub weight_decay: f64,
}

/// The rules that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019): `lr`, `betas`, `eps`, `weight_decay`.
    #[default]
    AdamW,
    /// Stochastic gradient descent: `lr`, `momentum`, `nesterov`, `weight_decay` (an L2 term).
    Sgd,
    /// Limited-memory BFGS to the optimum (Liu and Nocedal 1989), for the linear head of a finetune stage over a frozen backbone: `penalties`.
    Lbfgs,
}

/// Rates of the parameters whose names a pattern matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// Names of trainable parameters: `*` stands for any text. One that matches none is an error.
    pub pattern: String,
    /// Learning rate; left out: the optimizer's. 0 leaves these parameters as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub lr: Option<f64>,
    /// Weight decay; left out: the optimizer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub weight_decay: Option<f64>,
}

/// A parameter's own rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate, before the schedule.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

/// Why an optimizer's groups do not fit the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMistake {
    /// The group, counted from 0; none: all together.
    pub group: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl From<AdamW> for Optimizer {
    fn from(adamw: AdamW) -> Self {
        Self {
            update: Update::AdamW(adamw),
            groups: Vec::new(),
        }
    }
}

impl From<GroupMistake> for Error {
    fn from(mistake: GroupMistake) -> Self {
        let place = match mistake.group {
            Some(group) => format!("optimizer.groups.{group}"),
            None => "optimizer".into(),
        };
        Error::stage(format!("{place} {}", mistake.problem)).with_hint(mistake.hint)
    }
}

impl Optimizer {
    /// The rates of parameters that no group has.
    pub fn base(&self) -> Rates {
        match &self.update {
            Update::AdamW(AdamW {
                lr, weight_decay, ..
            })
            | Update::Sgd(Sgd {
                lr, weight_decay, ..
            }) => Rates {
                lr: *lr,
                weight_decay: *weight_decay,
            },
        }
    }

    /// The rates of every parameter called `names`.
    ///
    /// Fails on a group that has no parameter or no effect, and if no parameter could change at all.
    pub fn rates<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<BTreeMap<String, Rates>, GroupMistake> {
        let patterns = self.patterns()?;
        let mut taken = vec![0; patterns.len()];
        let mut matched = vec![0; patterns.len()];
        let mut kept_from_later = vec![false; patterns.len()];
        let mut rates = BTreeMap::new();
        for name in names {
            let mut first = None;
            for (index, pattern) in patterns.iter().enumerate() {
                if pattern.matches(name) {
                    matched[index] += 1;
                    match first {
                        None => first = Some(index),
                        Some(first) => kept_from_later[first] = true,
                    }
                }
            }
            let mut own = self.base();
            if let Some(index) = first {
                taken[index] += 1;
                let group = &self.groups[index];
                own.lr = group.lr.unwrap_or(own.lr);
                own.weight_decay = group.weight_decay.unwrap_or(own.weight_decay);
            }
            rates.insert(name.to_string(), own);
        }
        self.require_parameters(&matched, &taken)?;
        self.require_effects(&kept_from_later)?;
        if !rates.is_empty() && rates.values().all(|own| own.lr == 0.0) {
            return Err(GroupMistake {
                group: None,
                problem: "has a learning rate of zero for every trainable parameter".into(),
                hint:
                    "nothing would be trained: give a group another `lr`, or let a group match less"
                        .into(),
            });
        }
        Ok(rates)
    }

    fn patterns(&self) -> Result<Vec<Pattern>, GroupMistake> {
        let read = |(index, group): (usize, &ParameterGroup)| {
            Pattern::new(&group.pattern).map_err(|reason| GroupMistake {
                group: Some(index),
                problem: format!("`{}` is no pattern: {reason}", group.pattern),
                hint: Pattern::SYNTAX.into(),
            })
        };
        self.groups.iter().enumerate().map(read).collect()
    }

    fn require_parameters(&self, matched: &[usize], taken: &[usize]) -> Result<(), GroupMistake> {
        let Some(group) = taken.iter().position(|count| *count == 0) else {
            return Ok(());
        };
        let pattern = &self.groups[group].pattern;
        let (problem, hint) = match matched[group] {
            0 => (
                format!("`{pattern}` matches no trainable parameter"),
                "the audit of an import or freeze stage lists the parameters' names; `*` stands for any text",
            ),
            _ => (
                format!("`{pattern}` matches only parameters that an earlier group has"),
                "the first group that matches wins: put the narrower pattern first",
            ),
        };
        Err(GroupMistake {
            group: Some(group),
            problem,
            hint: hint.into(),
        })
    }

    /// A group without rates does something only where it keeps parameters from a later group.
    fn require_effects(&self, kept_from_later: &[bool]) -> Result<(), GroupMistake> {
        let is_idle = |(group, keeps): (&ParameterGroup, &bool)| {
            group.lr.or(group.weight_decay).is_none() && !keeps
        };
        let mut groups = self.groups.iter().zip(kept_from_later);
        let Some(group) = groups.position(is_idle) else {
            return Ok(());
        };
        let pattern = &self.groups[group].pattern;
        Err(GroupMistake {
            group: Some(group),
            problem: format!(
                "`{pattern}` has no effect: the group states neither `lr` nor `weight_decay`, and no later group has its \
                 parameters"
            ),
            hint: "state one of the two, or leave the group out".into(),
        })
    }

    /// As [`Serialize`], but without the kind that was the only one once: keys of results that
    /// were made then stay as they are.
    pub fn serialize_for_key<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = Written::of(self);
        if written.kind == Some(OptimizerKind::AdamW) {
            written.kind = None;
        }
        written.serialize(serializer)
    }
}

/// An optimizer as recipes state it: one flat table.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<OptimizerKind>,
    lr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    betas: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nesterov: Option<bool>,
    weight_decay: f64,
    #[serde(skip_serializing_if = "<[ParameterGroup]>::is_empty")]
    groups: &'a [ParameterGroup],
}

impl<'a> Written<'a> {
    fn of(optimizer: &'a Optimizer) -> Self {
        let Rates { lr, weight_decay } = optimizer.base();
        let mut written = Self {
            kind: None,
            lr,
            betas: None,
            eps: None,
            momentum: None,
            nesterov: None,
            weight_decay,
            groups: &optimizer.groups,
        };
        match &optimizer.update {
            Update::AdamW(adamw) => {
                written.kind = Some(OptimizerKind::AdamW);
                written.betas = Some(adamw.betas);
                written.eps = Some(adamw.eps);
            }
            Update::Sgd(sgd) => {
                written.kind = Some(OptimizerKind::Sgd);
                written.momentum = Some(sgd.momentum);
                written.nesterov = Some(sgd.nesterov);
            }
        }
        written
    }
}

impl Serialize for Optimizer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written::of(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optimizer(groups: &[(&str, Option<f64>, Option<f64>)]) -> Optimizer {
        let adamw = AdamW {
            lr: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.02,
        };
        let groups = groups
            .iter()
            .map(|(pattern, lr, weight_decay)| ParameterGroup {
                pattern: pattern.to_string(),
                lr: *lr,
                weight_decay: *weight_decay,
            });
        Optimizer {
            groups: groups.collect(),
            ..adamw.into()
        }
    }

    const NAMES: [&str; 3] = ["decoder.bias", "decoder.weight", "encoder.weight"];

    #[test]
    fn the_first_group_that_matches_gives_the_rates() {
        let optimizer = optimizer(&[("*.bias", None, Some(0.0)), ("decoder.*", Some(0.5), None)]);
        let rates = optimizer.rates(NAMES).unwrap();
        let of = |name: &str| (rates[name].lr, rates[name].weight_decay);
        assert_eq!(of("decoder.bias"), (0.1, 0.0));
        assert_eq!(of("decoder.weight"), (0.5, 0.02));
        assert_eq!(of("encoder.weight"), (0.1, 0.02));
    }

    #[test]
    fn a_group_without_a_parameter_is_named() {
        let mistake = |groups: &[(&str, Option<f64>, Option<f64>)]| {
            optimizer(groups).rates(NAMES).unwrap_err()
        };
        let nothing = mistake(&[("*.bias", None, None), ("head.*", None, None)]);
        assert_eq!(nothing.group, Some(1));
        assert_eq!(nothing.problem, "`head.*` matches no trainable parameter");
        let shadowed = mistake(&[("decoder.*", None, None), ("*.bias", None, None)]);
        assert_eq!(shadowed.group, Some(1));
        assert!(shadowed.problem.contains("an earlier group has"));
        let bad = mistake(&[("head.[", None, None)]);
        assert!(bad.problem.starts_with("`head.[` is no pattern"));
    }

    #[test]
    fn a_group_without_rates_only_keeps_parameters_from_later_groups() {
        let later = optimizer(&[("*.bias", None, None), ("*", Some(0.5), None)]);
        let rates = later.rates(NAMES).unwrap();
        assert_eq!((rates[NAMES[0]].lr, rates[NAMES[1]].lr), (0.1, 0.5));
        let idle = optimizer(&[("encoder.*", Some(0.5), None), ("decoder.*", None, None)]);
        let mistake = idle.rates(NAMES).unwrap_err();
        assert!(mistake.problem.starts_with("`decoder.*` has no effect"));
    }

    #[test]
    fn a_rate_of_zero_everywhere_is_an_error_and_in_one_group_is_not() {
        let zero = |pattern| optimizer(&[(pattern, Some(0.0), None)]);
        assert!(zero("decoder.*").rates(NAMES).is_ok());
        let error: Error = zero("*").rates(NAMES).unwrap_err().into();
        assert!(
            error.to_string().contains("learning rate of zero"),
            "{error}"
        );
    }

    #[test]
    fn the_kind_is_no_part_of_a_key_where_it_is_the_default() {
        #[derive(Serialize)]
        struct Key(#[serde(serialize_with = "Optimizer::serialize_for_key")] Optimizer);
        let written = serde_json::to_value(optimizer(&[])).unwrap();
        assert_eq!(written["kind"], "adamw");
        let key = serde_json::to_value(Key(optimizer(&[]))).unwrap();
        assert_eq!(
            key,
            serde_json::json!({ "lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.02 })
        );
        let sgd = Optimizer {
            update: Update::Sgd(Sgd {
                lr: 0.1,
                momentum: 0.9,
                nesterov: false,
                weight_decay: 0.0,
            }),
            groups: Vec::new(),
        };
        assert_eq!(serde_json::to_value(Key(sgd)).unwrap()["kind"], "sgd");
    }
}
