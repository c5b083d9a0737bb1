/**
 * One structured line per request of the native protocol, as for HTTP: every request that may change something, and a share
 * of the others.
 */
import type { Logger } from '../../platform/logger.js'
import { OP } from './codes.js'
import type { Peer } from './operation.js'

export interface HandleAccessLog {
  /** Whether this one look-up is to be logged. */
  isDrawn(): boolean
  write(entry: AccessEntry): void
}

export interface AccessEntry {
  readonly peer: Pick<Peer, 'transport' | 'address'>
  readonly opCode: number
  readonly responseCode: number
  readonly requestId: number
  readonly tookMs: number
  /** Of a look-up. */
  readonly handle?: string | undefined
  /** `index:handle` of who has proved to have sent it. */
  readonly by?: string | undefined
}

/** @param sample share of look-ups that are logged, 0 to 1 */
export function handleAccessLog(log: Pick<Logger, 'info'>, sample: number): HandleAccessLog {
  return {
    isDrawn: () => sample > 0 && Math.random() < sample,
    write({ peer, opCode, responseCode, requestId, tookMs, handle, by }) {
      log.info('request', {
        transport: `handle-${peer.transport}`,
        op: opCode,
        code: responseCode,
        handle,
        tookMs: Math.round(tookMs * 100) / 100,
        requestId,
        from: peer.address,
        by,
      })
    },
  }
}

/** Asking changes nothing. */
export function isReading(opCode: number): boolean {
  return opCode === OP.resolve || opCode === OP.getSiteInfo || opCode === 0
}
