-- Who answers for what lies below a prefix: this node, or a server of the holder's own, at its sites (octets of HS_SITE) or
-- wherever the record of a handle says.
alter table prefix
  add column service text not null default 'hosted' check (service in ('hosted', 'self-built')),
  add column sites bytea[] not null default '{}',
  add column service_handle text not null default '',
  add constraint prefix_service_is_somewhere
    check ((service = 'self-built') = (service_handle <> '' or cardinality(sites) > 0)),
  -- The change of node_site that the prefix's record, 0.NA/<prefix>, was last written by; 0: none yet.
  add column recorded_site bigint not null default 0;

-- Where this node itself is reached, as the records of prefixes say it. One row from the first start on.
create table node_site (
  single boolean primary key default true check (single),
  change bigint not null, -- 1, 2, 3, …
  serial integer not null check (serial between 1 and 65534), -- of HS_SITE; 65535 means there that it isn't known
  sites bytea[] not null -- HS_SITE; empty: no server of the Handle System
);
