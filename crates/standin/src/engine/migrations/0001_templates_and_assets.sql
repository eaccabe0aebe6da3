-- Tenants, templates with their history and labels, assets with theirs, editors and the audit trail.

CREATE TABLE tenants (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]*$'),
    name        text NOT NULL,
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenants (id, name) VALUES ('default', 'Default');

CREATE TABLE templates (
    id               uuid PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES tenants (id),
    key              text NOT NULL CHECK (key <> ''),
    name             text NOT NULL,
    description      text,
    current_version  text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    deleted_by       text,
    UNIQUE (tenant_id, key)
);

CREATE TABLE template_versions (
    id           bigserial PRIMARY KEY,
    template_id  uuid NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    version      text NOT NULL CHECK (version ~ '^[0-9]+\.[0-9]+\.[0-9]+$'),
    definition   jsonb NOT NULL CHECK (jsonb_typeof(definition) = 'object'),
    change_note  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text,
    UNIQUE (template_id, version)
);
-- Deferred: a template and its first version are written in one transaction, template first.
ALTER TABLE templates ADD CONSTRAINT templates_current_version_exists
    FOREIGN KEY (id, current_version) REFERENCES template_versions (template_id, version)
    DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE template_labels (
    template_id  uuid NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    label        text NOT NULL CHECK (label ~ '^[a-z0-9][a-z0-9._-]*$'),
    version      text NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   text,
    PRIMARY KEY (template_id, label),
    FOREIGN KEY (template_id, version) REFERENCES template_versions (template_id, version)
);

CREATE TABLE assets (
    id             uuid PRIMARY KEY,
    tenant_id      text NOT NULL REFERENCES tenants (id),
    filename       text NOT NULL UNIQUE,
    original_name  text NOT NULL,
    mime_type      text NOT NULL,
    size_bytes     bigint NOT NULL CHECK (size_bytes >= 0),
    content_hash   text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    version        integer NOT NULL DEFAULT 1 CHECK (version > 0),
    folder         text,
    tags           text[] NOT NULL DEFAULT '{}',
    alt_text       text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    updated_by     text
);
CREATE INDEX assets_by_tenant_and_age ON assets (tenant_id, created_at, id);

-- Earlier binaries of an asset; the current one is the row in assets.
CREATE TABLE asset_versions (
    id            bigserial PRIMARY KEY,
    asset_id      uuid NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    version       integer NOT NULL CHECK (version > 0),
    object_key    text NOT NULL UNIQUE,
    mime_type     text NOT NULL,
    size_bytes    bigint NOT NULL CHECK (size_bytes >= 0),
    content_hash  text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text,
    UNIQUE (asset_id, version)
);

CREATE TABLE editor_users (
    id            text PRIMARY KEY,
    tenant_id     text NOT NULL REFERENCES tenants (id),
    display_name  text NOT NULL,
    role          text NOT NULL CHECK (role IN
        ('viewer', 'author', 'editor', 'publisher', 'scheduler', 'auditor', 'admin', 'none')),
    key_hash      text NOT NULL,
    key_hint      text NOT NULL,
    email         text,
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_events (
    id                bigserial PRIMARY KEY,
    tenant_id         text NOT NULL REFERENCES tenants (id),
    "timestamp"       timestamptz NOT NULL DEFAULT now(),
    event             text NOT NULL,
    operation         text NOT NULL,
    resource_type     text,
    resource_id       text,
    actor             text,
    credential_scope  text,
    details           jsonb
);
CREATE INDEX audit_events_by_time ON audit_events (tenant_id, "timestamp");
