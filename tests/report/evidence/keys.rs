//! Keys: made once, never overwritten, and those that can't sign are refused before a run begins.

use crate::support::harness::{Sandbox, call, installed};
use pulp_drill::{base::redact::Redactor, evidence::key::SigningKey, run::site_variables::variables};
use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, process::Command};

fn ssh_keygen() -> bool {
    installed("ssh-keygen")
}

#[test]
fn a_new_key_is_private_has_its_public_half_beside_it_and_overwrites_nothing() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("sign");
    let made =
        call(sandbox.command().args(["keys", "new", "--comment", "drills of the ops team"]).arg(&path));
    made.is(0, &[]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let public = fs::read_to_string(sandbox.path("sign.pub")).unwrap();
    assert!(public.starts_with("ssh-ed25519 ") && public.ends_with(" drills of the ops team\n"), "{public}");
    let private = fs::read_to_string(&path).unwrap();
    let key = SigningKey::from_openssh(&private, "x").unwrap();
    assert!(made.out.contains(&key.public().fingerprint()), "{}", made.out);
    assert!(!made.all().contains(private.lines().nth(1).unwrap()), "the key was printed");

    call(sandbox.command().args(["keys", "new"]).arg(&path)).is(2, &["there already", "hint"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), private);
    fs::remove_file(&path).unwrap();
    call(sandbox.command().args(["keys", "new"]).arg(&path)).is(2, &["sign.pub is there already"]);
    assert!(!path.exists());
    let again = call(sandbox.command().args(["keys", "new"]).arg(sandbox.path("second")));
    again.is(0, &[]);
    assert_ne!(fs::read_to_string(sandbox.path("second")).unwrap(), private);
    call(sandbox.command().args(["keys", "new", "--comment", "a\nb"]).arg(sandbox.path("third")))
        .is(2, &["--comment"]);
}

#[test]
fn openssh_reads_our_keys_and_we_read_its() {
    if !ssh_keygen() {
        return;
    }
    let sandbox = Sandbox::new();
    call(sandbox.command().args(["keys", "new"]).arg(sandbox.path("ours"))).is(0, &[]);
    let said = call(Command::new("ssh-keygen").arg("-y").arg("-f").arg(sandbox.path("ours")));
    assert_eq!(said.out.trim(), fs::read_to_string(sandbox.path("ours.pub")).unwrap().trim());

    let make = |name: &str, kind: &str, passphrase: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", kind, "-N", passphrase, "-C", "x@y", "-f"]).arg(sandbox.path(name));
        call(&mut command).is(0, &[]);
        SigningKey::from_openssh(&fs::read_to_string(sandbox.path(name)).unwrap(), "a file")
    };
    let theirs = make("theirs", "ed25519", "").unwrap();
    let said = call(Command::new("ssh-keygen").arg("-l").arg("-f").arg(sandbox.path("theirs")));
    assert!(said.out.contains(&theirs.public().fingerprint()), "{}", said.out);
    let refused = |made: Result<SigningKey, _>| {
        made.err().map(|t: pulp_drill::base::error::Error| t.to_string()).unwrap()
    };
    let locked = refused(make("locked", "ed25519", "a passphrase"));
    assert!(locked.contains("encrypted") && locked.contains("hint"), "{locked}");
    assert!(!refused(make("curve", "ecdsa", "")).is_empty());
}

#[test]
fn a_run_refuses_a_key_that_can_not_sign_before_it_begins() {
    let sandbox = Sandbox::new();
    let bad = sandbox.write(
        "bad",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LXRleHQ=\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    let done = call(sandbox.run(&["scenarios/binary-missing.yaml"]).arg("--sign-key").arg(&bad));
    done.is(2, &["no private key in OpenSSH's format", "keys new"]);
    assert!(!done.all().contains("c2VjcmV0"), "{}", done.all());
    call(sandbox.run(&["scenarios/binary-missing.yaml", "--sign-key", "/nowhere"])).is(2, &["/nowhere"]);
    let text =
        call(sandbox.run(&["scenarios/binary-missing.yaml"]).env("PULP_DRILL_SIGN_KEY", "c2VjcmV0LXRleHQ"));
    text.is(2, &["PULP_DRILL_SIGN_KEY"]);
    assert!(!text.all().contains("c2VjcmV0"), "{}", text.all());
    assert!(!sandbox.path("reports").exists(), "a run was begun");
}

#[test]
fn a_key_may_come_by_a_pipe_and_a_file_of_variables_may_not() {
    let sandbox = Sandbox::new();
    let (read, mut write) = std::io::pipe().unwrap();
    write.write_all(b"no key\n").unwrap();
    drop(write);
    let mut run = sandbox.run(&["scenarios/binary-missing.yaml", "--sign-key", "/dev/stdin"]);
    call(run.stdin(read)).is(2, &["the signing key in /dev/stdin is no private key"]);
    let pipe = sandbox.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let refused = variables(Some(&pipe)).err().unwrap().to_string();
    assert!(refused.contains("no ordinary file"), "{refused}");
}

#[test]
fn every_form_of_the_key_is_masked() {
    let key = super::made::key();
    let text = key.to_openssh().unwrap().as_ref().to_owned();
    let redactor = Redactor::new();
    key.hide(&text, &redactor);
    for line in text.lines().filter(|l| !l.starts_with("-----") && l.len() > 16) {
        assert!(!redactor.clean(&format!("x {line} y")).contains(line), "{line}");
    }
    assert!(!redactor.clean(&"07".repeat(32)).contains("0707"));
    let public = key.public().line().unwrap();
    assert_eq!(redactor.clean(&public), public, "the public half is no secret");
}
