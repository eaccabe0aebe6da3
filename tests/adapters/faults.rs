//! Faults in rows on schemas with identity columns, generated columns, triggers and foreign keys.

use crate::postgres::Cluster;
use pulp_drill::runbook::fault::schema::{empty_nulls, leave_dead_rows, rewrite_rows, shift_times};

#[tokio::test(flavor = "multi_thread")]
async fn harmless_changes_are_made_to_any_table_and_change_nothing() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("app").await;
    cluster
        .sql(
            "app",
            "create table owner (id int generated always as identity primary key, name text, changes int default 0,
                 born timestamp default '2020-01-01', later timestamp generated always as (born + '1 day') stored,
                 label text generated always as (nullif(name, 'a')) stored);
             create function count_change() returns trigger language plpgsql as
                 $$ begin new.changes := old.changes + 1; return new; end $$;
             create trigger changed before update on owner for each row execute function count_change();
             create table item (owner int not null references owner, only_generated int generated always as (1) stored);
             create table identities (id int generated always as identity primary key);
             insert into owner (name) values ('a'), (null); insert into item values (1);
             insert into identities default values;",
        )
        .await;
    let content = "select to_jsonb(t) from (select * from owner order by id) t";
    let before = postgres.rows(content, &[]).await.unwrap();
    for table in ["owner", "item", "identities"] {
        for statement in [rewrite_rows(&table.into()), leave_dead_rows(&table.into())] {
            postgres.execute(&statement, &[]).await.unwrap();
        }
    }
    assert_eq!(postgres.rows(content, &[]).await.unwrap(), before);
    // These change something, and no generated column is in their way.
    postgres.execute(&shift_times(&"owner".into()), &[]).await.unwrap();
    postgres.execute(&empty_nulls(&"owner".into()), &[]).await.unwrap();
    assert_ne!(postgres.rows(content, &[]).await.unwrap(), before);
    postgres.close().await;
}
