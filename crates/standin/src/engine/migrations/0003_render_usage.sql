-- What was rendered, for rollups. Renders write here and nowhere else.

CREATE TABLE render_usage (
    id                bigserial PRIMARY KEY,
    tenant_id         text NOT NULL REFERENCES tenants (id),
    template_key      text,
    template_version  text,
    format            text NOT NULL,
    source            text NOT NULL CHECK (source IN ('single', 'batch', 'scheduled')),
    size_bytes        bigint NOT NULL CHECK (size_bytes >= 0),
    duration_ms       integer NOT NULL CHECK (duration_ms >= 0),
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX render_usage_by_day ON render_usage (tenant_id, created_at);
