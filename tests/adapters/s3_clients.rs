//! Clients that others wrote, `aws` and `rclone`, against the embedded S3 server and, where it is
//! there, MinIO: sync up, sync of changes with deletion, sync down, old versions. What is not
//! installed is skipped, and says so.

use pulp_drill::base::{process::Base, process::RunDir, redact::Redactor};
use pulp_drill::runbook::provision::processes::{ObjectKind, ObjectProgram, ObjectServer};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What the files are called: letters outside ASCII, blanks, signs that addresses give a meaning.
const NAMES: [&str; 7] =
    ["logo.png", "a b+c%20.txt", "größe/日本.pdf", "deep/er/x&y=z?.bin", "q'uote\".txt", "#hash", "zero"];

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A client and the server it speaks to.
struct Client<'a> {
    server: &'a ObjectServer,
    program: &'a str,
    home: &'a Path,
}

impl Client<'_> {
    fn run(&self, args: &[&str]) -> String {
        let ObjectServer { endpoint, access_key, secret_key, region, .. } = self.server;
        let output = Command::new(self.program)
            // rclone 1.60 can not take one; everything here is on loopback and without TLS.
            .env_remove("AWS_CA_BUNDLE")
            .env("HOME", self.home)
            .envs([("AWS_ACCESS_KEY_ID", access_key), ("AWS_SECRET_ACCESS_KEY", secret_key)])
            // Without it botocore waits for `100 Continue` before an empty body too, which servers written
            // in Go or Rust don't send there; it then reads the next answer on that connection amiss.
            .env("BOTO_EXPERIMENTAL__NO_EMPTY_CONTINUE", "true")
            .envs([("AWS_REGION", region), ("AWS_DEFAULT_REGION", region), ("AWS_ENDPOINT_URL", endpoint)])
            .envs([("RCLONE_CONFIG_S_TYPE", "s3"), ("RCLONE_CONFIG_S_PROVIDER", "Minio")])
            .envs([("RCLONE_CONFIG_S_ENV_AUTH", "true"), ("RCLONE_CONFIG_S_ENDPOINT", endpoint.as_str())])
            .env("PYTHONUTF8", "1")
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {args:?}: {said}", self.program);
        String::from_utf8(output.stdout).unwrap()
    }

    fn make(&self, bucket: &str) {
        match self.program {
            "aws" => self.run(&["s3api", "create-bucket", "--bucket", bucket]),
            _ => self.run(&["mkdir", &format!("s:{bucket}")]),
        };
    }

    fn sync(&self, from: &str, to: &str) {
        match self.program {
            "aws" => self.run(&["s3", "sync", "--delete", "--no-progress", from, to]),
            _ => self.run(&["sync", "--checksum", from, to]),
        };
    }

    fn address(&self, bucket: &str) -> String {
        match self.program {
            "aws" => format!("s3://{bucket}"),
            _ => format!("s:{bucket}"),
        }
    }
}

fn there_and_back(client: &Client<'_>) {
    let (up, down) = (client.home.join("up"), client.home.join("down"));
    for name in NAMES {
        write(&up, name, format!("first {name}").as_bytes());
    }
    write(&up, "zero", b"");
    // More than a client sends in one piece.
    write(&up, "big.bin", &(0..5_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    let bucket = format!("by-{}", client.program);
    client.make(&bucket);
    let (local, remote) = (up.display().to_string(), client.address(&bucket));
    client.sync(&local, &remote);
    std::fs::remove_file(up.join("logo.png")).unwrap();
    write(&up, "#hash", b"a second, longer text");
    write(&up, "new", b"new");
    client.sync(&local, &remote);
    std::fs::create_dir(&down).unwrap();
    client.sync(&remote, &down.display().to_string());
    assert_eq!(files(&down), files(&up), "{}", client.program);
}

/// By `aws s3api`: an old version is read, a deleted object comes back, tags are set.
fn versions_by_aws(client: &Client<'_>) {
    let api = |args: &[&str]| client.run(&[&["s3api"], args].concat());
    let file = client.home.join("version").display().to_string();
    client.make("kept");
    api(&["put-bucket-versioning", "--bucket", "kept", "--versioning-configuration", "Status=Enabled"]);
    let mut ids = Vec::new();
    for text in ["first", "second"] {
        std::fs::write(&file, text).unwrap();
        let put =
            api(&["put-object", "--bucket", "kept", "--key", "ü k", "--body", &file, "--query", "VersionId"]);
        ids.push(put.trim().trim_matches('"').to_owned());
    }
    api(&["get-object", "--bucket", "kept", "--key", "ü k", "--version-id", &ids[0], &file]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "first");
    client.run(&["s3", "rm", "s3://kept/ü k"]);
    let marker = api(&["list-object-versions", "--bucket", "kept", "--query", "DeleteMarkers[0].VersionId"]);
    let marker = marker.trim().trim_matches('"').to_owned();
    api(&["delete-object", "--bucket", "kept", "--key", "ü k", "--version-id", &marker]);
    api(&["get-object", "--bucket", "kept", "--key", "ü k", &file]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "second");
    api(&["put-bucket-tagging", "--bucket", "kept", "--tagging", "TagSet=[{Key=site,Value=drill}]"]);
    let tag = api(&["get-bucket-tagging", "--bucket", "kept", "--query", "TagSet[0].Value"]);
    assert_eq!(tag.trim(), "\"drill\"");
}

async fn all_clients(program: &ObjectProgram) {
    let temp = tempfile::tempdir().unwrap();
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "clients", false).unwrap();
    let server = ObjectServer::start(&run_dir, program, &Redactor::new()).await.unwrap();
    for name in ["aws", "rclone"] {
        if Command::new(name).arg("--version").output().is_err() {
            println!("skipped, because {name} is not installed");
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        let client = Client { server: &server, program: name, home: home.path() };
        there_and_back(&client);
        if name == "aws" {
            versions_by_aws(&client);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_agree_with_the_embedded_server() {
    all_clients(&ObjectProgram::embedded(env!("CARGO_BIN_EXE_pulp-drill"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_agree_with_minio() {
    match ObjectProgram::choose(Some(ObjectKind::Minio)).await {
        Ok(program) => all_clients(&program).await,
        Err(error) => println!("skipped, because {error}"),
    }
}
