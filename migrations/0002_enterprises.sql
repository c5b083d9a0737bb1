create table enterprise (
  id text collate "C" primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
  name text not null,
  state text not null default 'active' check (state in ('active', 'suspended')),
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp()
);

-- A prefix this node is responsible for. Without an enterprise it is the node's own.
create table prefix (
  name text collate "C" primary key,
  enterprise_id text collate "C" references enterprise (id),
  state text not null default 'active' check (state in ('active', 'suspended')),
  -- The state of its enterprise, copied here: a writer's lock on this one row then also holds off a suspension of the enterprise.
  holder_state text not null default 'active' check (holder_state in ('active', 'suspended')),
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp()
);
create index prefix_enterprise on prefix (enterprise_id, name);

-- Without an enterprise it is an administrator's key. The secret itself is never stored.
create table api_key (
  id text collate "C" primary key,
  enterprise_id text collate "C" references enterprise (id),
  secret_sha256 bytea not null,
  scopes text[] not null,
  prefixes text[],
  label text not null default '',
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz
);
create index api_key_enterprise on api_key (enterprise_id, id);
