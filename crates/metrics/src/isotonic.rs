use super::ranking::Ranking;

/// The non-decreasing step function nearest to the labels (Barlow et al. 1972), by pooling
/// adjacent violators; read by linear interpolation, and level beyond its ends, as scikit-learn's
/// `IsotonicRegression(out_of_bounds="clip")`.
#[derive(Clone, Debug, PartialEq)]
pub struct Isotonic {
    /// Scores, ascending, with the share of positives there, non-decreasing.
    knots: Vec<(f64, f64)>,
}

/// Neighbouring scores whose shares were pooled.
struct Pool {
    lowest: f64,
    highest: f64,
    positives: f64,
    weight: f64,
}

impl Pool {
    fn share(&self) -> f64 {
        self.positives / self.weight
    }
}

impl Isotonic {
    /// Fits the labels of a ranking; `None` without items.
    pub fn fit(ranking: &Ranking) -> Option<Self> {
        let ones = vec![1.0; ranking.len()];
        let mut ties: Vec<_> = ranking.ties(&ones).collect();
        ties.reverse();
        let mut pools: Vec<Pool> = Vec::new();
        for tie in ties {
            let mut pool = Pool {
                lowest: tie.score,
                highest: tie.score,
                positives: tie.positives,
                weight: tie.weight(),
            };
            while let Some(before) = pools.pop_if(|before| before.share() >= pool.share()) {
                pool.lowest = before.lowest;
                pool.positives += before.positives;
                pool.weight += before.weight;
            }
            pools.push(pool);
        }
        let mut knots = Vec::with_capacity(2 * pools.len());
        for pool in &pools {
            knots.push((pool.lowest, pool.share()));
            if pool.highest > pool.lowest {
                knots.push((pool.highest, pool.share()));
            }
        }
        (!knots.is_empty()).then_some(Self { knots })
    }

    /// Whether every probability becomes the same one.
    pub fn is_constant(&self) -> bool {
        self.knots
            .iter()
            .all(|(_, share)| *share == self.knots[0].1)
    }

    /// That of these knots, ascending scores with non-decreasing shares; none: they are no such function.
    pub fn of_knots(knots: Vec<(f64, f64)>) -> Option<Self> {
        let rises = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        let is_function = !knots.is_empty() && knots.windows(2).all(rises);
        let is_finite = |knot: &(f64, f64)| knot.0.is_finite() && knot.1.is_finite();
        (is_function && knots.iter().all(is_finite)).then_some(Self { knots })
    }

    /// Scores, ascending, with the share of positives there.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }

    /// The share of positives at a score.
    pub fn at(&self, score: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 <= score);
        match (
            after.checked_sub(1).map(|at| self.knots[at]),
            self.knots.get(after),
        ) {
            (Some((x0, y0)), Some(&(x1, y1))) => y0 + (score - x0) / (x1 - x0) * (y1 - y0),
            (Some((_, share)), None) | (None, Some(&(_, share))) => share,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violators_are_pooled_and_read_between_knots() {
        let labels = [false, true, false, true, true];
        let scores = [0.1, 0.2, 0.3, 0.6, 0.6];
        let fit = Isotonic::fit(&Ranking::new(&labels, &scores).unwrap()).unwrap();
        assert_eq!(fit.at(0.1), 0.0);
        assert_eq!((fit.at(0.2), fit.at(0.3)), (0.5, 0.5));
        assert!((fit.at(0.45) - 0.75).abs() < 1e-12);
        assert!((fit.at(0.15) - 0.25).abs() < 1e-12);
        assert_eq!((fit.at(0.0), fit.at(0.9)), (0.0, 1.0));
        assert_eq!(fit.knots().len(), 4);
        assert_eq!(Isotonic::of_knots(fit.knots().to_vec()), Some(fit));
        assert_eq!(Isotonic::of_knots(vec![(0.5, 1.0), (0.6, 0.5)]), None);
        assert_eq!(Isotonic::of_knots(vec![(0.5, f64::NAN)]), None);
        assert_eq!(Isotonic::fit(&Ranking::new(&[], &[]).unwrap()), None);
    }
}
