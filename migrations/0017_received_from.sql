-- How much is kept of the reports of each node, by table, so that it can be bounded without counting it each time.
create table received_from (
  node text collate "C" not null,
  table_name text collate "C" not null,
  documents bigint not null,
  octets bigint not null, -- as they are kept
  primary key (node, table_name)
);
insert into received_from
select node, table_name, count(*), sum(octet_length(body)) from received_report group by node, table_name;

create index received_report_oldest on received_report (node, table_name, id);

create function received_report_counts() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into received_from as held
    select node, table_name, count(*), sum(octet_length(body)) from changed group by node, table_name
    on conflict (node, table_name) do update
      set documents = held.documents + excluded.documents, octets = held.octets + excluded.octets;
  else
    -- In one order, so that two who delete wait for each other in one direction.
    perform from received_from where (node, table_name) in (select node, table_name from changed)
      order by node, table_name for update;
    update received_from held
      set documents = held.documents - gone.documents, octets = held.octets - gone.octets
      from (select node, table_name, count(*) as documents, sum(octet_length(body)) as octets
            from changed group by node, table_name) gone
      where held.node = gone.node and held.table_name = gone.table_name;
  end if;
  return null;
end
$$;
create trigger received_report_inserted after insert on received_report
  referencing new table as changed for each statement execute function received_report_counts();
create trigger received_report_deleted after delete on received_report
  referencing old table as changed for each statement execute function received_report_counts();
