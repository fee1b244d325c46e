//! What a schema cannot say of how a stage trains.

use crate::kind::StageCheck;
use pipeline_train::optimizer::{Optimizer, Update};
use pipeline_train::schedule::Schedule;

impl StageCheck<'_> {
    /// `names`: of the trainable parameters, where they are known.
    pub(crate) fn optimizer(&mut self, optimizer: &Optimizer, names: Option<Vec<String>>) {
        let (kind, others): (&str, &[&str]) = match &optimizer.update {
            Update::AdamW(adamw) => {
                self.betas(adamw.betas);
                ("adamw", &["momentum", "nesterov", "penalties", "scaling"])
            }
            Update::Sgd(sgd) => {
                self.momentum(sgd.momentum, sgd.nesterov);
                self.stated_rate();
                ("sgd", &["betas", "eps", "penalties", "scaling"])
            }
        };
        self.settings_of_another(kind, others);
        let names = names.unwrap_or_default();
        let found = match names.is_empty() {
            true => None,
            false => optimizer.rates(names.iter().map(String::as_str)).err(),
        };
        if let Some(found) = found {
            let index = found.group.map(|group| group.to_string());
            let path = match &index {
                Some(index) => vec!["optimizer", "groups", index.as_str(), "pattern"],
                None => vec!["optimizer", "groups"],
            };
            let mistake = self.mistake(&path, &found.problem, "stated here");
            self.mistakes.push(mistake.help(found.hint));
        }
    }

    /// Settings that another kind of optimizer has.
    pub(crate) fn settings_of_another(&mut self, kind: &str, others: &[&str]) {
        for key in others {
            if self.states(&["optimizer", key]) {
                let problem = format!("is no setting of `{kind}`");
                let mistake = self.mistake(&["optimizer", key], &problem, "of another optimizer");
                self.mistakes.push(mistake.help(match kind {
                    "sgd" => "`sgd` has lr, momentum, nesterov and weight_decay",
                    "lbfgs" => "`lbfgs` has penalties and scaling, and nothing else",
                    _ => "`adamw` has lr, betas, eps and weight_decay; `kind = \"sgd\"` has a momentum",
                }));
            }
        }
    }

    fn stated_rate(&mut self) {
        if !self.states(&["optimizer", "lr"]) {
            let problem = "states no `lr`, and `sgd` has no default";
            let mistake = self.mistake(&["optimizer"], problem, "no learning rate");
            let help =
                "with momentum 0.9 it is often ten to a hundred times AdamW's: try lr = 1e-3";
            self.mistakes.push(mistake.help(help));
        }
    }

    fn momentum(&mut self, momentum: f64, nesterov: bool) {
        if !(0.0..1.0).contains(&momentum) {
            let problem = format!("must be at least 0 and less than 1, not {momentum}");
            let mistake = self.mistake(&["optimizer", "momentum"], &problem, "not in [0, 1)");
            self.mistakes.push(mistake);
        } else if nesterov && momentum == 0.0 {
            let problem = "needs a momentum above 0";
            let mistake = self.mistake(&["optimizer", "nesterov"], problem, "without a momentum");
            self.mistakes.push(mistake);
        }
    }

    pub(crate) fn schedule(&mut self, schedule: &Schedule, max_steps: Option<u64>) {
        if let Schedule::Plateau { factor, .. } = schedule
            && *factor >= 1.0
        {
            let problem = format!("must be less than 1, not {factor}");
            let mistake = self.mistake(&["schedule", "factor"], &problem, "lowers no rate");
            self.mistakes.push(mistake);
        }
        let warmup = schedule.warmup_steps();
        if let Some(most) = max_steps
            && warmup >= most
        {
            let problem = format!("is {warmup}, and training ends after max_steps = {most}");
            let place = ["schedule", "warmup_steps"];
            let mistake = self.mistake(&place, &problem, "never over");
            let help = "the learning rate would never be reached: shorten the warm-up";
            self.mistakes.push(mistake.help(help));
        }
    }

    fn betas(&mut self, betas: [f64; 2]) {
        for (index, beta) in betas.into_iter().enumerate() {
            if !(0.0..1.0).contains(&beta) {
                let index = index.to_string();
                let mistake = self.mistake(
                    &["optimizer", "betas", &index],
                    &format!("must be at least 0 and less than 1, not {beta}"),
                    "not in [0, 1)",
                );
                self.mistakes.push(mistake);
            }
        }
    }
}
