-- The freshness bounds that processes of this node answer by. Who waits until a write is visible everywhere waits for the
-- largest of them, so a process notes its own here before it begins to answer, and again from time to time.
create table staleness_bound (
  bound_ms integer primary key check (bound_ms > 0),
  noted_at timestamptz not null default clock_timestamp()
);
