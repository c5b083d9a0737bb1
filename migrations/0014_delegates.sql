-- What a top-level node has been told by the nodes below it. A node is known by the enterprise of its API key.
create table delegate (
  enterprise_id text collate "C" primary key references enterprise (id),
  -- History of the node's database; null: it has told nothing yet.
  epoch text,
  -- Counts the histories. What was told in an earlier one counts no more.
  generation bigint not null default 0,
  -- How far it has told: its own transaction, the place of the change within it, and the key while it tells everything anew.
  xid bigint not null default 0,
  ordinal integer not null default 0,
  walk text collate "C",
  -- Changes since the beginning: those that had an effect, those told before, those refused.
  applied_count bigint not null default 0,
  repeated_count bigint not null default 0,
  refused_count bigint not null default 0,
  heard_at timestamptz not null default clock_timestamp()
);

-- The newest version told of each identifier.
create table delegate_identifier (
  enterprise_id text collate "C" not null references delegate (enterprise_id),
  key text collate "C" not null,
  generation bigint not null,
  version bigint not null,
  state smallint not null check (state in (1, 2)), -- 1 registered, 2 withdrawn
  prefix text collate "C" not null,
  template text not null,
  content_sha256 bytea, -- null when withdrawn
  changed_at timestamptz not null, -- as the node says
  primary key (enterprise_id, key)
);

-- The newest version told of each prefix, and how many identifiers below it are registered.
create table delegate_prefix (
  enterprise_id text collate "C" not null references delegate (enterprise_id),
  prefix text collate "C" not null,
  generation bigint not null,
  version bigint not null, -- 0: only identifiers below it were told of
  state text not null check (state in ('active', 'suspended')),
  registered_count bigint not null default 0,
  primary key (enterprise_id, prefix)
);
