/** What bounds the client. */

export interface ClientLimits {
  /** For all that one call does: finding, referrals, challenges, retries. Default 15 s. */
  readonly timeoutMs: number
  /** For one server, where others are left to ask. Default 5 s. */
  readonly serverTimeoutMs: number
  /** For how long each sending of a datagram is waited for. Default 0.5, 1 and 1.5 s. */
  readonly udpRetryMs: readonly number[]
  /** Of one message. Default 256 KiB, what servers in use send at most. */
  readonly maxMessageOctets: number
  /** Of all messages of one answer, as a list may have many. Default 64 MiB. */
  readonly maxAnswerOctets: number
  /** Referrals and services on the way to one handle. Default 40, as clients in use have it. */
  readonly maxHops: number
  /** Exchanges at once; others wait for their turn. Default 256. */
  readonly maxInFlight: number
  /** Those that wait; more are refused. Default 10,000. */
  readonly maxWaiting: number
  /** On one TCP connection. Default 128. */
  readonly maxPerConnection: number
  /** For how long an idle TCP connection is kept. Default 10 s. */
  readonly idleMs: number
  /** Sites of prefixes that are remembered, and for how long at most. Default 1,000 and 10 minutes. */
  readonly maxKnownSites: number
  readonly maxSiteAgeMs: number
  /** For how long past that they are used by look-ups while whoever told them cannot be asked. Default a day. */
  readonly maxStaleSiteAgeMs: number
  /** Sessions that are kept for further requests. Default 100. */
  readonly maxSessions: number
}

export const DEFAULT_LIMITS: ClientLimits = {
  timeoutMs: 15_000,
  serverTimeoutMs: 5_000,
  udpRetryMs: [500, 1_000, 1_500],
  maxMessageOctets: 256 * 1024,
  maxAnswerOctets: 64 * 2 ** 20,
  maxHops: 40,
  maxInFlight: 256,
  maxWaiting: 10_000,
  maxPerConnection: 128,
  idleMs: 10_000,
  maxKnownSites: 1_000,
  maxSiteAgeMs: 600_000,
  maxStaleSiteAgeMs: 24 * 3_600_000,
  maxSessions: 100,
}
