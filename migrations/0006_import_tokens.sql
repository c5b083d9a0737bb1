-- The transaction that wrote last for an import: who knows of it knows of all that the import has written, for the chunks of
-- an import follow each other.
alter table import add column last_xid bigint;
