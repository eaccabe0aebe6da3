//! Child processes: commands that end by themselves ([`run`]) and servers that are ended
//! ([`Daemon`]). Every child leads a process group of its own, dies with the harness where the
//! system can do that, is written down in the run's folder, and its output is redacted before
//! anybody sees it.
//!
//! It does not know what any program does.

mod isolated;
mod capture;
mod children;
mod command;
mod daemon;
mod ports;
mod progress;
mod run;
mod run_dir;
mod spawn;
mod teardown;
mod user;

pub use capture::{Captured, tail, with_last_lines};
pub use children::{Children, Ended, MARKER, boot_id, end_processes_of, start_ticks};
pub use command::{Command, CommandInput, own_program};
pub use daemon::{Daemon, until};
pub use isolated::{IsolatedOutput, run_isolated};
pub use nix::sys::signal::Signal;
pub use ports::{PORT_TRIES, free_port, listen};
pub use progress::Progress;
pub use run::{Exit, Ran, run};
pub use run_dir::{
    Base, KEEP_FILE, LOCK_FILE, MAKING, OWNER_FILE, Owner, REMOVING, RunDir, free_bytes, remove_run_folder,
};
pub use spawn::on_path;
pub use teardown::Teardown;
pub use user::{User, give_tree, unprivileged};
