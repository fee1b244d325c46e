use pipeline_model::hidden_setting::HiddenSetting;

/// Whether a setting is that of the weights' training, and what is said of it.
pub(super) enum Verdict {
    /// It is, or the weights do not depend on it.
    Right,
    /// It is taken for right, as this says.
    Noted(String),
    /// It is not.
    Wrong(String),
    /// It is listed as a change, and none is known.
    Idle(String),
    /// Nobody knows.
    Unknown(HiddenSetting, String),
}
