//! An embedded S3 server for a test.

use pulp_drill::base::ids::BucketName;
use pulp_drill::system::objects::{Bucket, ObjectStore, S3Access};
use standin::objects::{EmbeddedStore, Keys, ObjectsArgs, bind};

pub struct TestStore {
    pub access: S3Access,
    pub store: ObjectStore,
    _running: EmbeddedStore,
    _dir: tempfile::TempDir,
}

pub async fn start() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys { access_key_id: "test-key".to_owned(), secret_access_key: "test-secret".to_owned() };
    let running = bind(ObjectsArgs {
        dir: dir.path().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        region: "eu-central-1".to_owned(),
        keys,
    });
    let running = running.await.unwrap();
    let access = S3Access {
        endpoint: format!("http://{}", running.address()),
        region: "eu-central-1".to_owned(),
        access_key: "test-key".to_owned(),
        secret_key: "test-secret".to_owned(),
        path_style: true,
    };
    TestStore { store: ObjectStore::s3(&access), access, _running: running, _dir: dir }
}

impl TestStore {
    pub async fn bucket(&self, name: &str) -> Bucket {
        let name = BucketName::from(name);
        self.store.create_bucket(&name).await.unwrap();
        self.store.bucket(&name)
    }
}
