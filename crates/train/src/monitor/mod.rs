//! What becomes of the posterior while it is trained: of the last optimizer steps, and on validation.

mod collapse;
mod moments;
mod settings;
mod summary;
mod window;

pub use collapse::Episodes;
use collapse::{Seen, Thresholds};
pub use moments::PosteriorMoments;
use pipeline_checkpoint::FloatTensor;
pub use settings::MonitorSettings;
pub use summary::PosteriorSummary;
pub use window::Step;
use window::Window;

/// Watches the posterior of one training.
pub struct Monitor<'a> {
    /// Its window and thresholds.
    pub settings: &'a MonitorSettings,
    /// Latent dimensions.
    pub dimensions: usize,
    /// Nats a latent dimension below which KL costs nothing more.
    pub free_bits: f64,
}

/// What the monitor has seen, to the bit: part of what an interrupted training goes on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    window: Window,
    episodes: Episodes,
}

impl Monitor<'_> {
    /// Takes in optimizer step `number`, counted from 1. Returns warnings that begin with it; none
    /// before the window is full.
    pub fn after_step(&self, watched: &mut Watched, number: u64, step: &Step) -> Vec<String> {
        let length = self.settings.window;
        watched.window.push(step, length);
        if watched.window.steps() < length {
            return Vec::new();
        }
        let summary = self.summary(&watched.window.whole().posterior);
        let seen = Seen::Steps {
            first: (number + 1).saturating_sub(length as u64),
            last: number,
        };
        watched.episodes.look(&summary, seen, &self.thresholds())
    }

    /// Takes in the validation after `epoch`, counted from 1, and `step` optimizer steps. Returns
    /// warnings that begin with it.
    pub fn after_epoch(
        &self,
        watched: &mut Watched,
        epoch: usize,
        step: u64,
        validation: &PosteriorSummary,
    ) -> Vec<String> {
        let seen = Seen::Validation { epoch, step };
        watched.episodes.look(validation, seen, &self.thresholds())
    }

    /// The window, by the names of its columns in a history.
    pub fn window_columns(&self, watched: &Watched) -> Vec<(String, f64)> {
        let whole = watched.window.whole();
        let steps = watched.window.steps() as f64;
        let mut columns = vec![
            ("train_window_steps".to_string(), steps),
            ("train_window_reconstruction".into(), whole.reconstruction),
        ];
        let posterior = self.summary(&whole.posterior).columns();
        columns.extend(posterior.map(|(name, value)| (format!("train_{name}"), value)));
        columns
    }

    fn summary(&self, moments: &PosteriorMoments) -> PosteriorSummary {
        PosteriorSummary::new(moments, self.settings.active_variance)
    }

    fn thresholds(&self) -> Thresholds<'_> {
        Thresholds {
            settings: self.settings,
            dimensions: self.dimensions,
            free_bits: self.free_bits,
        }
    }
}

impl Watched {
    /// Warnings so far.
    pub fn warnings(&self) -> usize {
        self.episodes.begun()
    }

    /// In two parts, as a snapshot holds it: a tensor, which is none before the first step, and the rest.
    pub fn parts(&self) -> (Option<FloatTensor>, Episodes) {
        (self.window.to_tensor(), self.episodes.clone())
    }

    /// From its two parts; none if they are of no such window.
    pub fn from_parts(window: Option<&FloatTensor>, episodes: Episodes) -> Option<Self> {
        let window = match window {
            Some(rows) => Window::from_tensor(rows)?,
            None => Window::default(),
        };
        Some(Self { window, episodes })
    }

    /// Whether it is of a posterior with so many latent dimensions.
    pub fn fits(&self, dimensions: usize) -> bool {
        self.window.fits(dimensions)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::moments::tests::posterior;
    use super::*;

    const SETTINGS: MonitorSettings = MonitorSettings {
        window: 3,
        active_variance: 0.01,
        min_active_fraction: 0.5,
        min_kl_over_floor: 1.1,
        min_variance_deviation: 0.05,
        min_logvar_variance: 1e-4,
    };

    fn monitor() -> Monitor<'static> {
        Monitor {
            settings: &SETTINGS,
            dimensions: 4,
            free_bits: 0.03,
        }
    }

