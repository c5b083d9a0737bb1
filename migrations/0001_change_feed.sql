-- The change feed: one row per transaction, written in that transaction. xid says which transactions a snapshot
-- contains; it is not a commit order. A key has its space in front: i: identifier, p: prefix, k: API key.
create table change (
  xid bigint not null default (pg_current_xact_id()::text::bigint),
  keys text[] not null,
  versions bigint[] not null,
  at timestamptz not null default clock_timestamp(),
  check (cardinality(keys) = cardinality(versions))
);
create index change_xid on change (xid);
create index change_at on change using brin (at);

-- Rows below this xid may have been pruned; a follower whose mark lies below it must start anew.
create table change_horizon (
  single boolean primary key default true check (single),
  xid bigint not null
);
insert into change_horizon (xid) values (0);

-- Ordered consumers; pruning never passes one.
create table change_consumer (
  name text primary key,
  xid bigint not null,
  ordinal integer not null,
  moved_at timestamptz not null default clock_timestamp()
);

-- An empty feed has no mark, and without a mark nothing may be cached.
insert into change (keys, versions) values ('{}', '{}');

-- Secrets that every process of the node shares, such as the key of the Redis entries' MAC.
create table node_secret (
  name text primary key,
  secret bytea not null
);
