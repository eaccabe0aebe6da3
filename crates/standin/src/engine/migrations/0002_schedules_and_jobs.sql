-- Scheduled renders with their history and dead letters, and durable batch jobs.

CREATE TABLE schedules (
    id                uuid PRIMARY KEY,
    tenant_id         text NOT NULL REFERENCES tenants (id),
    name              text NOT NULL,
    enabled           boolean NOT NULL DEFAULT true,
    cron_expression   text NOT NULL,
    timezone          text NOT NULL DEFAULT 'UTC',
    template_key      text NOT NULL,
    template_version  text,
    template_label    text,
    format            text NOT NULL DEFAULT 'pdf' CHECK (format IN ('pdf', 'html')),
    data_source       jsonb NOT NULL,
    delivery_targets  jsonb NOT NULL DEFAULT '[]',
    next_run_at       timestamptz,
    last_run_at       timestamptz,
    run_count         integer NOT NULL DEFAULT 0 CHECK (run_count >= 0),
    created_at        timestamptz NOT NULL DEFAULT now(),
    created_by        text,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK (template_version IS NULL OR template_label IS NULL),
    FOREIGN KEY (tenant_id, template_key) REFERENCES templates (tenant_id, key)
);
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled;

CREATE TABLE schedule_executions (
    id                  bigserial PRIMARY KEY,
    schedule_id         uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    trigger             text NOT NULL CHECK (trigger IN ('cron', 'manual')),
    nominal_at          timestamptz,
    fire_time           timestamptz NOT NULL DEFAULT now(),
    status              text NOT NULL CHECK (status IN ('processing', 'completed', 'failed')),
    attempts            integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    render_duration_ms  integer,
    output_sha256       text,
    last_error          text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
-- A moment of a schedule is executed once, however many dispatchers look at it.
CREATE UNIQUE INDEX schedule_executions_once ON schedule_executions (schedule_id, nominal_at)
    WHERE trigger = 'cron';

CREATE TABLE schedule_dlq (
    id            bigserial PRIMARY KEY,
    schedule_id   uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    execution_id  bigint NOT NULL REFERENCES schedule_executions (id) ON DELETE CASCADE,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'replayed', 'abandoned')),
    error_code    text NOT NULL,
    last_error    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    resolved_at   timestamptz
);

CREATE TABLE batch_jobs (
    id                 uuid PRIMARY KEY,
    tenant_id          text NOT NULL REFERENCES tenants (id),
    status             text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    format             text NOT NULL DEFAULT 'pdf' CHECK (format = 'pdf'),
    items              jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array'),
    webhook_url        text,
    webhook_delivered  boolean NOT NULL DEFAULT false,
    failure_code       text,
    results            jsonb,
    result_key         text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    completed_at       timestamptz,
    expires_at         timestamptz,
    CHECK (results IS NULL OR result_key IS NULL)
);
CREATE INDEX batch_jobs_active ON batch_jobs (created_at) WHERE status IN ('pending', 'processing');
