/** SQL that both write statements share, so that they cannot come to differ. */

export const REGISTERED = 1
export const WITHDRAWN = 2

export const INSERT_IDENTIFIER = `insert into identifier (key, version, state, prefix, spelling, template, body, digest, reason, based_on,
    registered_at, recorded_at, recorded_by)`

/**
 * What a row that is there already becomes, if the preconditions hold for it and the content differs.
 * `based_on`: null unconditional; 0 must be absent or withdrawn; -1 must be registered; else the version it must have.
 */
export const ON_CONFLICT = `on conflict (key) do update set
    version = identifier.version + 1,
    state = excluded.state,
    prefix = excluded.prefix,
    spelling = case when excluded.state = ${REGISTERED} then excluded.spelling else identifier.spelling end,
    template = excluded.template,
    body = excluded.body,
    digest = excluded.digest,
    reason = excluded.reason,
    based_on = case when excluded.based_on >= 0 then excluded.based_on end,
    recorded_at = greatest(date_trunc('milliseconds', clock_timestamp()), identifier.recorded_at),
    recorded_by = excluded.recorded_by
  where (excluded.state, excluded.digest) is distinct from (identifier.state, identifier.digest)
    and (excluded.state = ${REGISTERED} or identifier.state = ${REGISTERED})
    and (excluded.based_on is null
      or excluded.based_on = identifier.version
      or (excluded.based_on = 0 and identifier.state = ${WITHDRAWN})
      or (excluded.based_on = -1 and identifier.state = ${REGISTERED}))`

/** Milliseconds of a timestamp, as `Date` counts them. */
export const msOf = (column: string) => `floor(extract(epoch from ${column}) * 1000)::bigint`

/** SQL that bounds the wait for each lock that this transaction asks for from now on; null bounds nothing. */
export const BOUND_WAITING = (timeout: string) =>
  `set_config('lock_timeout', coalesce(${timeout}, current_setting('lock_timeout')), true)`

/** For `BOUND_WAITING`. */
export function lockTimeout(timeoutMs: number | undefined): string | null {
  return timeoutMs === undefined ? null : `${timeoutMs}ms`
}
