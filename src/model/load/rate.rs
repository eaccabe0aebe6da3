//! How sure a rate is that was counted.

use serde::{Deserialize, Serialize};

/// The bounds between which a rate lies at 95 % confidence, both from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// How often it happened.
    pub hits: u64,
    /// In how many.
    pub of: u64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The 0.975 quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

impl Interval {
    /// The Wilson score interval (E. B. Wilson, "Probable Inference, the Law of Succession, and
    /// Statistical Inference", JASA 22, 1927; NIST/SEMATECH e-Handbook of Statistical Methods,
    /// 7.2.4.1): it holds for few and for no hits too, where the usual one would say 0 to 0. None of
    /// nothing.
    pub fn wilson(hits: u64, of: u64) -> Option<Self> {
        if of == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^52 writes")]
        let (n, p) = (of as f64, hits as f64 / of as f64);
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        // At the ends rounding may miss 0 and 1 by a hair.
        let low = if hits == 0 { 0.0 } else { (middle - reach) / whole };
        let high = if hits == of { 1.0 } else { (middle + reach) / whole };
        Some(Self { hits, of, low, high })
    }

    /// For people: `3 of 120, 2.50 % (0.85 % to 7.10 %)`.
    pub fn words(self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^52 writes")]
        let rate = self.hits as f64 / self.of as f64;
        let [rate, low, high] = [rate, self.low, self.high].map(|part| format!("{:.2} %", part * 100.0));
        format!("{} of {}, {rate} ({low} to {high})", self.hits, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_comes_back_from_a_file_as_it_was() {
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
        assert_eq!(Interval::wilson(1, 10).unwrap().words(), "1 of 10, 10.00 % (1.79 % to 40.42 %)");
    }
}
