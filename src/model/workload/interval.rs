//! Confidence intervals of observed rates.

use serde::{Deserialize, Serialize};

/// The bounds between which a rate lies at 95 % confidence, both from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The number of events.
    pub hits: u64,
    /// The number of trials.
    pub of: u64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Whether clustered trials had to be treated as independent: the true interval is wider.
    #[serde(default, skip_serializing_if = "is_false")]
    pub too_narrow: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The 0.975 quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 0.975 quantiles of Student's t distribution with 1 to 4 degrees of freedom.
const T: [f64; 4] = [12.706_205, 4.302_653, 3.182_446, 2.776_445];

impl Interval {
    /// The Wilson score interval (E. B. Wilson, "Probable Inference, the Law of Succession, and
    /// Statistical Inference", JASA 22, 1927; NIST/SEMATECH e-Handbook of Statistical Methods,
    /// 7.2.4.1). Unlike the normal approximation, it is valid for few hits and for none. For
    /// independent trials. `None` for no trials.
    pub fn wilson(hits: u64, of: u64) -> Option<Self> {
        (of > 0).then(|| Self::score(hits, of, real(of)))
    }

    /// The same for clustered trials, given as (hits, trials) of each cluster, with the effective number
    /// of independent trials. That is the number of trials divided by the design effect, the ratio of the
    /// variance of a ratio of cluster totals to the binomial one (J. N. K. Rao and A. J.
    /// Scott, "A Simple Method for the Analysis of Clustered Binary Data", Biometrics 48, 1992), at
    /// least 1, and by (t/z)², because the variance of few clusters is uncertain (E. L. Korn and B. I.
    /// Graubard, Survey Methodology 24, 1998). It cannot be estimated from one cluster, or if no trial or
    /// every trial hits: the interval is too narrow then.
    pub fn clustered(clusters: &[(u64, u64)]) -> Option<Self> {
        let clusters: Vec<_> = clusters.iter().filter(|(_, of)| *of > 0).collect();
        let hits = clusters.iter().map(|(hits, _)| hits).sum();
        let of = clusters.iter().map(|(_, of)| of).sum();
        let plain = Self::wilson(hits, of)?;
        let (count, n, p) = (clusters.len(), real(of), real(hits) / real(of));
        if count < 2 || hits == 0 || hits == of {
            return Some(Self { too_narrow: true, ..plain });
        }
        let k = real(count as u64);
        let squares: f64 = clusters.iter().map(|(hits, of)| (real(*hits) - p * real(*of)).powi(2)).sum();
        let design_effect = squares * k / (k - 1.0) / (n * p * (1.0 - p));
        Some(Self::score(hits, of, n / design_effect.max(1.0) * (Z / student(count - 1)).powi(2)))
    }

    /// Wilson's formula with an effective number of trials.
    fn score(hits: u64, of: u64, trials: f64) -> Self {
        let (n, p) = (trials, real(hits) / real(of));
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        // Rounding must not move the bounds away from 0 and 1.
        let low = if hits == 0 { 0.0 } else { (middle - reach) / whole };
        let high = if hits == of { 1.0 } else { (middle + reach) / whole };
        Self { hits, of, low, high, too_narrow: false }
    }

    /// In short: `3 of 120, 2.50 % (0.85 % to 7.10 %)`.
    pub fn short(self) -> String {
        let rate = real(self.hits) / real(self.of);
        let [rate, low, high] = [rate, self.low, self.high].map(|part| format!("{:.2} %", part * 100.0));
        format!("{} of {}, {rate} ({low} to {high})", self.hits, self.of)
    }

