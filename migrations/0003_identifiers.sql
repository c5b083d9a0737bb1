-- The newest version of every identifier, withdrawn ones included. Rows are never deleted.
create table identifier (
  key text collate "C" primary key,
  version bigint not null,
  state smallint not null check (state in (1, 2)), -- 1 registered, 2 withdrawn
  prefix text collate "C" not null,
  spelling text, -- null: same as key
  template text not null,
  body bytea, -- the values (proto/record.proto StoredValues); null when withdrawn
  digest bytea, -- SHA-256 over template and values without their timestamps; null when withdrawn
  reason text, -- of a withdrawal
  based_on bigint, -- the version the writer had seen (0: none); null: unconditional
  registered_at timestamptz not null,
  recorded_at timestamptz not null,
  recorded_by text not null -- API key id
);

-- Versions before the newest.
create table identifier_version (
  key text collate "C" not null,
  version bigint not null,
  state smallint not null,
  prefix text collate "C" not null,
  spelling text,
  template text not null,
  body bytea,
  digest bytea,
  reason text,
  based_on bigint,
  registered_at timestamptz not null,
  recorded_at timestamptz not null,
  recorded_by text not null,
  primary key (key, version)
);

-- A trigger, so that no path of writing can forget the history.
create function keep_identifier_version() returns trigger language plpgsql as $$
begin
  if new.version <> old.version + 1 then
    raise exception 'version of % must go from % to %, not %', old.key, old.version, old.version + 1, new.version;
  end if;
  insert into identifier_version values (old.*);
  return new;
end
$$;
create trigger identifier_keeps_versions before update on identifier
  for each row execute function keep_identifier_version();

-- Receipts by idempotency key, so that a retry gives the same answer.
create table idempotency (
  api_key_id text collate "C" not null,
  idempotency_key text collate "C" not null,
  request_sha256 bytea not null,
  receipt jsonb, -- null only inside the transaction that writes it
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (api_key_id, idempotency_key)
);
create index idempotency_recorded_at on idempotency using brin (recorded_at);
