//! What must be undone at the end of a run: a stack of named steps, the last pushed first.

use crate::base::error::Error;
use crate::base::sync::MutexExt;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A stack of steps that undo what was set up. Cheap to clone: whoever sets something up pushes
/// onto it. [`Teardown::around`] performs them once, whatever happens inside; dropping the last
/// clone without that performs each step's synchronous last resort.
#[derive(Clone, Default)]
pub struct Teardown(Arc<Stack>);

#[derive(Default)]
struct Stack(Mutex<Vec<Step>>);

struct Step {
    name: String,
    limit: Duration,
    work: BoxFuture<'static, Result<(), Error>>,
    last_resort: Box<dyn FnOnce() + Send>,
}

impl Teardown {
    /// Nothing to undo yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step that undoes what has just been done. `last_resort` is for when there is no time
    /// or runtime to wait with; it must be quick and may find its work done.
    pub fn push(
        &self,
        name: impl Into<String>,
        limit: Duration,
        work: impl Future<Output = Result<(), Error>> + Send + 'static,
        last_resort: impl FnOnce() + Send + 'static,
    ) {
        self.0.steps().push(Step {
            name: name.into(),
            limit,
            work: work.boxed(),
            last_resort: Box::new(last_resort),
        });
    }

    /// Works until done or cancelled, then undoes everything, also after a panic, which goes on
    /// afterwards. Gives what the work gave (`None` when cancelled) and what could not be undone.
    pub async fn around<T>(
        &self,
        cancel: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> (Option<T>, Vec<Error>) {
        let done: Option<Result<T, Box<dyn Any + Send>>> = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            value = AssertUnwindSafe(work).catch_unwind() => Some(value),
        };
        let left = self.run().await;
        match done.transpose() {
            Ok(value) => (value, left),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Performs the steps, the last pushed first, each within its limit; a step that fails or hangs
    /// gets its last resort and does not keep the others from their turn. A second call has nothing
    /// left to do.
    pub async fn run(&self) -> Vec<Error> {
        let mut left = Vec::new();
        loop {
            let Some(step) = self.0.steps().pop() else { return left };
            let Step { name, limit, work, last_resort } = step;
            let error = match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
                Ok(Ok(Ok(()))) => continue,
                Ok(Ok(Err(error))) => error.while_doing(format!("can't {name}")),
                Ok(Err(_panic)) => Error::harness(format!("panicked when it was to {name}")),
                Err(_) => {
                    Error::environment(format!("can't {name}: not done after {} s", limit.as_secs_f32()))
                }
            };
            perform(last_resort);
            left.push(error);
        }
    }
}

impl Stack {
    fn steps(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        self.0.lock_unpoisoned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let mut steps = std::mem::take(&mut *self.steps());
        while let Some(step) = steps.pop() {
            perform(step.last_resort);
        }
    }
}

/// A last resort that panics must not keep the others from their turn; it may itself run while
/// another panic unwinds, where a second one would end the process on the spot.
fn perform(last_resort: Box<dyn FnOnce() + Send>) {
    let _told_by_the_panic_hook = std::panic::catch_unwind(AssertUnwindSafe(last_resort));
}

impl std::fmt::Debug for Teardown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.steps().iter().map(|step| &step.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Order = Arc<Mutex<Vec<String>>>;

    fn push(teardown: &Teardown, seen: &Order, name: &'static str) {
        let (work, last) = (seen.clone(), seen.clone());
        let step = async move {
            work.lock().unwrap().push(name.to_owned());
            Ok(())
        };
        teardown.push(name, Duration::from_secs(5), step, move || {
            last.lock().unwrap().push(format!("last resort of {name}"));
        });
    }

    #[tokio::test]
    async fn the_last_comes_first_and_only_once() {
        let (teardown, seen) = (Teardown::new(), Order::default());
        push(&teardown, &seen, "one");
        let (value, left) = teardown
            .around(&CancellationToken::new(), async {
                push(&teardown, &seen, "two");
                7
            })
            .await;
        assert_eq!((value, left.len()), (Some(7), 0));
        drop(teardown.run().await);
        drop(teardown);
        assert_eq!(*seen.lock().unwrap(), ["two", "one"]);
    }

    #[tokio::test]
    async fn cancelling_undoes_what_was_set_up() {
        let (teardown, seen, cancel) = (Teardown::new(), Order::default(), CancellationToken::new());
        let (value, _) = teardown
            .around(&cancel, async {
                push(&teardown, &seen, "one");
                cancel.cancel();
                std::future::pending::<()>().await;
            })
            .await;
        assert_eq!(value, None);
        assert_eq!(*seen.lock().unwrap(), ["one"]);
    }

    #[tokio::test]
    async fn a_panic_undoes_what_was_set_up_and_goes_on() {
        let (teardown, seen) = (Teardown::new(), Order::default());
        push(&teardown, &seen, "one");
        let cancel = CancellationToken::new();
        let work = teardown.around(&cancel, async { std::panic::resume_unwind(Box::new("boom")) });
        let work: Result<(Option<()>, _), _> = AssertUnwindSafe(work).catch_unwind().await;
        assert!(work.is_err());
        assert_eq!(*seen.lock().unwrap(), ["one"]);
    }

    #[tokio::test]
    async fn a_step_that_hangs_or_fails_does_not_keep_the_others_from_their_turn() {
        let (teardown, seen) = (Teardown::new(), Order::default());
        push(&teardown, &seen, "one");
        let fails = async { Err(Error::environment("no")) };
        teardown.push("fail", Duration::from_secs(5), fails, || ());
        let last = seen.clone();
        teardown.push("hang", Duration::from_millis(20), std::future::pending(), move || {
            last.lock().unwrap().push("last resort of hang".to_owned());
        });
        let left = teardown.run().await;
        let left: Vec<_> = left.iter().map(|error| error.what.clone()).collect();
        assert_eq!(left, ["can't hang: not done after 0.02 s", "can't fail"]);
        assert_eq!(*seen.lock().unwrap(), ["last resort of hang", "one"]);
    }

    #[test]
    fn dropped_without_a_run_it_takes_the_last_resorts() {
        let (teardown, seen) = (Teardown::new(), Order::default());
        push(&teardown, &seen, "one");
        teardown.push("boom", Duration::ZERO, std::future::pending(), || {
            std::panic::resume_unwind(Box::new("boom"));
        });
        push(&teardown, &seen, "two");
        drop(teardown);
        assert_eq!(*seen.lock().unwrap(), ["last resort of two", "last resort of one"]);
    }
}
