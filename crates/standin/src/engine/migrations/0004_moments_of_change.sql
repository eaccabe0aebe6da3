-- Since when a tenant has its status, and since when a label is there. Rows from before get the
-- nearest moment that is known of them.

ALTER TABLE tenants ADD COLUMN status_changed_at timestamptz;
UPDATE tenants SET status_changed_at = created_at;
ALTER TABLE tenants
    ALTER COLUMN status_changed_at SET DEFAULT now(),
    ALTER COLUMN status_changed_at SET NOT NULL;

ALTER TABLE template_labels ADD COLUMN created_at timestamptz;
UPDATE template_labels SET created_at = updated_at;
ALTER TABLE template_labels
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN created_at SET NOT NULL;