    fn step(seed: u64) -> Step {
        Step {
            stays: 5,
            reconstruction: 1.0 / (1.0 + seed as f64),
            posterior: PosteriorMoments::of(&posterior(20, 4, seed), 0.03).unwrap(),
        }
    }

    /// What is seen of so many steps, in each of which logvar hardly varies.
    pub fn watched(steps: u64) -> Watched {
        let mut watched = Watched::default();
        for number in 1..=steps {
            monitor().after_step(&mut watched, number, &step(number));
        }
        watched
    }

    #[test]
    fn a_warning_comes_with_the_first_full_window_and_is_counted_once() {
        let mut watched = Watched::default();
        let lines: Vec<Vec<String>> = (1..=6)
            .map(|number| monitor().after_step(&mut watched, number, &step(number)))
            .collect();
        let counts: Vec<usize> = lines.iter().map(Vec::len).collect();
        assert_eq!(counts, [0, 0, 1, 0, 0, 0], "{lines:?}");
        assert!(lines[2][0].contains("over steps 1 to 3"), "{lines:?}");
        let collapsed = PosteriorSummary {
            variance_min: 1.0,
            variance_max: 1.0,
            ..PosteriorSummary::default()
        };
        let lines = monitor().after_epoch(&mut watched, 1, 6, &collapsed);
        let [active, kl, variance] = lines.as_slice() else {
            panic!("all but logvar, which was told: {lines:?}");
        };
        assert!(active.contains("active") && kl.contains("KL"), "{lines:?}");
        assert!(variance.contains("after epoch 1"), "{lines:?}");
        assert_eq!(watched.warnings(), 4);
    }

    #[test]
    fn the_window_s_columns_are_those_of_the_steps_in_it() {
        let watched = watched(5);
        let columns = monitor().window_columns(&watched);
        let mut direct = PosteriorMoments::default();
        for number in 3..=5 {
            direct.add(&step(number).posterior);
        }
        let direct = PosteriorSummary::new(&direct, SETTINGS.active_variance);
        let expected = direct
            .columns()
            .map(|(name, value)| (format!("train_{name}"), value));
        let own = [
            ("train_window_steps", 3.0),
            (
                "train_window_reconstruction",
                (1.0 / 4.0 + 1.0 / 5.0 + 1.0 / 6.0) / 3.0,
            ),
        ];
        let own = own.map(|(name, value)| (name.to_string(), value));
        assert_eq!(columns.len(), own.len() + expected.len());
        for ((name, value), (wanted, expected)) in columns.iter().zip(own.iter().chain(&expected)) {
            assert_eq!(name, wanted);
            assert!(
                (value - expected).abs() <= 1e-4 * expected.abs(),
                "{name}: {value} for {expected}"
            );
        }
    }

    #[test]
    fn what_goes_on_from_its_parts_sees_and_says_the_same() {
        for steps in 0..5 {
            let mut one = watched(steps);
            let (window, episodes) = one.parts();
            let mut other = Watched::from_parts(window.as_ref(), episodes).unwrap();
            assert!(other.fits(4) && (steps == 0 || !other.fits(3)));
            for number in steps + 1..steps + 5 {
                let step = step(number);
                let said = monitor().after_step(&mut one, number, &step);
                assert_eq!(said, monitor().after_step(&mut other, number, &step));
            }
            assert_eq!(one, other);
            let columns = |watched: &Watched| {
                let columns = monitor().window_columns(watched).into_iter();
                columns
                    .map(|(_, value)| value.to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(columns(&one), columns(&other));
        }
    }
}
