-- How far the node above has been told of this node's changes. What it has acknowledged is the cursor of the consumer
-- 'upward' in change_consumer; the rest is here, one row while there is a node above and none otherwise. A record's state
-- follows from these places and its transaction, so that a write costs nothing more.
create table propagation (
  single boolean primary key default true check (single),
  -- The history (system identifier, timeline, database) that the places below are of.
  epoch text not null,
  -- While everything is told anew, in the order of feed keys: how far that is acknowledged. null: it is done.
  walk text collate "C",
  -- What has been sent, acknowledged or not.
  sent_xid bigint not null,
  sent_ordinal integer not null,
  sent_walk text collate "C",
  -- Which process tells. Past lease_until another may; the token fences the former one out.
  lease uuid,
  lease_until timestamptz,
  failing_since timestamptz,
  failure text,
  acknowledged_at timestamptz
);

-- What the node above did not take, by feed key; gone once a later try is taken.
create table propagation_refusal (
  key text collate "C" primary key,
  version bigint not null,
  code text not null,
  reason text not null,
  tries integer not null default 1,
  refused_at timestamptz not null default clock_timestamp(),
  next_try_at timestamptz not null
);
create index propagation_refusal_next_try on propagation_refusal (next_try_at);
