//! The one tenant, the audit trail on disk, usage in memory.

use super::{FileRows, TENANT, cut};
use crate::engine::failure::Failure;
use crate::engine::rows::{EventFilter, Records, Usage, Window};
use async_trait::async_trait;
use serde_json::{Value, json};

#[async_trait]
impl Records for FileRows {
    async fn tenant_status(&self, tenant: &str) -> Result<Option<String>, Failure> {
        Ok((tenant == TENANT).then(|| "active".to_owned()))
    }

    async fn tenants(&self, window: Window) -> Result<Value, Failure> {
        Ok(cut(vec![the_tenant()], window))
    }

    async fn tenant(&self, id: &str) -> Result<Option<Value>, Failure> {
        Ok((id == TENANT).then(the_tenant))
    }

    async fn audit_events(
        &self,
        _tenant: &str,
        filter: EventFilter,
        window: Window,
    ) -> Result<Value, Failure> {
        let same = |wanted: &Option<String>, there: &String| wanted.as_ref().is_none_or(|w| w == there);
        let mut events = self.library.events()?;
        events.retain(|event| {
            same(&filter.event, &event.event)
                && same(&filter.operation, &event.operation)
                && same(&filter.resource_type, &event.resource_type)
                && same(&filter.resource_id, &event.resource_id)
        });
        Ok(cut(events.iter().rev().map(|event| json!(event)).collect(), window))
    }

    async fn usage(&self, _tenant: &str, window: Window) -> Result<Value, Failure> {
        let counts = self.usage.lock().await;
        let show = |((key, format, source), (renders, bytes)): (
            &(Option<String>, &str, &str),
            &(u64, usize),
        )| {
            json!({"templateKey": key, "format": format, "source": source, "renders": renders, "bytes": bytes})
        };
        Ok(cut(counts.iter().map(show).collect(), window))
    }

    async fn count_render(&self, usage: &Usage<'_>) -> Result<(), Failure> {
        let key = (usage.template_key.map(str::to_owned), usage.format, usage.source);
        let mut counts = self.usage.lock().await;
        let (renders, bytes) = counts.entry(key).or_default();
        *renders += 1;
        *bytes += usage.size_bytes;
        Ok(())
    }
}

fn the_tenant() -> Value {
    json!({"id": TENANT, "name": "Default", "status": "active"})
}
