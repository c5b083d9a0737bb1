-- Whom a key in a handle's record acts for. What an identity of the Handle System writes is written by an API key of its own,
-- so that revocation, suspension and the history hold for it as for every other writer. Nobody knows that key's secret.
create table handle_identity (
  handle text collate "C" not null, -- canonical key of the record
  value_index bigint not null,
  key_sha256 text not null, -- another key at the same place is another identity
  enterprise_id text collate "C" references enterprise (id), -- null: acts for the administrator
  api_key_id text collate "C" not null unique references api_key (id),
  created_at timestamptz not null default clock_timestamp()
);
-- An enterprise's id is never empty. One row each, also after the prefix has changed hands and come back.
create unique index handle_identity_acting on handle_identity (handle, value_index, key_sha256, coalesce(enterprise_id, ''));
