//! Signs that a posterior collapses into its prior, each told once when it begins.

use serde::{Deserialize, Serialize};

use super::settings::MonitorSettings;
use super::summary::PosteriorSummary;

/// What a posterior looks like that says nothing about its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Few latent dimensions vary.
    InactiveUnits,
    /// KL is what the free bits let pass.
    KlOnFloor,
    /// The variance is the prior's.
    UnitVariance,
    /// The variance is the same for every set.
    ConstantLogvar,
}

const SIGNS: [Sign; 4] = [
    Sign::InactiveUnits,
    Sign::KlOnFloor,
    Sign::UnitVariance,
    Sign::ConstantLogvar,
];

/// Whose posterior it is that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The training split's, over the optimizer steps from one to another, counted from 1.
    Steps {
        /// The oldest step.
        first: u64,
        /// The latest step.
        last: u64,
    },
    /// The validation split's after an epoch, counted from 1.
    Validation {
        /// The epoch.
        epoch: usize,
        /// Optimizer steps taken by then.
        step: u64,
    },
}

impl Seen {
    fn step(self) -> u64 {
        match self {
            Seen::Steps { last, .. } => last,
            Seen::Validation { step, .. } => step,
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Seen::Steps { first, last } => write!(formatter, "over steps {first} to {last}"),
            Seen::Validation { epoch, .. } => {
                write!(formatter, "on validation after epoch {epoch}")
            }
        }
    }
}

/// What a sign is judged by.
#[derive(Clone, Debug)]
pub struct Thresholds<'a> {
    /// The recipe's.
    pub settings: &'a MonitorSettings,
    /// Latent dimensions.
    pub dimensions: usize,
    /// Nats a latent dimension below which KL costs nothing more.
    pub free_bits: f64,
}

impl Thresholds<'_> {
    fn floor(&self) -> f64 {
        self.free_bits * self.dimensions as f64
    }

    fn active_fraction(&self, summary: &PosteriorSummary) -> f64 {
        summary.active_units / self.dimensions as f64
    }

    fn shows(&self, sign: Sign, summary: &PosteriorSummary) -> bool {
        let settings = self.settings;
        match sign {
            Sign::InactiveUnits => self.active_fraction(summary) < settings.min_active_fraction,
            Sign::KlOnFloor => summary.kl < settings.min_kl_over_floor * self.floor(),
            Sign::UnitVariance => {
                let (low, high) = (1.0 - summary.variance_min, summary.variance_max - 1.0);
                low.max(high) < settings.min_variance_deviation
            }
            Sign::ConstantLogvar => summary.logvar_variance < settings.min_logvar_variance,
        }
    }

    /// The number, the threshold, and what to do.
    fn describe(&self, sign: Sign, summary: &PosteriorSummary, seen: Seen) -> String {
        let settings = self.settings;
        match sign {
            Sign::InactiveUnits => format!(
                "warning: {} of {} latent dimensions are active {seen}, a share of {:.3}, less than monitor.min_active_fraction = {} (mu of the others varies across sets by at most {}): lower max_beta, lengthen beta_warmup_steps, or take a smaller latent_dim",
                summary.active_units,
                self.dimensions,
                self.active_fraction(summary),
                settings.min_active_fraction,
                settings.active_variance,
            ),
            Sign::KlOnFloor => format!(
                "warning: KL is {:.3} nats a set {seen}, less than monitor.min_kl_over_floor = {} times its floor of {:.3} (free_bits · latent_dim): the posterior holds hardly more than is free; raise free_bits, or lower max_beta",
                summary.kl,
                settings.min_kl_over_floor,
                self.floor(),
            ),
            Sign::UnitVariance => format!(
                "warning: the posterior's variance is between {:.4} and {:.4} in every latent dimension {seen}, nearer to the prior's 1 than monitor.min_variance_deviation = {}: it carries no information; objective = \"elbo\" lets the data speak to it, fusion = \"none\" keeps it out of a classifier",
                summary.variance_min, summary.variance_max, settings.min_variance_deviation,
            ),
            Sign::ConstantLogvar => format!(
                "warning: logvar varies across sets by {:.1e} {seen}, less than monitor.min_logvar_variance = {:e}: the posterior's variance carries no information about a set; objective = \"elbo\" lets the data speak to it, fusion = \"none\" keeps it out of a classifier",
                summary.logvar_variance, settings.min_logvar_variance,
            ),
        }
    }
}

/// Where one sign was seen last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Episode {
    /// The last step whose window showed it.
    step: Option<u64>,
    /// Whether the last validation showed it.
    on_validation: bool,
}

impl Episode {
    /// In the windows of training it goes on until none showed it for as many steps as a window
    /// has, lest a number that swings about its threshold be told again and again.
    fn goes_on(&self, step: u64, window: u64) -> bool {
        let since = self.step.map(|last| step.saturating_sub(last));
        self.on_validation || since.is_some_and(|steps| steps <= window)
    }
}

/// The signs that were seen, and how often one began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episodes {
    begun: usize,
    signs: [Episode; SIGNS.len()],
}

