/** A request as a message: numbers, times and flags around what is asked. */
import { randomBytes } from 'node:crypto'
import type { Body } from '../codec-body.js'
import type { Message } from '../codec-message.js'
import { FLAG, RC, UNKNOWN_SERIAL } from '../codes.js'
import { OWN_VERSION, type Server } from './server.js'

export interface Request {
  readonly opCode: number
  /** The one it is about; also in the path of the HTTP tunnel. */
  readonly handle: string
  readonly body: Body
  readonly flags: number
  /** Asking twice does no harm. */
  readonly isRepeatable: boolean
  /** Servers that have passed it on already. Default 0. */
  readonly recursionCount?: number
  /** Default: twelve hours from now. */
  readonly expiresAtSeconds?: number
}

/** Octets that nobody can guess. */
export type Random = (octets: number) => Uint8Array

export const systemRandom: Random = randomBytes

/** What clients in use set. With `publicOnly` nobody is asked who he is for values that the public can't read. */
export const DEFAULT_FLAGS = FLAG.recursive | FLAG.cacheCertify | FLAG.publicOnly

const LIFETIME_SECONDS = 12 * 3600

export interface Stamps {
  readonly requestId: number
  readonly sessionId: number
  readonly nowMs: number
}

export function requestMessage(request: Request, server: Server, { requestId, sessionId, nowMs }: Stamps): Message {
  return {
    envelope: { version: server.version, suggestedVersion: OWN_VERSION, sessionId, requestId },
    header: {
      opCode: request.opCode,
      responseCode: RC.none,
      opFlags: request.flags >>> 0,
      siteSerial: server.siteSerial,
      recursionCount: request.recursionCount ?? 0,
      expirationSeconds: request.expiresAtSeconds ?? Math.floor(nowMs / 1000) + LIFETIME_SECONDS,
    },
    body: request.body,
  }
}

/** What is not the server's own: it answers with the site's serial whatever the client thinks of it. */
export function withoutSerial(server: Server): Server {
  return { ...server, siteSerial: UNKNOWN_SERIAL }
}

/** Positive as a signed number of 32 bits, since software in use counts so. */
export function randomRequestId(random: Random): number {
  const octets = Buffer.from(random(4))
  return octets.readUInt32BE(0) & 0x7fff_ffff || 1
}
