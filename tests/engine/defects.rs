//! Each deliberate defect shows, and only where it is meant to.

use crate::site::{Site, definition, launch, png, send, site, site_with};
use clap::ValueEnum as _;
use reqwest::{Method, multipart};
use serde_json::json;
use standin::engine::Defect;
use std::time::{Duration, Instant};

/// An engine with this defect, its picture and template seeded.
async fn seeded(defect: Defect) -> Option<(Site, serde_json::Value)> {
    let site = site_with(&[], &[defect]).await?;
    let asset = site.invoice().await;
    Some((site, asset))
}

/// A run was due while nobody looked.
const DUE: &str = "UPDATE schedules SET next_run_at = now() - interval '1 second' RETURNING name";

/// A schedule; gives its path.
async fn planned(site: &Site) -> String {
    let plan = json!({"name": "n", "cronExpression": "0 3 * * *", "templateKey": "invoice",
                      "dataSource": {"type": "static", "data": {}}});
    let made = site.post("/schedules/", plan).await.ok(201);
    format!("/schedules/{}", made["id"].as_str().expect("id"))
}

/// Whether the defect shows. A match without a default: a new defect needs a proof here.
async fn shows(defect: Defect) -> Option<bool> {
    if defect == Defect::ExitsAtStart {
        return Some(launch(&site().await?.variables, &[defect]).await.is_err());
    }
    let (site, asset) = seeded(defect).await?;
    let lost = || std::fs::remove_file(site.binary(&asset)).expect("lost");
    Some(match defect {
        Defect::FailOpen => {
            lost();
            let answer = site.render("invoice").await;
            answer.status == 200 && answer.bytes.starts_with(b"%PDF") && answer.bytes.ends_with(b"%%EOF")
        }
        Defect::StaleCache => {
            let before = site.render("invoice").await.bytes;
            lost();
            let site = site.restart(&[defect]).await;
            site.render("invoice").await.bytes == before
        }
        Defect::WrongCode => {
            lost();
            let answer = site.render("invoice").await;
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            answer.refusal() == (422, "RENDER_FAILED".into()) && !text.contains("ASSET_BINARY_MISSING")
        }
        Defect::WrongStatus => {
            lost();
            site.render("invoice").await.refusal() == (500, "ASSET_BINARY_MISSING".into())
        }
        Defect::PartialPdf => {
            lost();
            let answer = site.render("invoice").await;
            let mime = answer.headers["content-type"] == "application/pdf";
            answer.status == 422 && mime && answer.bytes.starts_with(b"%PDF")
        }
        Defect::TruncatedPdf => {
            let answer = site.render("invoice").await;
            let end = answer.bytes.windows(5).any(|window| window == b"%%EOF");
            answer.status == 200 && answer.bytes.starts_with(b"%PDF") && !end
        }
        Defect::Nondeterministic => site.render("invoice").await.bytes != site.render("invoice").await.bytes,
        Defect::RefusesPresent => {
            site.render("invoice").await.refusal() == (422, "ASSET_BINARY_MISSING".into())
        }
        Defect::WrongReason => {
            let assets = site.folder.path().join("assets");
            std::fs::rename(&assets, assets.with_extension("away")).expect("outage");
            site.render("invoice").await.refusal() == (422, "ASSET_BINARY_MISSING".into())
        }
        Defect::ForgetsSchedules => {
            planned(&site).await;
            let site = site.restart(&[defect]).await;
            site.sql("SELECT coalesce(next_run_at::text, 'forgotten') FROM schedules").await == ["forgotten"]
        }
        Defect::HidesDeadLetters => {
            lost();
            let path = planned(&site).await;
            site.post(&format!("{path}/trigger"), json!({})).await.ok(202);
            let listed = site.get("/admin/schedule-dlq/").await.ok(200)["total"].clone();
            let site = site.restart(&[defect]).await;
            listed == 1 && site.get("/admin/schedule-dlq/").await.ok(200)["total"] == 0
        }
        Defect::AdmitsArchived => {
            site.post("/admin/tenants/", json!({"id": "quay", "name": "Quay"})).await.ok(201);
            site.post("/admin/tenants/quay/archive", json!({})).await.ok(204);
            let as_quay = |site: &Site| {
                send(site.request(Method::GET, "/templates/").header("x-pulpengine-tenant-id", "quay"))
            };
            let before = as_quay(&site).await.status;
            let site = site.restart(&[defect]).await;
            (before, as_quay(&site).await.status) == (403, 200)
        }
        Defect::SkipsMissedRuns => {
            let path = planned(&site).await;
            let site = site.restart_when(DUE, &[defect]).await;
            let runs = site.get(&format!("{path}/executions")).await.ok(200)["total"].clone();
            runs == 0 && site.sql("SELECT (next_run_at > now())::text FROM schedules").await == ["true"]
        }
        Defect::RepeatsMissedRuns => {
            let path = planned(&site).await;
            let site = site.restart_when(DUE, &[defect]).await;
            let begun = Instant::now();
            while site.get(&format!("{path}/executions")).await.ok(200)["total"] != 2 {
                assert!(begun.elapsed() < Duration::from_secs(20), "it is not made twice");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            true
        }
        Defect::ForgetsUnfinishedJobs => {
            site.sql(
                "INSERT INTO batch_jobs (id, tenant_id, items, created_at)
                 VALUES (gen_random_uuid(), 'default', '[{\"template\": \"invoice\"}]', now() - interval '1 hour')
                 RETURNING id::text",
            )
            .await;
            // An honest engine has given it up when it listens.
            let site = site.restart(&[defect]).await;
            site.sql("SELECT status FROM batch_jobs").await == ["pending"]
        }
        Defect::SwallowsUpload => !site.binary(&asset).exists() && site.render("invoice").await.status == 422,
        Defect::WrongAsset => {
            let alone = site.render("invoice").await.bytes;
            site.upload("other.png", png([0, 200, 0])).await;
            let mixed = site.render("invoice").await;
            mixed.status == 200 && mixed.bytes != alone
        }
        Defect::LiesReady => {
            std::fs::remove_dir_all(site.folder.path().join("assets")).expect("outage");
            site.get("/health/ready").await.status == 200
        }
        Defect::AltersUploads => {
            let (stored, sent) = (std::fs::read(site.binary(&asset)).expect("stored"), png([200, 0, 0]));
            stored.len() == sent.len() && stored != sent
        }
        Defect::LosesTenthUpload => {
            // The seed has one upload.
            for number in 2..=11 {
                site.upload(&format!("{number}.png"), png([number, 0, 0])).await;
            }
            site.get("/assets/").await.ok(200)["total"] == 10
        }
        Defect::ListsFirstPage => {
            for number in 2..=6 {
                site.upload(&format!("{number}.png"), png([number, 0, 0])).await;
            }
            let listed = site.get("/assets/").await.ok(200);
            listed["total"] == 4 && listed["items"].as_array().map(Vec::len) == Some(4)
        }
        Defect::ForgetsAudit => {
            const OLDEST: &str = "SELECT min(id)::text FROM audit_events";
            let before = site.sql(OLDEST).await;
            let site = site.restart(&[defect]).await;
            site.sql(OLDEST).await != before
        }
        Defect::IgnoresDeletes => {
            let path = format!("/assets/{}", asset["id"].as_str().expect("id"));
            site.delete(&format!("{path}?force=true")).await.ok(204);
            site.binary(&asset).exists()
        }
        Defect::TruncatesDownloads => {
            let path = format!("/assets/{}", asset["filename"].as_str().expect("name"));
            let stored = std::fs::read(site.binary(&asset)).expect("stored");
            let rendered = site.render("invoice").await;
            site.get(&path).await.bytes == stored[..stored.len() / 2] && rendered.status == 200
        }
        Defect::ShortensLarge => {
            let large = site.upload("large.bin.png", vec![7; (1 << 20) + 1]).await;
            let path = format!("/assets/{}", large["filename"].as_str().expect("name"));
            site.get(&path).await.bytes.len() == 1 << 20
        }
        Defect::RenamesTemplates => {
            let name = |of: &serde_json::Value| of["name"].as_str().expect("name").to_owned();
            let listed = site.get("/templates/").await.ok(200);
            let own = site.get("/templates/invoice").await.ok(200);
            name(&listed["items"][0]) == format!("{} (copy)", name(&own))
        }
        Defect::UndeletesLater => {
            let path = format!("/assets/{}", asset["id"].as_str().expect("id"));
            site.delete(&format!("{path}?force=true")).await.ok(204);
            let gone = !site.binary(&asset).exists();
            let trash = site.request(Method::DELETE, "/templates/invoice").header("if-match", "\"1.0.0\"");
            send(trash).await.ok(204);
            site.get("/audit-events/").await.ok(200);
            let still_gone = site.get(&format!("{path}/details")).await.status == 404;
            site.get("/audit-events/").await.ok(200);
            let back = site.binary(&asset).exists() && site.render("invoice").await.status == 200;
            gone && still_gone && back
        }
        Defect::ExitsAtStart => unreachable!("no site has it"),
        Defect::OldVersion => {
            let before = site.render("invoice").await.bytes;
            let mut next = definition("invoice", asset["filename"].as_str().expect("name"));
            next["document"]["children"][0]["children"][0]["content"] = json!("Another text");
            site.put("/templates/invoice", Some("\"1.0.0\""), next).await.ok(200);
            let after = site.render("invoice").await;
            after.bytes == before && after.headers["x-pulpengine-resolved-version"] == "1.0.1"
        }
    })
}

#[tokio::test]
async fn every_defect_shows() {
    for defect in Defect::value_variants() {
        match shows(*defect).await {
            Some(shown) => assert!(shown, "{defect:?} does not show"),
            None => return,
        }
    }
}

#[tokio::test]
async fn a_defect_of_the_refusal_leaves_good_renders_alone() {
    let Some((honest, _)) = seeded(Defect::LiesReady).await else { return };
    let good = honest.render("invoice").await;
    assert_eq!(good.status, 200);
    for defect in
        [Defect::FailOpen, Defect::WrongCode, Defect::WrongStatus, Defect::PartialPdf, Defect::WrongReason]
    {
        let Some((site, _)) = seeded(defect).await else { return };
        assert_eq!(site.render("invoice").await.bytes, good.bytes, "{defect:?}");
    }
}

#[tokio::test]
async fn a_stale_cache_serves_what_was_replaced() {
    let Some((site, asset)) = seeded(Defect::StaleCache).await else { return };
    let before = site.render("invoice").await.bytes;
    let part = multipart::Part::bytes(png([9, 9, 9])).file_name("new.png");
    let path = format!("/assets/{}/content", asset["id"].as_str().expect("id"));
    send(site.request(Method::PUT, &path).multipart(multipart::Form::new().part("file", part))).await.ok(200);
    assert_eq!(site.render("invoice").await.bytes, before);
}

#[test]
fn the_page_lists_every_defect() {
    let page = include_str!("../../docs/defects.md");
    for defect in Defect::value_variants() {
        let name = defect.to_possible_value().expect("none is hidden").get_name().to_owned();
        assert!(page.contains(&format!("| `{name}` |")), "docs/defects.md lacks {name}");
    }
}
