//! What a child wrote: the beginning and the end of it are kept, the middle of long output is
//! counted and dropped.

use crate::base::error::Error;
use crate::base::redact::Redactor;
use crate::base::sync::MutexExt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of one stream is kept: half of it from the beginning, half from the end.
const CAP: usize = 1024 * 1024;

/// Redacted text drops this much on both sides of a cut: a secret split by the cut would no longer
/// be recognised.
const EDGE: usize = 256;

/// One stream of a child's output.
#[derive(Clone, Default)]
pub struct Captured {
    /// For people: redacted, foreign bytes replaced, a note where something was cut.
    pub text: String,
    /// How many bytes were dropped from the middle; 0 when all is here.
    pub cut: u64,
    bytes: Vec<u8>,
}

impl Captured {
    /// What was captured elsewhere: `bytes` as they came, shown as the redactor leaves them.
    pub fn of(bytes: Vec<u8>, redactor: &Redactor) -> Self {
        Self { text: redactor.clean(&String::from_utf8_lossy(&bytes)), cut: 0, bytes }
    }

    /// The bytes as they came, *not* redacted: for parsing, never for showing or storing.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// The last lines of the text, for an error message.
    pub fn tail(&self, lines: usize) -> String {
        tail(&self.text, lines)
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured").field("text", &self.text).field("cut", &self.cut).finish_non_exhaustive()
    }
}

/// The last lines of a text, without the blank ones at its end.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// How many lines of a program's output an error shows.
const LAST_LINES: usize = 15;

/// The error, with the last lines that a program wrote as a cause if it wrote any. `wrote`
/// introduces them: "the server wrote to LOG".
pub fn with_last_lines(error: Error, wrote: &str, output: &str) -> Error {
    match tail(output, LAST_LINES) {
        lines if lines.is_empty() => error,
        lines => error.cause(format!("{wrote}:\n{lines}")),
    }
}

/// Collects a stream while its task runs, and gives what is there when asked.
#[derive(Clone, Default)]
pub(super) struct Collector(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cut: u64,
}

impl Collector {
    /// Reads to the end. A stream that breaks off ends there: the exit code shows the failure.
    pub(super) async fn read(self, mut stream: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            self.0.lock_unpoisoned().add(&chunk[..n]);
        }
    }

    /// What was read until now.
    pub(super) fn so_far(&self, redactor: &Redactor) -> Captured {
        let mut kept = self.0.lock_unpoisoned();
        let head = String::from_utf8_lossy(&kept.head).into_owned();
        let tail = String::from_utf8_lossy(kept.tail.make_contiguous()).into_owned();
        let text = if kept.cut == 0 {
            redactor.clean(&(head + &tail))
        } else {
            let (head, tail) = (redactor.clean(&head), redactor.clean(&tail));
            let before = &head[..head.floor_char_boundary(head.len().saturating_sub(EDGE))];
            let after = &tail[tail.ceil_char_boundary(EDGE.min(tail.len()))..];
            format!("{before}\n[… about {} bytes cut …]\n{after}", kept.cut)
        };
        let bytes = kept.head.iter().chain(&kept.tail).copied().collect();
        Captured { text, cut: kept.cut, bytes }
    }
}

impl Kept {
    fn add(&mut self, chunk: &[u8]) {
        let room = (CAP / 2).saturating_sub(self.head.len()).min(chunk.len());
        let (first, rest) = chunk.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(CAP / 2);
        self.tail.drain(..over);
        self.cut += over as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn captured(bytes: &[u8], redactor: &Redactor) -> Captured {
        let collector = Collector::default();
        collector.clone().read(bytes).await;
        collector.so_far(redactor)
    }

    #[tokio::test]
    async fn short_output_is_kept_whole_and_redacted() {
        let redactor = Redactor::new();
        redactor.add("hunter2-hunter2");
        let got = captured(b"key hunter2-hunter2 \xff", &redactor).await;
        assert_eq!(got.text, "key [redacted] \u{fffd}");
        assert_eq!((got.raw(), got.cut), (&b"key hunter2-hunter2 \xff"[..], 0));
    }

    #[tokio::test]
    async fn long_output_keeps_both_ends_and_says_how_much_went() {
        let mut long = b"first".to_vec();
        long.resize(3 * CAP, b'.');
        long.extend_from_slice(b"last");
        let got = captured(&long, &Redactor::new()).await;
        assert_eq!(got.cut, (long.len() - CAP) as u64);
        assert_eq!(got.raw().len(), CAP);
        assert!(got.text.starts_with("first.") && got.text.ends_with(".last"));
        assert!(got.text.contains(&format!("about {} bytes cut", got.cut)));
    }

    #[tokio::test]
    async fn a_secret_split_by_the_cut_does_not_show_its_half() {
        let redactor = Redactor::new();
        redactor.add("correct-horse-battery");
        let mut long = vec![b'.'; CAP / 2 - 10];
        long.extend_from_slice(b"correct-horse-battery");
        long.resize(2 * CAP, b'.');
        let got = captured(&long, &redactor).await;
        assert!(got.cut > 0 && !got.text.contains("correct"), "half a secret is shown");
    }
}
