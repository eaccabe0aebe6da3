//! pg_dump and pg_restore (runbook 2.1 and 3.3).