impl Episodes {
    /// Warnings so far.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Looks for signs; a line for each that begins.
    pub fn look(
        &mut self,
        summary: &PosteriorSummary,
        seen: Seen,
        thresholds: &Thresholds,
    ) -> Vec<String> {
        let window = thresholds.settings.window as u64;
        let mut lines = Vec::new();
        for (sign, episode) in SIGNS.into_iter().zip(&mut self.signs) {
            let shows = thresholds.shows(sign, summary);
            if shows && !episode.goes_on(seen.step(), window) {
                lines.push(thresholds.describe(sign, summary, seen));
            }
            match seen {
                Seen::Steps { last, .. } if shows => episode.step = Some(last),
                Seen::Steps { .. } => {}
                Seen::Validation { .. } => episode.on_validation = shows,
            }
        }
        self.begun += lines.len();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 10;

    fn settings() -> MonitorSettings {
        MonitorSettings {
            window: WINDOW,
            ..MonitorSettings::default()
        }
    }

    /// Eight dimensions and no sign of collapse.
    fn sound() -> PosteriorSummary {
        PosteriorSummary {
            kl: 5.0,
            variance_min: 0.3,
            variance_max: 1.0,
            active_units: 8.0,
            logvar_variance: 0.1,
            ..PosteriorSummary::default()
        }
    }

    fn lines(episodes: &mut Episodes, summary: PosteriorSummary, seen: Seen) -> Vec<String> {
        let settings = settings();
        let thresholds = Thresholds {
            settings: &settings,
            dimensions: 8,
            free_bits: 0.25,
        };
        episodes.look(&summary, seen, &thresholds)
    }

    fn at(step: u64) -> Seen {
        Seen::Steps {
            first: (step + 1).saturating_sub(WINDOW as u64),
            last: step,
        }
    }

    fn after(epoch: usize, step: u64) -> Seen {
        Seen::Validation { epoch, step }
    }

    #[track_caller]
    fn assert_only(summary: PosteriorSummary, fragments: &[&str]) {
        let lines = lines(&mut Episodes::default(), summary, at(30));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("warning: "), "{lines:?}");
        for fragment in fragments.iter().chain(&["over steps 21 to 30"]) {
            assert!(lines[0].contains(fragment), "no {fragment:?}: {lines:?}");
        }
    }

    #[test]
    fn each_sign_names_its_number_its_threshold_and_what_to_do() {
        assert!(lines(&mut Episodes::default(), sound(), at(30)).is_empty());
        let few = PosteriorSummary {
            active_units: 0.0,
            ..sound()
        };
        let fragments = ["0 of 8 latent", "min_active_fraction = 0.1", "max_beta"];
        assert_only(few, &fragments);
        let low = PosteriorSummary { kl: 2.1, ..sound() };
        let fragments = [
            "2.100 nats",
            "min_kl_over_floor = 1.1",
            "2.000",
            "free_bits",
        ];
        assert_only(low, &fragments);
        let unit = PosteriorSummary {
            variance_min: 0.96,
            variance_max: 1.04,
            ..sound()
        };
        let fragments = [
            "0.9600 and 1.0400",
            "min_variance_deviation = 0.05",
            "fusion",
        ];
        assert_only(unit, &fragments);
        let same = PosteriorSummary {
            logvar_variance: 2e-7,
            ..sound()
        };
        let fragments = ["2.0e-7", "min_logvar_variance = 1e-4", "fusion"];
        assert_only(same, &fragments);
    }

    #[test]
    fn a_variance_that_differs_in_one_dimension_is_no_sign() {
        for (variance_min, variance_max) in [(0.94, 1.0), (1.0, 1.06), (0.4, 0.5), (1.2, 1.3)] {
            let summary = PosteriorSummary {
                variance_min,
                variance_max,
                ..sound()
            };
            assert!(lines(&mut Episodes::default(), summary, at(30)).is_empty());
        }
    }

    #[test]
    fn thresholds_of_zero_never_warn() {
        let settings = MonitorSettings {
            min_active_fraction: 0.0,
            min_kl_over_floor: 0.0,
            min_variance_deviation: 0.0,
            min_logvar_variance: 0.0,
            ..settings()
        };
        let thresholds = Thresholds {
            settings: &settings,
            dimensions: 8,
            free_bits: 0.25,
        };
        let collapsed = PosteriorSummary {
            variance_min: 1.0,
            variance_max: 1.0,
            ..PosteriorSummary::default()
        };
        let lines = Episodes::default().look(&collapsed, at(30), &thresholds);
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn a_sign_is_told_when_it_begins_and_again_only_after_a_window_without_it() {
        let mut episodes = Episodes::default();
        let few = PosteriorSummary {
            active_units: 0.0,
            ..sound()
        };
        let mut told = |summary, seen| lines(&mut episodes, summary, seen).len();
        assert_eq!((10..=20).map(|step| told(few, at(step))).sum::<usize>(), 1);
        assert_eq!(told(few, after(1, 20)), 0, "training has told it");
        assert_eq!(told(sound(), after(2, 24)), 0);
        assert_eq!(told(sound(), at(25)), 0);
        assert_eq!(told(few, at(30)), 0, "ten steps later");
        assert_eq!(
            (31..=40).map(|step| told(sound(), at(step))).sum::<usize>(),
            0
        );
        assert_eq!(told(few, at(41)), 1, "eleven steps later");
        assert_eq!(episodes.begun(), 2);
    }

    #[test]
    fn a_sign_on_validation_goes_on_until_a_validation_without_it() {
        let mut episodes = Episodes::default();
        let same = PosteriorSummary {
            logvar_variance: 0.0,
            ..sound()
        };
        let mut told = |summary, seen| lines(&mut episodes, summary, seen);
        let first = told(same, after(3, 60));
        assert!(
            first[0].contains("on validation after epoch 3"),
            "{first:?}"
        );
        assert!(told(same, after(4, 80)).is_empty());
        assert!(told(same, at(81)).is_empty(), "it goes on");
        assert!(told(sound(), after(5, 100)).is_empty());
        assert_eq!(told(same, after(6, 120)).len(), 1);
    }

    #[test]
    fn episodes_read_back_as_they_were() {
        let mut episodes = Episodes::default();
        lines(&mut episodes, PosteriorSummary::default(), at(30));
        let text = serde_json::to_string(&episodes).unwrap();
        assert_eq!(episodes, serde_json::from_str(&text).unwrap());
    }
}
