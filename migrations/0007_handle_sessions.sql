-- Challenges of the Handle protocols that wait for their answers, and sessions. Any process may take the next step of either.
-- Unlogged: they cost little, and a crash ends them as a pause would; clients then begin anew.
create unlogged table handle_challenge (
  id integer not null, -- the session id that the answer must carry; several may wait within one session
  nonce bytea not null,
  request bytea not null, -- the whole message that was challenged, opened, its envelope included
  address text collate "C" not null, -- of whom was challenged
  expires_at timestamptz not null,
  primary key (id, nonce)
);
create index handle_challenge_address on handle_challenge (address);
create index handle_challenge_expiry on handle_challenge (expires_at);

-- Sessions of the native protocol. Their ids are even, those of challenges outside of a session odd.
create unlogged table handle_session (
  id integer primary key check (id > 0 and id % 2 = 0),
  key bytea not null,
  claimed_handle text not null, -- who set it up, by his own account; '': nobody in particular
  claimed_index bigint not null,
  proven_handle text, -- who has proved to be at the other end; null: nobody yet
  proven_index bigint,
  proven_key text, -- SHA-256 of the key, hexadecimal
  counter bigint not null default -1, -- the highest that a message had
  seen bit(200) not null default repeat('0', 200)::bit(200), -- which of the last 200 came; the rightmost is the highest
  address text collate "C" not null,
  idle_until timestamptz not null,
  expires_at timestamptz not null
) with (fillfactor = 70);
create index handle_session_address on handle_session (address);
