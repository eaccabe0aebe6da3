//! `pulp-drill keys`: makes keys to sign runs with. It never prints a private key and never
//! overwrites a file.

use crate::{
    base::error::{Error, ErrorContext as _},
    evidence::key::SigningKey,
};
use clap::{Args, Subcommand};
use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Arguments of `pulp-drill keys`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Subcommand, Debug)]
pub enum KeysCommand {
    /// Make an ed25519 key in OpenSSH's format, without a passphrase, and PATH.pub beside it
    #[command(after_help = "Example:\n  pulp-drill keys new ~/.config/pulp-drill/sign\n  \
                            pulp-drill run --sign-key ~/.config/pulp-drill/sign")]
    New(NewArgs),
}

/// Where the key goes.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The private key's file; it must not be there
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Whose it is, in the public key
    #[arg(long, default_value = "pulp-drill")]
    pub comment: String,
}

/// Makes a key and gives what to print.
///
/// # Errors
/// Blames the user where a file is there already, the environment where one can't be written.
pub fn run(args: &KeysArgs) -> Result<String, Error> {
    let KeysCommand::New(NewArgs { path, comment }) = &args.command;
    if comment.contains(char::is_control) {
        return Err(Error::usage("--comment must be one line of plain text"));
    }
    let mut public = path.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    if let Some(there) = [path, &public].into_iter().find(|p| fs::symlink_metadata(p).is_ok()) {
        return Err(Error::usage(format!("{} is there already", there.display()))
            .hint("choose another path: a key that is overwritten can't be had back"));
    }
    let key = SigningKey::from_seed(&rand::random(), comment)?;
    let text = key.to_openssh()?;
    write(path, 0o600, text.as_ref())?;
    let line = format!("{} {comment}", key.public().line()?.trim_end());
    write(&public, 0o644, &(line.trim_end().to_owned() + "\n"))?;
    Ok(format!(
        "private key  {}\npublic key   {}\nfingerprint  {}\n",
        path.display(),
        public.display(),
        key.public().fingerprint()
    ))
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let mut options = File::options();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.or_environment(|| format!("can't write {}", path.display()))
}
