use std::time::Duration;

use candle_core::Device;

use pipeline_error::Error;
use pipeline_stage::StageContext;
use pipeline_train::replay::ReplayFolder;
use pipeline_train::resume::ResumeFile;

/// What a stage that computes with tensors has of its context.
pub trait TrainingContext {
    /// Where a training goes on from, and what it leaves, at least so often.
    fn resume_file(&self, every: Duration) -> ResumeFile;

    /// The device that tensors are computed on.
    fn tensor_device(&self) -> Result<Device, Error>;

    /// Where a training leaves a step that broke: beside the log, kept with the run.
    fn replay_folder(&self) -> ReplayFolder;
}

impl TrainingContext for StageContext<'_> {
    fn resume_file(&self, every: Duration) -> ResumeFile {
        let name = "resume.safetensors";
        let lineage = self.lineage.map(|folder| folder.join(name));
        ResumeFile::new(self.work.join(name), every).with_lineage(lineage)
    }

    fn tensor_device(&self) -> Result<Device, Error> {
        pipeline_device::open(self.device)
    }

    fn replay_folder(&self) -> ReplayFolder {
        ReplayFolder::new(self.log.with_extension("replay"))
    }
}
