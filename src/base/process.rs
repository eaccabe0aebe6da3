//! Child processes: unprivileged user, timeout, process group, parent-death signal.
