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
        let unknown = || Error::stage(format!("{} is no device: cpu or cuda:N", self.device));
        match self.device.split_once(':') {
            None if self.device == "cpu" => Ok(Device::Cpu),
            Some(("cuda", index)) => Ok(Device::new_cuda(index.parse().map_err(|_| unknown())?)?),
            _ => Err(unknown()),
        }
    }

    fn replay_folder(&self) -> ReplayFolder {
        ReplayFolder::new(self.log.with_extension("replay"))
    }
}
