-- Bulk imports. A job's cursor moves in the same transaction as the rows it speaks of, so an interruption at any moment
-- loses nothing and doubles nothing.
create table import (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
  ordinal bigint not null generated always as identity unique, -- order of creation, for paging
  enterprise_id text collate "C" references enterprise (id), -- null: an administrator's
  created_by text not null, -- API key id
  options jsonb not null, -- as asked for
  state text not null default 'open' check (state in ('open', 'running', 'finished', 'halted')),
  halted_code text, -- why it was halted: an error code and a sentence for people
  halted_reason text,
  header jsonb, -- column names of a CSV or TSV file, once read
  offset_bytes bigint not null default 0, -- end of the last record that is done with
  lines_done bigint not null default 0,
  rows_done bigint not null default 0,
  created_count bigint not null default 0,
  replaced_count bigint not null default 0,
  unchanged_count bigint not null default 0,
  withdrawn_count bigint not null default 0,
  failed_count bigint not null default 0,
  errors_stored bigint not null default 0,
  -- Who uploads at the moment. Past lease_until another upload may take over; the token fences the former one out.
  lease uuid,
  lease_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
create index import_enterprise on import (enterprise_id, ordinal);

-- One row per fault of a row of the file.
create table import_error (
  import_id text collate "C" not null references import (id) on delete cascade,
  row bigint not null, -- data rows, counted from 1
  ordinal integer not null, -- within the row
  line bigint not null, -- of the file, counted from 1
  field text not null,
  reason text not null,
  identifier text not null,
  primary key (import_id, row, ordinal)
);

-- What a dry run would have written so far, so that it finds repeated identifiers too. Emptied when the run ends.
create table import_trial (
  import_id text collate "C" not null references import (id) on delete cascade,
  key text collate "C" not null,
  version bigint not null,
  digest bytea, -- null: would be withdrawn
  primary key (import_id, key)
);
