//! Adapter to the engine: its HTTP client, and (`process`) an engine that we start ourselves.
//!
//! It reports what the engine answered and judges nothing. The wire format is the one of the official
//! client (`pulp-engine` 0.87.0 on PyPI).

mod answer;
mod calls;
mod process;
mod ready;
mod records;
mod state;
mod wire;

pub use answer::{CallError, HttpAnswer, Unreachable};
pub use process::{EngineProcess, Launch, ProcessStart, own_folders};
pub use ready::Readiness;
pub use records::{
    AcceptedJob, AssetRecord, AuditEvent, BatchJobRecord, DeadLetter, Execution, Label, ReadyAnswer, Summary,
    TemplateRecord, TemplateVersion, Tenant, UploadRequest, UsageLine, media_type,
};
pub use wire::{ApiKeys, Engine};
