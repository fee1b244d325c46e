//! What a schema cannot say of a pretrain stage.

use super::PretrainTable;
use crate::kind::StageCheck;
use pipeline_model::config::{ModelConfig, ModelMode, ReadoutLayout, TaskNames};
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_model::tasks::Tasks;

impl StageCheck<'_> {
    pub(super) fn pretrain(&mut self, stage: &PretrainTable) {
        self.tasks(stage);
        let model = self.model.map(|model| stage.model_before_data(model));
        let specs = model.and_then(|model| parameter_specs(&model, ModelMode::Pretrain).ok());
        let names = specs.map(|specs| specs.into_iter().map(|spec| spec.name).collect());
        self.optimizer(&stage.optimizer, names);
        self.schedule(&stage.schedule, stage.max_steps);
    }

    fn tasks(&mut self, stage: &PretrainTable) {
        let Some(tasks) = &stage.tasks else {
            return;
        };
        if tasks.names() == TaskNames::default() {
            let mistake = self.mistake(&["tasks"], "sets no task", "neither summary nor forecast");
            let help = "tasks = { summary = 1.0, forecast = { weight = 1.0, hours = 6 } }";
            self.mistakes.push(mistake.help(help));
        }
        if self.model.is_some_and(|model| model.readout().is_none()) {
            let problem = "are asked of a readout, and the model has none";
            let mistake = self.mistake(&["tasks"], problem, "nobody to answer them");
            let help = "state pooling = \"readout\" in [model.classifier]";
            self.mistakes.push(mistake.help(help));
        }
    }
}

impl PretrainTable {
    /// The architecture whose parameters' names are those of the model that will be trained: which variables have
    /// queries of their own, and so the shapes, is known when the data are.
    fn model_before_data(&self, model: &ModelConfig) -> ModelConfig {
        let tasks = self.tasks.as_ref().map(Tasks::names);
        ModelConfig {
            readout_layout: tasks.map(|tasks| ReadoutLayout {
                own: vec![String::new()],
                tasks,
                ..ReadoutLayout::default()
            }),
            ..self.model(model)
        }
    }
}