    /// The same with a note if it is too narrow.
    pub fn describe(self) -> String {
        let but = if self.too_narrow {
            "; computed as if writes were independent, so the true interval is wider"
        } else {
            ""
        };
        self.short() + but
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

/// The 0.975 quantile of Student's t distribution: beyond the table by its series (M. Abramowitz and
/// I. A. Stegun, Handbook of Mathematical Functions, 26.7.5), to four digits.
fn student(freedom: usize) -> f64 {
    if let Some(known) = freedom.checked_sub(1).and_then(|at| T.get(at)) {
        return *known;
    }
    let (z, v) = (Z, real(freedom as u64));
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / v + second / v.powi(2) + third / v.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_survives_serialization() {
        for (hits, of) in (1..80).flat_map(|of| (0..=of).map(move |hits| (hits, of))) {
            let interval = Interval::wilson(hits, of).unwrap();
            let text = serde_json::to_string(&interval).unwrap();
            assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval, "{text}");
        }
    }

    #[test]
    fn known_intervals() {
        // 0 of 10, 1 of 10, 81 of 263 (Newcombe 1998, table I, method 3), all of 29.
        for (hits, of, low, high) in
            [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (81, 263, 0.2553, 0.3662), (29, 29, 0.8830, 1.0)]
        {
            let interval = Interval::wilson(hits, of).unwrap();
            assert!((interval.low - low).abs() < 5e-5, "{hits} of {of}: {interval:?}");
            assert!((interval.high - high).abs() < 5e-5, "{hits} of {of}: {interval:?}");
        }
        for of in 1..300 {
            let (none, all) = (Interval::wilson(0, of).unwrap(), Interval::wilson(of, of).unwrap());
            assert_eq!(
                (none.low.to_bits(), all.high.to_bits()),
                (0.0_f64.to_bits(), 1.0_f64.to_bits()),
                "{of}"
            );
        }
        assert_eq!(Interval::wilson(0, 0), None);
        assert_eq!(Interval::wilson(1, 10).unwrap().describe(), "1 of 10, 10.00 % (1.79 % to 40.42 %)");
    }

    /// Pups that survived, litter by litter, of 16 rats that were fed as always and 16 that were not (C. S.
    /// Weil, 1970, in D. A. Williams, Biometrics 31, 1975, 951).
    const LITTERS: [[(u64, u64); 16]; 2] = [
        [
            (13, 13),
            (12, 12),
            (9, 9),
            (9, 9),
            (8, 8),
            (8, 8),
            (12, 13),
            (11, 12),
            (9, 10),
            (9, 10),
            (8, 9),
            (11, 13),
            (4, 5),
            (5, 7),
            (7, 10),
            (7, 10),
        ],
        [
            (12, 12),
            (11, 11),
            (10, 10),
            (9, 9),
            (10, 11),
            (9, 10),
            (9, 10),
            (8, 9),
            (8, 9),
            (4, 5),
            (7, 9),
            (4, 7),
            (5, 10),
            (3, 6),
            (3, 10),
            (0, 7),
        ],
    ];

    #[test]
    fn clusters_count_for_as_many_as_their_design_effect_leaves() {
        // Design effects 1.2325 and 3.9529, and 2.1314 for t with 15 degrees of freedom.
        for (litters, hits, of, trials) in
            [(LITTERS[0], 142, 158, 158.0 / 1.23250), (LITTERS[1], 112, 145, 145.0 / 3.95286)]
        {
            let interval = Interval::clustered(&litters).unwrap();
            let known = Interval::score(hits, of, trials * (Z / 2.131_450_f64).powi(2));
            assert_eq!((interval.hits, interval.of, interval.too_narrow), (hits, of, false));
            assert!((interval.low - known.low).abs() < 1e-4, "{interval:?} {known:?}");
            assert!((interval.high - known.high).abs() < 1e-4, "{interval:?} {known:?}");
        }
    }

    #[test]
    fn clusters_that_differ_by_chance_alone_are_wider_by_their_fewness_only() {
        for (clusters, t) in [(2, 12.7062), (3, 4.3027), (5, 2.7764), (6, 2.5706), (20, 2.0930), (61, 2.0003)]
        {
            // All alike: less than chance would have them differ.
            let interval = Interval::clustered(&vec![(3, 30); clusters]).unwrap();
            let of = 30 * clusters as u64;
            let known = Interval::score(of / 10, of, real(of) * (Z / t).powi(2));
            assert!((interval.low - known.low).abs() < 1e-4, "{clusters}: {interval:?} {known:?}");
            assert!((interval.high - known.high).abs() < 1e-4, "{clusters}: {interval:?} {known:?}");
        }
    }

    #[test]
    fn an_interval_without_a_known_variance_between_clusters_is_marked_as_too_narrow() {
        // One, one beside another of nothing, no hit, all hit.
        for clusters in [&[(3, 30)][..], &[(3, 30), (0, 0)], &[(0, 30), (0, 20)], &[(30, 30), (20, 20)]] {
            let interval = Interval::clustered(clusters).unwrap();
            assert!(interval.too_narrow, "{clusters:?}");
            let plain = Interval::wilson(interval.hits, interval.of).unwrap();
            assert_eq!(Interval { too_narrow: false, ..interval }, plain);
            assert_eq!(
                interval.describe(),
                plain.describe() + "; computed as if writes were independent, so the true interval is wider"
            );
            let text = serde_json::to_string(&interval).unwrap();
            assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
        }
        assert_eq!(Interval::clustered(&[(0, 0)]), None);
        let hit = Interval::clustered(&[(30, 30), (0, 30)]).unwrap();
        assert!(hit.low < 0.05 && hit.high > 0.95 && !hit.too_narrow, "two that differ say nothing: {hit:?}");
    }
}
