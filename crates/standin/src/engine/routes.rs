//! The table of routes. Their handlers are below, one file a resource: a handler reads the request,
//! checks the caller's permission and answers. What background tasks also use is not here.

mod accounts;
mod assets;
mod batches;
mod health;
mod history;
mod labels;
mod renders;
mod schedules;
mod templates;

use super::app::Shared;
use super::failure::{Failure, finish};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post, put};

/// The largest upload, in bytes.
const UPLOAD_LIMIT: usize = 32 * 1024 * 1024;

/// All routes, with the envelope around every failure.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .merge(template_routes())
        .merge(asset_routes())
        .merge(render_routes())
        .merge(schedule_routes())
        .merge(other_routes())
        .fallback(|| async { Failure::not_found("such route") })
        .method_not_allowed_fallback(|| async { Failure::method_not_allowed() })
        .layer(DefaultBodyLimit::max(UPLOAD_LIMIT))
        .layer(axum::middleware::from_fn(finish))
        .with_state(app)
}

/// A collection answers with and without its trailing slash.
fn collection(path: &str, methods: MethodRouter<Shared>) -> Router<Shared> {
    Router::new().route(path, methods.clone()).route(&format!("{path}/"), methods)
}

fn template_routes() -> Router<Shared> {
    let one = get(templates::get).put(templates::update).delete(templates::delete);
    let label = get(labels::get).put(labels::set).delete(labels::delete);
    collection("/templates", get(templates::list).post(templates::create))
        .route("/templates/{key}", one)
        .route("/templates/{key}/validate", post(renders::validate_input))
        .route("/templates/{key}/undelete", post(templates::undelete))
        .route("/templates/{key}/versions", get(templates::versions))
        .route("/templates/{key}/versions/{version}", get(templates::version))
        .route("/templates/{key}/versions/{version}/restore", post(templates::restore))
        .route("/templates/{key}/labels", get(labels::list))
        .route("/templates/{key}/labels/{label}", label)
}

fn asset_routes() -> Router<Shared> {
    collection("/assets", get(assets::list))
        .route("/assets/upload", post(assets::upload))
        // One place in the path, two meanings: the binary by storage key, the asset by id.
        .route("/assets/{name}", get(assets::download).delete(assets::delete))
        .route("/assets/{name}/details", get(assets::details))
        .route("/assets/{name}/content", put(assets::replace))
        .route("/assets/{name}/versions", get(assets::versions))
        .route("/assets/{name}/versions/{version}/restore", post(assets::restore))
}

fn render_routes() -> Router<Shared> {
    collection("/render", post(renders::pdf_by_old_name))
        .route("/render/pdf", post(renders::pdf))
        .route("/render/html", post(renders::html))
        .route("/render/validate", post(renders::validate))
        .route("/render/batch", post(batches::now))
        .route("/render/batch/async", post(batches::submit))
        .route("/render/batch/jobs/{id}", get(batches::poll))
}

fn schedule_routes() -> Router<Shared> {
    let one = get(schedules::get).put(schedules::replace).patch(schedules::patch).delete(schedules::delete);
    collection("/schedules", get(schedules::list).post(schedules::create))
        .route("/schedules/{id}", one)
        .route("/schedules/{id}/trigger", post(schedules::trigger))
        .route("/schedules/{id}/executions", get(history::executions))
        .route("/schedules/{id}/executions/{execution}", get(history::execution))
        .merge(collection("/admin/schedule-dlq", get(history::dead_letters)))
        .route("/admin/schedule-dlq/{id}", get(history::dead_letter))
        .route("/admin/schedule-dlq/{id}/replay", post(history::replay))
        .route("/admin/schedule-dlq/{id}/abandon", post(history::abandon))
}

fn other_routes() -> Router<Shared> {
    collection("/audit-events", get(accounts::audit_events))
        .merge(collection("/admin/tenants", get(accounts::tenants).post(accounts::create_tenant)))
        .route("/admin/tenants/{id}", get(accounts::tenant).patch(accounts::rename_tenant))
        .route("/admin/tenants/{id}/archive", post(accounts::archive_tenant))
        .route("/admin/tenants/{id}/unarchive", post(accounts::unarchive_tenant))
        .merge(collection("/admin/users", get(accounts::users).post(accounts::create_user)))
        .merge(collection("/usage", get(accounts::usage)))
        .route("/health", get(health::alive))
        .route("/health/ready", get(health::ready))
}
