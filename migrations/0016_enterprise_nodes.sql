-- What probes find of the servers that enterprises have of their own.

-- Per hour and self-built prefix: probes of the one process that counts.
create table node_probe_hour (
  hour timestamptz not null,
  prefix text collate "C" not null,
  probes bigint not null,
  answered bigint not null,
  sum_ms double precision not null, -- of those that were answered
  min_ms double precision,
  min_at timestamptz,
  max_ms double precision,
  max_at timestamptz,
  primary key (hour, prefix)
);

-- Every process probes, and one of them counts: who. lease_until: afterwards another may; given back: when that was.
create table probe_watch (
  single boolean primary key default true check (single),
  holder uuid,
  lease_until timestamptz
);
insert into probe_watch default values;

-- Which of an enterprise's nodes; null: an event of this node.
alter table monitor_event add column prefix text collate "C";
create index monitor_event_prefix on monitor_event (prefix, number) where prefix is not null;
