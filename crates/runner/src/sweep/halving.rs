//! Who goes on to the next rung.

use super::record::SettingRecord;
use pipeline_recipe::sweep_config::Halving;

/// Names of the settings that go on, the best first. `settings` are a whole rung's, ranked; one
/// without an objective goes nowhere.
pub fn promoted<'a>(halving: &Halving, settings: &'a [SettingRecord]) -> Vec<&'a str> {
    let whole = settings.iter().filter(|setting| setting.is_complete());
    let kept = whole.take(halving.kept(settings.len()));
    kept.map(|setting| setting.name.as_str()).collect()
}
