//! The part of a table that all trainings have. Stated by a macro, for `serde(flatten)` would take unknown keys.

/// Declares the table of a training: its own fields, and those of its loop.
macro_rules! training_table {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        pub struct $name {
            $($own)*
            /// How learning rates change from step to step.
            #[serde(default)]
            pub schedule: pipeline_train::schedule::Schedule,
            /// Batches whose gradients make one optimizer step: as one of so many times more stays, in the memory of a batch.
            #[serde(default = "crate::training::one")]
            #[schemars(range(min = 1))]
            pub accumulate: usize,
            /// Optimizer steps after which training ends before `epochs` are over; left out: never.
            #[serde(default)]
            #[schemars(range(min = 1))]
            pub max_steps: Option<u64>,
            /// Epochs from one validation to the next; the last epoch is always validated.
            #[serde(default = "crate::training::one")]
            #[schemars(range(min = 1))]
            pub validate_every: usize,
            /// Whether the stage keeps the parameters of the best epoch on validation, or of the end of training.
            #[serde(default)]
            pub keep: pipeline_train::options::Keep,
            /// How exact the factors of linear layers' products are; all else is in single precision.
            #[serde(default, skip_serializing_if = "pipeline_train::options::is_default")]
            pub precision: pipeline_model::precision::Precision,
        }

        impl $name {
            pub(crate) fn loop_options(&self) -> pipeline_train::options::LoopOptions {
                pipeline_train::options::LoopOptions {
                    schedule: self.schedule.clone(),
                    accumulate: self.accumulate,
                    max_steps: self.max_steps,
                    validate_every: self.validate_every,
                    keep: self.keep,
                    precision: self.precision,
                }
            }
        }
    };
}

/// A default of several settings.
pub fn one() -> usize {
    1
}
