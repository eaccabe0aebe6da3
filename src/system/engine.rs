//! The door to the engine: its HTTP client, and (`process`) an engine that we start ourselves.
//!
//! It says what the engine answered and judges nothing. The wire format is the one of the official
//! client (`pulp-engine` 0.87.0 on PyPI).

mod answer;
mod calls;
mod process;
mod records;
mod wire;

pub use answer::{Answer, CallError, Unreachable};
pub use process::{EngineProcess, Launch, Start, own_folders};
pub use records::{AssetRecord, Ready, Summary, Template, Upload};
pub use wire::{ApiKeys, Engine};
