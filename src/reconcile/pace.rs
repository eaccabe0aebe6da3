//! A limit on requests, for stores that serve others too.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Interval, MissedTickBehavior, interval},
};

/// At most so many requests in a second, and how many there were.
#[derive(Debug)]
pub struct Pace {
    interval: Option<Mutex<Interval>>,
    requests: AtomicU64,
}

impl Pace {
    /// None is no limit.
    pub fn new(requests_per_second: Option<NonZeroU32>) -> Self {
        let interval = requests_per_second.map(|limit| {
            let mut interval = interval(Duration::from_secs(1) / limit.get());
            // Time that was not used is not made up for by a burst.
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(interval)
        });
        Self { interval, requests: AtomicU64::new(0) }
    }

    /// Waits until the next request may be sent.
    pub async fn turn(&self) {
        if let Some(interval) = &self.interval {
            interval.lock().await.tick().await;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
