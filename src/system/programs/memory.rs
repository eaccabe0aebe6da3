//! The System V shared memory segment that every PostgreSQL server holds for its data directory. A
//! server that is killed leaves it; the next server on that directory removes it, but a directory
//! that is thrown away gets no next server, and the kernel keeps the segment until it restarts.

use nix::libc;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Removes the segment that a killed server has left for this data directory, if it has left one
/// and nobody uses it any more. Whether one is still there and in use by the server's children, who
/// end by themselves when they notice.
pub fn forget_shared_memory(data_dir: &Path) -> bool {
    let lock_file = data_dir.join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&lock_file) else { return false };
    let Ok(owner) = lock_file.metadata().map(|meta| meta.uid()) else { return false };
    // Line 7 holds key and id (`LOCK_FILE_LINE_SHMEM_KEY` in PostgreSQL's `miscadmin.h`).
    let id = text.lines().nth(6).and_then(|line| line.split_ascii_whitespace().nth(1));
    let Some(id) = id.and_then(|id| id.parse::<i32>().ok()) else { return false };
    // SAFETY: shmid_ds is plain data for which all zeroes is a value; shmctl fills what it is given
    // and fails cleanly for an id that names nothing.
    let (status, segment) = unsafe {
        let mut segment: libc::shmid_ds = std::mem::zeroed();
        (libc::shmctl(id, libc::IPC_STAT, &mut segment), segment)
    };
    if status != 0 || segment.shm_perm.uid != owner {
        return false;
    }
    if segment.shm_nattch > 0 {
        return true;
    }
    // SAFETY: removes by id, touches no memory of ours.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    false
}
