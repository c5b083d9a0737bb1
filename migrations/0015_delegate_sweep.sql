-- Rows of generations before this one are gone; a node's first generation is 1.
alter table delegate add column swept_generation bigint not null default 1;
