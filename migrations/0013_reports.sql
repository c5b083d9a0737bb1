-- What a node counts of its traffic, what it reports upward of that, and what it receives of such reports from others.

-- Per minute: how much happened in each second, and how long it took. Processes add to the rows of each other.
create table load_minute (
  minute timestamptz not null,
  kind smallint not null check (kind in (1, 2)), -- 1 look-ups, 2 registrations
  seconds bigint[] not null check (cardinality(seconds) = 60),
  timed bigint not null,
  sum_ms double precision not null,
  min_ms double precision,
  min_at timestamptz,
  max_ms double precision,
  max_at timestamptz,
  primary key (minute, kind)
);

-- Seconds of each minute in which a process said that it answers; of several, the one that said so most.
create table service_minute (
  minute timestamptz primary key,
  ready_seconds smallint not null check (ready_seconds between 0 and 60)
);

-- Per hour and responsible prefix ('': none of this node's). sources: the most frequent addresses, in bounded room.
create table lookup_hour (
  hour timestamptz not null,
  prefix text collate "C" not null,
  requests bigint not null default 0,
  successes bigint not null default 0,
  sources jsonb not null default '{"total": 0, "error": 0, "counts": []}',
  primary key (hour, prefix)
);

-- The newest batch of counts of each process, so that one whose commit was not heard of is not added twice.
create table traffic_writer (
  id uuid primary key,
  sequence bigint not null,
  at timestamptz not null default clock_timestamp()
);

-- Registered identifiers at the end of a day, carried on from day to day.
create table registered_total (
  through timestamptz not null,
  prefix text collate "C" not null,
  added bigint not null, -- on that day
  registered bigint not null,
  primary key (through, prefix)
);

-- What a day's changes are read by. They cost next to nothing to keep, for rows come in the order of time.
create index identifier_recorded_at on identifier using brin (recorded_at) with (pages_per_range = 32, autosummarize = on);
create index identifier_version_recorded_at on identifier_version using brin (recorded_at)
  with (pages_per_range = 32, autosummarize = on);

-- What only an enterprise itself can say of itself.
create table enterprise_reporting (
  enterprise_id text collate "C" primary key references enterprise (id),
  subject jsonb,
  resolution jsonb,
  applications jsonb,
  version bigint not null default 1,
  changed_at timestamptz not null default clock_timestamp()
);

-- Abnormal and recovered, linked to one another: a recovery names the event that it ends.
create table monitor_event (
  number bigint generated always as identity primary key,
  subject text collate "C" not null, -- 'node', or the id of an enterprise
  state text not null check (state in ('abnormal', 'recovered')),
  ends bigint unique references monitor_event (number),
  at timestamptz not null,
  cause text not null,
  type smallint not null check (type between 1 and 4), -- 1 network, 2 system, 3 attack, 4 other
  noted_at timestamptz not null default clock_timestamp(),
  check ((state = 'recovered') = (ends is not null))
);
create index monitor_event_at on monitor_event (at);

-- One process reports for the whole node: who holds the lease. began_at: from when on reports are owed.
create table report_duty (
  single boolean primary key default true check (single),
  began_at timestamptz,
  holder uuid,
  lease_until timestamptz,
  events_through timestamptz -- the newest minute of service that events were looked for in
);
insert into report_duty default values;

-- Up to where the reports of a table have been produced.
create table report_progress (
  table_name text primary key,
  next_from timestamptz not null
);

-- Periods to be collected anew, as somebody asked.
create table report_request (
  table_name text not null,
  period text collate "C" not null,
  asked_at timestamptz not null default clock_timestamp(),
  primary key (table_name, period)
);

create table report (
  id bigint generated always as identity primary key,
  table_name text not null,
  period text collate "C" not null,
  revision integer not null,
  part integer not null,
  is_last boolean not null,
  period_from timestamptz not null,
  period_to timestamptz not null,
  produced_at timestamptz not null,
  is_complete boolean not null default false, -- all its parts are there
  data_sha256 bytea not null,
  body bytea, -- the document, gzip; null once everybody has it and it can be made anew
  unique (table_name, period, revision, part)
);

create table report_delivery (
  report_id bigint not null references report (id) on delete cascade,
  destination text not null,
  state text not null default 'due' check (state in ('due', 'delivered', 'refused')),
  attempts integer not null default 0,
  delivered_at timestamptz,
  last_problem text,
  primary key (report_id, destination)
);
create index report_delivery_due on report_delivery (destination, report_id) where state = 'due';

-- What was sent when, and what came of it.
create table report_attempt (
  id bigint generated always as identity primary key,
  report_id bigint not null references report (id) on delete cascade,
  destination text not null,
  at timestamptz not null default clock_timestamp(),
  took_ms integer not null,
  outcome text not null check (outcome in ('delivered', 'refused', 'failed')),
  detail text not null default ''
);
create index report_attempt_report on report_attempt (report_id, id);
create index report_attempt_at on report_attempt using brin (at);

-- The receiving side, in the role of a top-level node.
create table received_report (
  id bigint generated always as identity primary key,
  node text collate "C" not null, -- its prefix
  sent_by text not null, -- API key id
  table_name text not null,
  period text collate "C" not null,
  revision integer not null,
  part integer not null,
  is_last boolean not null,
  sha256 bytea not null,
  body bytea not null, -- gzip
  received_at timestamptz not null default clock_timestamp(),
  unique (node, table_name, period, revision, part)
);
create index received_report_table on received_report (table_name, id);
create index received_report_received_at on received_report using brin (received_at);
