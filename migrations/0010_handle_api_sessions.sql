-- Sessions of the Handle HTTP API in which somebody has authenticated. Nothing of value: after a crash they are gone, and
-- clients authenticate again. One that was ended stays until it would have expired, so that the answer that began it begins it once.
create unlogged table handle_api_session (
  id_sha256 bytea primary key,
  handle text not null,
  value_index bigint not null,
  key_sha256 text not null,
  is_ended boolean not null default false,
  begun_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
create index handle_api_session_identity on handle_api_session (handle, value_index, begun_at);
create index handle_api_session_expiry on handle_api_session (expires_at);
