//! A program that foreign bytes may break: it gets them, gives its answer, and whatever becomes of it
//! harms nobody else. Nothing is written to disk.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsolatedOutput {
    /// It ended well and wrote this.
    Said(Vec<u8>),
    /// It could not be started, broke, or said more than it may.
    Broke,
    /// It took too long and was killed.
    TookTooLong,
}

/// Runs a program with input on stdin and waits for what it writes to stdout, `most` bytes at most.
/// It inherits no variable of the environment.
pub fn run_isolated(
    program: &Path,
    args: &[&str],
    input: Vec<u8>,
    most: u64,
    patience: Duration,
) -> IsolatedOutput {
    let mut command = Command::new(program);
    command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return IsolatedOutput::Broke };
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return IsolatedOutput::Broke;
    };
    // One that ends early takes no more: that is seen in how it ended.
    let fed = thread::spawn(move || drop(stdin.write_all(&input)));
    let (sender, receiver) = mpsc::channel();
    let read = thread::spawn(move || {
        let mut said = Vec::new();
        let whole = stdout.take(most + 1).read_to_end(&mut said).is_ok() && said.len() as u64 <= most;
        // Nobody listens once patience has run out.
        let _ = sender.send(whole.then_some(said));
    });
    let said = receiver.recv_timeout(patience);
    if !matches!(said, Ok(Some(_))) {
        // One that has ended can't be killed.
        let _ = child.kill();
    }
    let well = child.wait().is_ok_and(|status| status.success());
    // Both end with the pipes; their input is already complete.
    let _ = (fed.join(), read.join());
    match said {
        Ok(Some(said)) if well => IsolatedOutput::Said(said),
        Err(mpsc::RecvTimeoutError::Timeout) => IsolatedOutput::TookTooLong,
        Ok(_) | Err(mpsc::RecvTimeoutError::Disconnected) => IsolatedOutput::Broke,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, most: u64, patience: Duration) -> IsolatedOutput {
        run_isolated(Path::new("/bin/sh"), &["-c", script], b"PDF".to_vec(), most, patience)
    }

    #[test]
    fn it_gets_its_input_and_nothing_of_the_environment() {
        let long = Duration::from_secs(60);
        assert_eq!(sh("cat; echo ${HOME:-nobody}", 64, long), IsolatedOutput::Said(b"PDFnobody\n".to_vec()));
    }

    #[test]
    fn whatever_becomes_of_it_is_told() {
        let long = Duration::from_secs(60);
        assert_eq!(sh("echo half; exit 3", 64, long), IsolatedOutput::Broke);
        assert_eq!(sh("kill -ABRT $$", 64, long), IsolatedOutput::Broke);
        assert_eq!(sh("yes", 1000, long), IsolatedOutput::Broke);
        assert_eq!(sh("exec sleep 600", 64, Duration::from_millis(50)), IsolatedOutput::TookTooLong);
        let none = run_isolated(Path::new("/nonexistent"), &[], Vec::new(), 1, long);
        assert_eq!(none, IsolatedOutput::Broke);
    }
}
