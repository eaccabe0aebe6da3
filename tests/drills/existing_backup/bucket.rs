//! A backup in a bucket, which is only read.

use super::site::{BACKUPS, Live, test, with_live};
use pulp_drill::{
    model::{check::CheckId, state::Metadata},
    procedure::{PendingFaults, s3},
    system::gate::Gate,
};
use std::{collections::BTreeSet, fs};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_a_bucket_is_only_read() {
    with_live(true, async |live: &Live| {
        let store = &live.store;
        let custom = live.dump("pulp.dump", &["--format=custom"]);
        let bytes = fs::read(&custom).unwrap();
        live.backups.put(&"dumps/pulp.dump".into(), bytes, &Metadata::default()).await.unwrap();
        live.dump("folder", &["--format=directory"]);
        for entry in fs::read_dir(live.path("folder")).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("dumps/folder/{}", path.file_name().unwrap().to_str().unwrap());
            live.backups.put(&key.into(), fs::read(path).unwrap(), &Metadata::default()).await.unwrap();
        }
        s3::back_up(&live.objects, &live.backups, "assets-1/", &PendingFaults::default()).await.unwrap();
        let examples = tokio::task::block_in_place(|| {
            [("awscli.sh", "aws"), ("rclone.sh", "rclone")].map(|(script, needs)| live.example(script, needs))
        });
        let before = live.backups.inventory("", &Default::default()).await.unwrap();
        let gate = Gate::start(&store.endpoint.parse().unwrap()).await.unwrap();
        let env = [
            ("ORIGIN_AWS_ACCESS_KEY_ID", store.access_key.clone()),
            ("ORIGIN_AWS_SECRET_ACCESS_KEY", store.secret_key.clone()),
            ("ORIGIN_AWS_ENDPOINT_URL", gate.url().to_string()),
        ];
        let (dump, folder) =
            (format!("s3://{BACKUPS}/dumps/pulp.dump"), format!("s3://{BACKUPS}/dumps/folder/"));
        let assets = format!("s3://{BACKUPS}/assets-1");
        let renders = live.renders();
        let own = [(dump.clone(), assets.clone()), (folder, assets)];
        for (dump, assets) in own.iter().chain(examples.iter().flatten()) {
            let good = tokio::task::block_in_place(|| test(dump, assets, &renders, &env));
            let said = format!("{assets}: {}{}", good.actual(), good.said);
            assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{said}");
            assert!(good.checked(CheckId::FailClosed) && good.scenario().renders.known_good > 0);
            assert!(!good.said.contains(&store.secret_key));
        }
        let none = format!("s3://{BACKUPS}/assets-2/");
        let red = tokio::task::block_in_place(|| test(&dump, &none, &renders, &env));
        let found = BTreeSet::from(["restore failed: fetch objects".to_owned()]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{}{}", red.actual(), red.said);
        let methods: BTreeSet<String> =
            gate.seen().iter().map(|seen| seen.request.method.to_string()).collect();
        assert_eq!(methods, BTreeSet::from(["GET".to_owned()]), "the origin was asked for more than reads");
        assert_eq!(
            before,
            live.backups.inventory("", &Default::default()).await.unwrap(),
            "the origin was changed"
        );
    })
    .await;
}
