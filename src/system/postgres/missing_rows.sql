-- Rows that an index other than a B-tree does not find; `amcheck` has no function for those. Every row is looked
-- up by its own value, by an operator that relates the value to itself: equality, containment, a match of all
-- lexemes. Of a table with more than 1,000 rows, about 1,000 are looked up. The other indexes of the table are
-- marked invalid meanwhile, and what is set and changed is taken back by the exception at the end. Null where
-- nothing is missing, and where no such operator uses the index.
create function pulp_drill_amcheck.all_of(document tsvector) returns tsquery language sql immutable as $$
select string_agg(quote_literal(lexeme), ' & ')::tsquery from unnest(tsvector_to_array(document)) lexeme
$$;
create function pulp_drill_amcheck.missing_rows(i oid) returns text language plpgsql as $$
declare
    of record; key text; test record; found text; lookup text; plan json; setting text; rows bigint; lost bigint;
begin
    select x.indrelid as relid, 'only ' || x.indrelid::regclass as name, c.relname, x.indnkeyatts as keys, x.indclass,
        coalesce(pg_get_expr(x.indpred, x.indrelid), 'true') as predicate,
        case when t.reltuples > 1000 then format(' tablesample bernoulli (%s)', 100000 / t.reltuples) else '' end as part
    into strict of
    from pg_index x join pg_class c on c.oid = i join pg_class t on t.oid = x.indrelid where x.indexrelid = i;
    update pg_index set indisvalid = false where indrelid = of.relid and indexrelid <> i;
    foreach setting in array '{enable_hashjoin,enable_mergejoin,enable_tidscan,enable_material,jit}'::text[] loop
        perform set_config(setting, 'off', true);
    end loop;
    for k in 1..of.keys loop
        key := '(' || pg_get_indexdef(i, k, true) || ')';
        -- Operators by which a value is related to itself, with the other side as an expression of it.
        for test in
            select format('operator(%I.%s)', n.nspname, o.oprname) as operator,
                case when a.amoprighttype = 'tsquery'::regtype then 'pulp_drill_amcheck.all_of(%s)' else '%s' end as of_value
            from pg_opclass c
            join pg_amop a on a.amopfamily = c.opcfamily and a.amoppurpose = 's' and a.amoplefttype = c.opcintype
            join pg_operator o on o.oid = a.amopopr
            join pg_namespace n on n.oid = o.oprnamespace
            where c.oid = of.indclass[k - 1]
              and (a.amoprighttype = c.opcintype
                   or a.amoprighttype = 'tsquery'::regtype and c.opcintype = 'tsvector'::regtype)
            order by o.oprname <> '=', a.amopstrategy
        loop
            perform set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
                set_config('enable_indexonlyscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
            drop table if exists pg_temp.pulp_drill_rows;
            execute format('create temp table pulp_drill_rows as select ctid as place, %s as value from %s%s where (%s) and %s %s %s limit 5000',
                key, of.name, of.part, of.predicate, key, test.operator, format(test.of_value, key));
            get diagnostics rows = row_count;
            continue when rows = 0;
            perform set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true),
                set_config('enable_indexonlyscan', 'on', true), set_config('enable_bitmapscan', 'on', true);
            lookup := format('select count(*) from pg_temp.pulp_drill_rows r where not exists '
                '(select from %s where (%s) and %s %s %s and ctid = r.place)',
                of.name, of.predicate, key, test.operator, format(test.of_value, 'r.value'));
            execute 'explain (format json) ' || lookup into plan;
            continue when strpos(plan::text, '"Index Name": ' || to_json(of.relname)) = 0;
            execute lookup into lost;
            if lost > 0 then
                found := coalesce(found, format('%s of %s rows that were looked up are not found by it', lost, rows));
            end if;
            exit;
        end loop;
    end loop;
    -- Takes back everything that was set.
    raise exception using errcode = 'PD001', message = coalesce(found, '');
exception
    when sqlstate 'PD001' then return nullif(sqlerrm, '');
    when others then return case when sqlstate like 'XX%' then sqlerrm end;
end $$
