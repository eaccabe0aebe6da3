//! Waiting until the target has done what it does by itself after an answer: until then nobody can
//! say what a backup will find.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey},
    },
    model::write::ReplaceKeys,
    site::Handles,
    system::{
        engine::{BatchJobRecord, CallError, Engine},
        objects::{Bucket, Got},
    },
};
use std::time::{Duration, Instant};

/// How often a target is asked.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// How long a target may take to remove an object that a replacement has left behind.
const CLEANED_UP: Duration = Duration::from_secs(30);

/// Waits until a batch job is over. Where its row is written first, its results come a little later.
///
/// # Errors
/// It does not end within this time, or the engine refuses to tell.
pub async fn ended(api: &Engine, job: &str, within: Duration) -> Result<BatchJobRecord, Error> {
    let began = Instant::now();
    loop {
        match api.batch_job(job).await {
            Err(CallError::Refused { status: 410, .. }) if began.elapsed() <= within => {}
            polled => {
                let polled = polled?;
                if polled.is_over() {
                    return Ok(polled);
                }
            }
        }
        if began.elapsed() > within {
            return Err(Error::environment(format!("batch job {job} does not come to an end")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the objects are gone that replacements under new keys have left behind. Where the
/// target keeps its keys there are none, and it says nothing of others.
///
/// # Errors
/// One is still there long after.
pub async fn cleaned_up(
    site: &Handles,
    left_behind: impl Iterator<Item = (&ObjectKey, &AssetName)>,
) -> Result<(), Error> {
    if site.write_order().replace_keys == ReplaceKeys::InPlace {
        return Ok(());
    }
    let began = Instant::now();
    for (key, name) in left_behind {
        gone(&site.objects, key, name, began, CLEANED_UP).await?;
    }
    Ok(())
}

/// Waits until an object is gone, at most so long from then on.
async fn gone(
    objects: &Bucket,
    key: &ObjectKey,
    name: &AssetName,
    began: Instant,
    within: Duration,
) -> Result<(), Error> {
    while objects.get(key).await? != Got::Missing {
        if began.elapsed() > within {
            let left = format!("{name} is still at {key} {} seconds after its replacement", within.as_secs());
            let hint = "`replace-keys: new-key` in `write-order` says that the target removes it";
            return Err(Error::environment(left).hint(hint));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::Metadata;
    use crate::system::{
        engine::ApiKeys,
        objects::{ObjectStore, files::Folders},
    };
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    #[tokio::test]
    async fn an_object_that_stays_is_told_when_its_time_is_over_and_one_that_is_gone_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let store = ObjectStore::Files(Folders::new(root.path()));
        store.create_bucket(&"assets".into()).await.unwrap();
        let (bucket, key) = (store.bucket(&"assets".into()), ObjectKey::from("a.png"));
        let name = AssetName::from("logo.png@1");
        let wait = || gone(&bucket, &key, &name, Instant::now(), Duration::ZERO);
        wait().await.unwrap();
        bucket.put(&key, b"old".to_vec(), &Metadata::default()).await.unwrap();
        let message = wait().await.unwrap_err().to_string();
        assert!(
            message.contains("logo.png@1 is still at a.png") && message.contains("replace-keys"),
            "{message}"
        );
        // One that goes meanwhile is waited for.
        let (waited, removed) =
            tokio::join!(gone(&bucket, &key, &name, Instant::now(), Duration::from_secs(60)), async {
                std::fs::remove_file(root.path().join("assets/a.png"))
            });
        assert!(waited.is_ok() && removed.is_ok());
    }

    #[tokio::test]
    async fn results_that_come_after_the_row_are_waited_for() {
        let server = MockServer::start().await;
        let gone = ResponseTemplate::new(410).set_body_json(json!({"error": "Gone", "message": "gone"}));
        let done = json!({"jobId": "7", "status": "completed", "results": {}});
        Mock::given(any()).respond_with(gone).up_to_n_times(2).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(done)).mount(&server).await;
        let api = Engine::new(&server.uri().parse().unwrap(), &ApiKeys::default());
        let refused = ended(&api, "7", Duration::ZERO).await.unwrap_err().to_string();
        assert!(refused.contains("410"), "{refused}");
        assert!(ended(&api, "7", Duration::from_secs(60)).await.unwrap().results.is_some());
    }
}
