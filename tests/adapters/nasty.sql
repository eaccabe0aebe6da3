-- All that a dump may trip over, for the test that a restored database reads the same.
create schema other;
create type mood as enum ('sad', 'o''k');
create type "Pair" as (a int, "b b" text);
create domain short as varchar(20) default 'd' not null check (value in ('d', 'e', 'it''s'));
create extension if not exists plpgsql;

create table all_types (
    id int, key text, t text, c text collate "C", b bytea, j json, jb jsonb, f float8, f4 float4, n numeric,
    ts timestamp, tz timestamptz, d date, i interval, tm timetz, u uuid, arr text[], arr2 int[][], m mood, p "Pair",
    s short, whole text, ch char(5), bit bit varying, ip inet, r int4range, x xml, bool boolean, mny money,
    dropped int, gen text generated always as (lower(t) || '!') stored,
    primary key (id, key)
);
alter table all_types drop column dropped;
alter table all_types add column "last ""one""" text default 'it''s';
insert into all_types values
    (1, 'a''b', 'Ä "quoted" \back'||E'\n\t\x01', 'c', '\x00ff5c27', '{"a":  1, "a":2, "z":"\u0000"}', '{"b":2,"a":1.10}',
     'NaN', '-0', 'NaN', 'infinity', '2026-03-29 02:30+02', '0044-03-15 BC', '1 year -2 mons +3 days 04:05:06.789',
     '12:00:00.123456+05:30', '00000000-0000-0000-0000-000000000001', '{a,NULL,"b,c","",NULL}', '{{1,2},{3,4}}', 'o''k',
     '(1,"x,y")', 'it''s', 'w', 'ab', B'0101', '10.0.0.0/8', '[1,5)', '<a>&amp;</a>', true, '-12.34'),
    (2, '', '', '', '', 'null', 'null', 0.1, 0.1, 1e400, '-infinity', 'infinity', 'infinity', '0', '00:00+00', null,
     '{}', '{}', null, null, 'd', '', '', '', null, 'empty', null, null, null),
    (3, 'z', null, null, null, null, null, 1e308, 1e-45, '-0.00', null, null, null, null, null, null, null, null, null,
     null, 'e', null, null, null, null, null, null, null, null),
    (4, 'big', repeat('x', 70000), null, null, null, null, null, null, null, null, null, null, null, null, null, null,
     null, null, null, 'd', null, null, null, null, null, null, null, null);

create table twice (a int, b text);
insert into twice values (1, 'x'), (1, 'x'), (1, 'x'), (2, null), (2, '');
create table nothing ();
insert into nothing default values;
insert into nothing default values;

create table "we""ird.one" ("select" int primary key, "Ünï code" text);
insert into "we""ird.one" values (1, 'a'), (2, 'b');
create table other."Assets" (id text primary key);
insert into other."Assets" values ('other');

create table log (at date not null, id int not null, primary key (at, id)) partition by range (at);
create table log_2025 partition of log for values from ('2025-01-01') to ('2026-01-01');
create table log_rest partition of log default;
insert into log values ('2025-02-01', 1), ('2025-02-02', 2), ('2030-01-01', 3);
create index log_id on log (id);

create table ident (id int generated always as identity primary key, v text);
insert into ident overriding system value values (11, 'x');
select setval('ident_id_seq', 11);
create table behind (id serial primary key);
insert into behind values (50);
create sequence down increment -2 start -2;
create table downer (id int default nextval('down') primary key);
insert into downer default values;
create sequence fresh start 7;

create function twice_of(int) returns int language sql immutable as 'select $1 * 2';
create function touch() returns trigger language plpgsql as $$ begin /* $1 ''x'' */ return new; end $$;
create aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0');
create procedure noop(inout a int) language sql as 'select a';

create table child (
    id int primary key, parent int references ident (id) on delete cascade, note varchar(10) not null default 'x',
    status varchar(10) check (status in ('open', 'it''s', 'a,b')), log_at date, log_id int,
    constraint tall check (status = any (array['a'::varchar, 'b'::varchar]) or note <> '(ARRAY['''),
    foreign key (log_at, log_id) references log (at, id),
    exclude using btree (note with =) where (id > 100)
) with (fillfactor = 70);
insert into child values (1, 11, 'n', 'open');
alter table child add constraint late check (id > 0) not valid;
create unique index child_note_idx on child (lower(note) desc, id) include (status) where status in ('open', 'closed');
create trigger touched before update of note on child for each row when (new.status in ('open', 'a')) execute function touch();
create trigger off after insert on child for each statement execute function touch();
alter table child disable trigger off;
create trigger on_log after insert on log for each row execute function touch();
alter table child enable row level security;
alter table child force row level security;
create policy own on child as restrictive for update to public using (status in ('open', 'x')) with check (id > 0);
create rule keep as on delete to twice where old.a = 99 do instead nothing;

create view v as select a.*, c.status from ident a left join child c on c.parent = a.id
    where c.status in ('open', 'closed') or a.v is null;
create view v2 with (security_barrier) as select v.id, count(*) over () as n from v where v.status = any ('{a,b}'::text[]);
create materialized view mv as select id, upper(v) as u from ident;
create unique index on mv (id);
create materialized view mv0 as select status::text from child where status in ('a', 'b') with no data;
create unlogged table quick (id int);
insert into quick values (1);
create table parent_t (a int); create table kid_t (b int) inherits (parent_t);
insert into kid_t values (1, 2); insert into parent_t values (3);

comment on column child.note is 'what it''s about';
create statistics child_notes on note, status from child;
create publication told;
create text search configuration plain (copy = simple);
