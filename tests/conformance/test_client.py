"""Drives a running engine with the official Pulp Engine client: the arbiter of the wire format.

`make conformance` runs it against the stand-in engine (run.py). Against another engine:

    python -m venv .venv && .venv/bin/pip install -r tests/conformance/requirements.txt
    PULP_ENGINE_URL=http://127.0.0.1:3000 PULP_ENGINE_KEY_ADMIN=… .venv/bin/python tests/conformance/test_client.py

Environment:
    PULP_ENGINE_URL         where the engine listens
    PULP_ENGINE_KEY_ADMIN   an admin key; unset where the engine asks for none
    PULP_ENGINE_KEY_RENDER  a render key, to see scopes at work (optional)
    STORAGE_MODE            `file` where the engine has no database, and so no schedules or editors
    ASSET_BINARY_STORE      `filesystem` or `s3`; then
    ASSETS_DIR              the folder of binaries, or
    S3_ENDPOINT, S3_BUCKET, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY  the bucket (path style)

The last three are how the test loses a binary behind the engine's back. It makes templates and
assets of its own, under names that no other run uses, and removes them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import sys
import unittest
import uuid
import zlib

import httpx
import s3
from pulp_engine import AsyncPulpEngineClient, PulpEngineClient, PulpEngineError, paginate

URL = os.environ.get("PULP_ENGINE_URL", "http://127.0.0.1:3000")
ADMIN = os.environ.get("PULP_ENGINE_KEY_ADMIN") or None
RENDER = os.environ.get("PULP_ENGINE_KEY_RENDER") or None
FILES = os.environ.get("STORAGE_MODE") == "file"


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    row = zlib.compress(bytes([0, red, green, blue]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def definition(key: str, filename: str, text: str = "Dear {{customer}}") -> dict:
    nodes = [
        {"id": "t", "type": "text", "content": text},
        {"id": "i", "type": "image", "src": f"/assets/{filename}"},
    ]
    section = {"id": "s", "type": "section", "children": nodes}
    document = {"id": "d", "type": "document", "children": [section]}
    return {"key": key, "version": "1.0.0", "name": "Letter", "inputSchema": {"type": "object"}, "document": document}


def lose(key: str) -> None:
    """Deletes a binary from the store, unseen by the engine."""
    if os.environ.get("ASSET_BINARY_STORE", "filesystem") == "filesystem":
        os.remove(os.path.join(os.environ["ASSETS_DIR"], key))
        return
    s3.request("DELETE", f"/{os.environ['S3_BUCKET']}/{key}")


class Conformance(unittest.TestCase):
    def setUp(self) -> None:
        self.client = PulpEngineClient(base_url=URL, api_key=ADMIN)
        self.addCleanup(self.client.close)
        self.key = f"conformance-{uuid.uuid4().hex[:12]}"

    def refused(self, status: int, code: str | None, call, *args, **kwargs) -> PulpEngineError:
        with self.assertRaises(PulpEngineError) as caught:
            call(*args, **kwargs)
        error = caught.exception
        self.assertEqual(error.status, status, error)
        if code is not None:
            self.assertEqual(error.code, code)
        self.assertTrue(error.request_id)
        return error

    def letter(self) -> tuple:
        """An uploaded picture and a template that shows it, both removed at the end."""
        asset = self.client.assets.upload(png(200, 0, 0), "Logo 1.png", content_type="image/png", tags=["a", "b"])
        self.addCleanup(self.forget, self.client.assets.delete, asset.id, force=True)
        summary = self.client.templates.create(definition(self.key, asset.filename), change_note="first: 100 % new")
        self.addCleanup(self.forget, self.discard)
        return asset, summary

    def discard(self) -> None:
        self.client.templates.delete(self.key, self.client.templates.get(self.key).current_version)
        self.client.templates.purge(self.key)

    @staticmethod
    def forget(call, *args, **kwargs) -> None:
        try:
            call(*args, **kwargs)
        except PulpEngineError as error:
            if error.status != 404:
                raise

    def test_health(self) -> None:
        self.assertEqual(self.client.health.liveness().status, "ok")
        ready = self.client.health.readiness()
        self.assertEqual(ready.status, "ok")
        self.assertEqual(set(ready.checks.values()), {"ok"})

    def test_templates(self) -> None:
        _, summary = self.letter()
        templates = self.client.templates
        self.assertEqual((summary.key, summary.current_version), (self.key, "1.0.0"))
        self.refused(409, "conflict", templates.create, definition(self.key, "x.png"))
        self.assertIn(self.key, [item.key for item in templates.list_all(limit=1)])
        found = templates.get(self.key)
        updated = templates.update(self.key, "1.0.0", {**found.definition, "name": "Other"})
        self.assertEqual((updated.current_version, updated.definition["name"]), ("1.0.1", "Other"))
        self.refused(412, "precondition_failed", templates.update, self.key, "1.0.0", found.definition)
        self.refused(400, None, templates.update, self.key, "no version", found.definition)
        with httpx.Client(headers={"X-Api-Key": ADMIN} if ADMIN else {}) as raw:
            self.assertEqual(raw.put(f"{URL}/templates/{self.key}", json=found.definition).status_code, 428)
            self.assertEqual(raw.get(f"{URL}/templates/{self.key}").headers["etag"], '"1.0.1"')
        self.assertTrue(templates.validate(self.key, {"customer": "A"}).valid)
        wrong = templates.validate(self.key, ["no object"], version="1.0.0")  # type: ignore[arg-type]
        self.assertEqual((wrong.valid, wrong.issues[0].code), (False, "type"))
        restored = templates.restore(self.key, "1.0.0", "1.0.1")
        self.assertEqual((restored.current_version, restored.name), ("1.0.2", "Letter"))
        versions = templates.versions(self.key)
        self.assertEqual([item.version for item in versions.items], ["1.0.2", "1.0.1", "1.0.0"])
        self.assertEqual(versions.items[-1].change_note, "first: 100 % new")
        self.assertEqual(templates.get_version(self.key, "1.0.1").name, "Other")
        self.refused(404, "not_found", templates.get, self.key + "-not")
        error = self.refused(400, "validation_failed", templates.create, {"key": "No Slug"})
        self.assertEqual(error.issues[0].path, "key")
        templates.delete(self.key, "1.0.2")
        self.refused(404, "not_found", templates.get, self.key)
        self.assertEqual(templates.undelete(self.key).key, self.key)

    def test_a_large_template_is_sent_compressed(self) -> None:
        large = definition(self.key, "x.png", text="x" * 200_000)
        self.client.templates.create(large)
        self.addCleanup(self.forget, self.discard)
        self.assertEqual(len(self.client.templates.get(self.key).definition["document"]["children"][0]["children"][0]["content"]), 200_000)

    def test_labels(self) -> None:
        self.letter()
        labels = self.client.labels
        self.assertEqual(labels.set(self.key, "stable", "1.0.0")["version"], "1.0.0")
        self.assertEqual([item["label"] for item in labels.list(self.key)], ["stable"])
        self.assertEqual(labels.get(self.key, "stable").key, self.key)
        result = self.client.render.pdf(self.key, {"customer": "Ada"}, label="stable")
        self.assertEqual(result.resolved_version, "1.0.0")
        self.refused(404, "not_found", labels.set, self.key, "stable", "9.9.9")
        labels.delete(self.key, "stable")
        self.assertEqual(labels.list(self.key), [])

    def test_assets(self) -> None:
        asset, _ = self.letter()
        assets = self.client.assets
        self.assertEqual((asset.original_name, asset.mime_type, asset.version), ("Logo 1.png", "image/png", 1))
        self.assertEqual(asset.content_hash, hashlib.sha256(png(200, 0, 0)).hexdigest())
        self.assertEqual((asset.size_bytes, asset.tags), (len(png(200, 0, 0)), ["a", "b"]))
        self.assertIn(asset.id, [item.id for item in paginate(lambda limit, offset: assets.list(limit=limit, offset=offset))])
        details = assets.get(asset.id)
        self.assertEqual([reference.key for reference in details.referenced_by], [self.key])
        new = {"file": png(0, 0, 9), "filename": "new.png", "content_type": "image/png"}
        self.refused(412, "precondition_failed", assets.replace, asset.id, if_match_version=7, **new)
        replaced = assets.replace(asset.id, if_match_version=1, **new)
        self.assertEqual((replaced.version, replaced.filename), (2, asset.filename))
        self.assertEqual([item.version for item in assets.list_versions(asset.id).items], [2, 1])
        self.assertEqual(assets.restore_version(asset.id, 1).content_hash, asset.content_hash)
        error = self.refused(409, "asset_in_use", assets.delete, asset.id)
        self.assertEqual(error.referenced_by[0]["key"], self.key)
        assets.delete(asset.id, force=True)
        self.refused(404, "not_found", assets.get, asset.id)
        self.refused(422, "ASSET_NOT_FOUND", self.client.render.pdf, self.key, {"customer": "Ada"})

    def test_renders(self) -> None:
        self.letter()
        render = self.client.render
        first = render.pdf(self.key, {"customer": "Ada"})
        self.assertEqual((first.content_type, first.resolved_version), ("application/pdf", "1.0.0"))
        self.assertTrue(first.data.startswith(b"%PDF-") and first.data.rstrip().endswith(b"%%EOF"))
        self.assertEqual(first.filename, f"{self.key}.pdf")
        self.assertEqual(render.pdf(self.key, {"customer": "Ada"}).data, first.data)
        self.assertNotEqual(render.pdf(self.key, {"customer": "Bob"}).data, first.data)
        self.assertIn("Dear Ada", render.html(self.key, {"customer": "Ada"}))
        self.assertEqual(render.validate(self.key, {}), {"valid": True, "issues": []})
        self.refused(404, "not_found", render.pdf, self.key + "-not", {})
        self.refused(404, "not_found", render.pdf, self.key, {}, version="7.7.7")
        self.assertGreater(self.client.usage.rollup({})["total"], 0)

    def test_a_lost_binary_is_refused_by_its_documented_code(self) -> None:
        asset, _ = self.letter()
        self.client.render.pdf(self.key, {"customer": "Ada"})
        lose(asset.filename)
        error = self.refused(422, "ASSET_BINARY_MISSING", self.client.render.pdf, self.key, {"customer": "Ada"})
        self.assertEqual(error.error, "RenderError")
        self.assertEqual((error.issues[0].code, error.issues[0].path), ("ASSET_BINARY_MISSING", asset.filename))
        batch = self.client.batch.pdf([{"template": self.key, "data": {}}])
        self.assertEqual((batch.failed, batch.results[0].error.code), (1, "ASSET_BINARY_MISSING"))

    def test_batch_jobs(self) -> None:
        self.letter()
        items = [{"template": self.key, "data": {"customer": "Ada"}}, {"template": self.key + "-not", "data": {}}]
        accepted = self.client.batch.submit_async(items, "http://127.0.0.1:9/", "secret")
        job = self.client.batch.wait_for_job(accepted.job_id, poll_interval_s=0.05, timeout_s=30)
        self.assertEqual((job.status, job.item_count), ("completed", 2))
        self.assertEqual((job.results.succeeded, job.results.failed), (1, 1))
        self.assertEqual(job.results.results[1].error.code, "not_found")

    @unittest.skipUnless(FILES, "skipped: the engine has a database")
    def test_what_needs_a_database_is_refused(self) -> None:
        self.refused(501, "not_implemented", self.client.schedules.list)
        self.refused(501, "not_implemented", self.client.admin.list_users)
        self.refused(501, "not_implemented", self.client.admin.create_tenant, {"id": "acme", "name": "Acme"})
        self.refused(501, "not_implemented", self.client.admin.schedule_dlq.list)

    @unittest.skipIf(FILES, "skipped: file mode has no schedules")
    def test_schedules(self) -> None:
        self.letter()
        schedules = self.client.schedules
        plan = {
            "name": self.key,
            "cronExpression": "0 3 1 1 *",
            "timezone": "UTC",
            "templateKey": self.key,
            "format": "pdf",
            "dataSource": {"type": "static", "data": {"customer": "Ada"}},
            "deliveryTargets": [],
        }
        made = schedules.create(plan)
        self.addCleanup(self.forget, schedules.delete, made.id)
        self.assertTrue(made.next_fire_at)
        self.assertEqual(schedules.get(made.id), made)
        self.assertEqual([item.id for item in schedules.list(template_key=self.key, enabled=True).items], [made.id])
        self.assertFalse(schedules.patch(made.id, {"enabled": False}).enabled)
        self.assertEqual(schedules.update(made.id, {**plan, "name": "other"}).name, "other")
        execution = schedules.trigger(made.id)
        self.assertEqual((execution.trigger, execution.status), ("manual", "completed"))
        self.assertEqual([item.id for item in schedules.list_executions(made.id).items], [execution.id])
        self.assertEqual(schedules.get_execution(made.id, execution.id), execution)
        self.assertEqual(self.client.admin.schedule_dlq.list({"status": "pending"})["limit"], 50)
        schedules.delete(made.id)
        self.refused(404, "not_found", schedules.get, made.id)

    def test_administration(self) -> None:
        self.letter()
        events = self.client.audit_events.list(resource_id=self.key)
        self.assertEqual([event.event for event in events.items], ["template.create"])
        tenants = self.client.admin.list_tenants()
        self.assertIn("default", [tenant["id"] for tenant in tenants["items"]])
        if not FILES:
            self.assertIsInstance(self.client.admin.list_users(), list)

    @unittest.skipIf(FILES, "skipped: file mode has one tenant")
    def test_tenants(self) -> None:
        admin, tenant = self.client.admin, self.key
        self.assertEqual(admin.create_tenant({"id": tenant, "name": "Acme"})["status"], "active")
        self.assertEqual(admin.update_tenant(tenant, {"name": "Other"})["name"], "Other")
        with PulpEngineClient(base_url=URL, api_key=ADMIN, tenant_id=tenant) as theirs:
            self.assertEqual(theirs.templates.list().total, 0)
            admin.archive_tenant(tenant)
            self.refused(403, "tenant_archived", theirs.templates.list)
            admin.unarchive_tenant(tenant)
            self.assertEqual(theirs.templates.list().total, 0)

    @unittest.skipUnless(ADMIN, "skipped: the engine asks for no keys")
    def test_keys(self) -> None:
        with PulpEngineClient(base_url=URL, api_key="wrong") as nobody:
            self.refused(401, "unauthorized", nobody.templates.list)
            self.assertEqual(nobody.health.liveness().status, "ok")
        if RENDER:
            with PulpEngineClient(base_url=URL, api_key=RENDER) as renderer:
                self.refused(403, "forbidden", renderer.audit_events.list)

    def test_the_asynchronous_client(self) -> None:
        asset, _ = self.letter()

        async def drive() -> None:
            async with AsyncPulpEngineClient(base_url=URL, api_key=ADMIN) as client:
                self.assertEqual((await client.health.readiness()).status, "ok")
                self.assertEqual((await client.templates.get(self.key)).key, self.key)
                keys = [item.key async for item in client.templates.list_all(limit=1)]
                self.assertIn(self.key, keys)
                first = await client.render.pdf(self.key, {"customer": "Ada"})
                self.assertEqual(first.data, self.client.render.pdf(self.key, {"customer": "Ada"}).data)
                self.assertIn("Dear Ada", await client.render.html(self.key, {"customer": "Ada"}))
                await client.labels.set(self.key, "stable", "1.0.0")
                self.assertEqual([item["label"] for item in await client.labels.list(self.key)], ["stable"])
                lose(asset.filename)
                with self.assertRaises(PulpEngineError) as caught:
                    await client.render.pdf(self.key, {"customer": "Ada"})
                self.assertEqual((caught.exception.status, caught.exception.code), (422, "ASSET_BINARY_MISSING"))

        asyncio.run(drive())


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
