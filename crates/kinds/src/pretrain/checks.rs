//! What a schema cannot say of a pretrain stage.

use super::PretrainTable;
use crate::kind::StageCheck;
use pipeline_model::config::ModelMode;
use pipeline_model::seqsetvae::parameter_specs;

impl StageCheck<'_> {
    pub(super) fn pretrain(&mut self, stage: &PretrainTable) {
        let specs = self
            .model
            .and_then(|model| parameter_specs(model, ModelMode::Pretrain).ok());
        let names = specs.map(|specs| specs.into_iter().map(|spec| spec.name).collect());
        self.optimizer(&stage.optimizer, names);
        self.schedule(&stage.schedule, stage.max_steps);
    }
}
