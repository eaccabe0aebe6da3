//! One write through the API: what is sent, what is answered, and what is known of the site then.
//! Sending needs nothing but the engine, so that a write can be in flight while other things happen.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, TemplateKey},
    },
    runbook::seed::wait,
    system::engine::{AssetRecord, Engine, UploadRequest},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A write, ready to be sent.
#[derive(Clone, Debug)]
pub enum Call {
    /// A new asset.
    Upload(UploadRequest),
    /// Another binary for an asset.
    Replace {
        /// The asset.
        name: AssetName,
        /// The engine's id.
        id: String,
        /// The new binary.
        bytes: Vec<u8>,
        /// Its media type.
        media_type: String,
    },
    /// An asset goes, also where templates refer to it.
    Delete {
        /// The asset.
        name: AssetName,
        /// The engine's id.
        id: String,
    },
    /// A batch job of one document.
    Batch {
        /// The template.
        template: TemplateKey,
        /// What it is rendered with.
        data: Value,
    },
}

/// A good answer to it.
#[derive(Clone, Debug)]
pub enum CallAnswer {
    /// The asset as it is now.
    Stored(AssetRecord),
    /// It is gone.
    Deleted,
    /// The job is done.
    Done {
        /// The engine's id.
        job: String,
        /// Its results, as JSON text.
        results: Digest,
    },
}

impl Call {
    /// Sends it and waits for its end.
    pub async fn send(&self, api: &Engine) -> Result<CallAnswer, Error> {
        Ok(match self {
            Self::Upload(upload) => CallAnswer::Stored(api.upload(upload).await?),
            Self::Replace { name, id, bytes, media_type } => {
                CallAnswer::Stored(api.replace(id, name.as_str(), bytes, media_type).await?)
            }
            Self::Delete { id, .. } => {
                api.delete_asset(id, true).await?;
                CallAnswer::Deleted
            }
            Self::Batch { template, data } => {
                let job = submit(api, template, data).await?;
                finished(api, job, template, FINISHED).await?
            }
        })
    }
}

/// How long a job of one document may take.
pub const FINISHED: Duration = Duration::from_secs(60);

/// Submits a batch job. Gives the engine's id.
pub async fn submit(api: &Engine, template: &TemplateKey, data: &Value) -> Result<String, Error> {
    Ok(api.submit_batch(&[batch_item(template, data)]).await?.job_id)
}

/// An item of a batch.
pub fn batch_item(template: &TemplateKey, data: &Value) -> Value {
    json!({ "template": template, "data": data })
}

/// Waits for the good end of a batch job.
pub async fn finished(
    api: &Engine,
    job: String,
    template: &TemplateKey,
    within: Duration,
) -> Result<CallAnswer, Error> {
    let done = wait::ended(api, &job, within).await?;
    let Some(results) = done.results.filter(|_| done.status == "completed") else {
        let why = done.failure_code.unwrap_or(done.status);
        return Err(Error::environment(format!("batch job {job} of {template} failed: {why}")));
    };
    Ok(CallAnswer::Done { job, results: Digest::of(results.to_string()) })
}
