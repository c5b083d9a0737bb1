/**
 * The native protocol in HTTP: POST of a message, to whatever path, answered by a message. Both as
 * `application/x-hdl-message`, envelope included. An answer of several messages has them one after the other.
 *
 * What is no message at all is a problem document (protocols/http/problem.ts), as everywhere in HTTP.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { HandleMeter } from '../../observability/handle-meter.js'
import { uint32At } from '../../platform/byte-reader.js'
import { NodeError } from '../../platform/errors.js'
import { readyStart, sendReady } from '../http/ready-response.js'
import { type EarlyAnswer, type EarlyReport, KEEP_ALIVE_SECONDS } from '../http/server.js'
import type { HandleAccessLog } from './access-log.js'
import type { Answering } from './answering.js'
import type { AnswersAtHand, Output } from './at-hand.js'
import { ENVELOPE_OCTETS } from './codec-envelope.js'
import { OP } from './codes.js'
import { MAX_MESSAGE_OCTETS } from './limits.js'
import type { Peer } from './operation.js'

export interface TunnelOptions {
  readonly atHand: AnswersAtHand
  readonly answering: Answering
  readonly meter: HandleMeter
  readonly access: HandleAccessLog
}

export const MESSAGE_TYPE = 'application/x-hdl-message'

const OUTPUT_OCTETS = 64 * 1024
const MAX_BODY_OCTETS = ENVELOPE_OCTETS + MAX_MESSAGE_OCTETS
const REQUEST_ID_AT = 8

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly report: EarlyReport
}

/** Takes what is such a message, and leaves all else to other doors. */
export function tunnel(options: TunnelOptions): EarlyAnswer {
  const { atHand, access, meter } = options
  const output: Output = { out: Buffer.allocUnsafeSlow(OUTPUT_OCTETS), at: 0 }

  function answerTo(octets: Buffer, exchange: Exchange): void {
    output.at = 0
    atHand.begin(exchange.report.sourceOf(exchange.request))
    const end = atHand.write(octets, { start: 0, end: octets.length }, output)
    if (end < 0) {
      void answerElsewhere(octets, exchange, options)
      return
    }
    const { responseCode } = atHand
    meter.answered('http', OP.resolve, responseCode)
    sendMessages(exchange, output.out.subarray(0, end))
    if (!access.isDrawn()) return
    const { handle } = atHand
    const requestId = uint32At(octets, REQUEST_ID_AT)
    access.write({ peer: peerOf(exchange.request), opCode: OP.resolve, responseCode, requestId, tookMs: 0, handle })
  }

  return (request, response, report) => {
    if (request.method !== 'POST' || !isMessage(request.headers['content-type'])) return false
    const exchange = { request, response, report }
    readWhole(exchange, (octets) => answerTo(octets, exchange))
    return true
  }
}

function isMessage(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType.length < MESSAGE_TYPE.length) return false
  return contentType === MESSAGE_TYPE || contentType.split(';', 1)[0]!.trim().toLowerCase() === MESSAGE_TYPE
}

/** The time that a body may take is bounded for every request (body-deadline.ts). */
function readWhole(exchange: Exchange, take: (octets: Buffer) => void): void {
  const { request } = exchange
  const pieces: Buffer[] = []
  let octets = 0
  request.on('data', (piece: Buffer) => {
    octets += piece.length
    if (octets <= MAX_BODY_OCTETS) pieces.push(piece)
    else pieces.length = 0
  })
  request.on('end', () => {
    if (exchange.response.headersSent) return
    if (octets > MAX_BODY_OCTETS) refuse(exchange, tooLong())
    else take(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
  })
}

async function answerElsewhere(octets: Buffer, exchange: Exchange, { answering }: TunnelOptions): Promise<void> {
  const messages: Buffer[] = []
  const outcome = await answering.answer(octets, peerOf(exchange.request), (message) => messages.push(message))
  if (exchange.response.headersSent || exchange.response.destroyed) return
  if (outcome === 'answered') sendMessages(exchange, Buffer.concat(messages))
  else refuse(exchange, noRequest(outcome))
}

/** As one string in one write, where the connection allows: ready-response.ts says why. */
function sendMessages({ request, response, report }: Exchange, octets: Buffer): void {
  const start = startFor(octets.length)
  const isPlain = request.headers['x-request-id'] === undefined
  const body = octets.toString('latin1')
  if (!isPlain || !sendReady(response, { start, body }, KEEP_ALIVE_SECONDS)) {
    response.writeHead(200, { 'Content-Type': MESSAGE_TYPE, 'Content-Length': octets.length })
    response.end(body, 'latin1')
  }
  report.observe(200)
}

const MAX_STARTS = 4_096
const starts = new Map<number, string>()

function startFor(octets: number): string {
  const known = starts.get(octets)
  if (known !== undefined) return known
  if (starts.size >= MAX_STARTS) starts.clear()
  const made = readyStart(['Content-Type', MESSAGE_TYPE, 'Content-Length', String(octets), 'Cache-Control', 'no-store'])
  starts.set(octets, made)
  return made
}

function refuse({ request, response, report }: Exchange, error: NodeError): void {
  report.refuse({ request, response }, error)
}

function peerOf({ socket }: IncomingMessage): Peer {
  const isSecure = (socket as Partial<TLSSocket>).encrypted === true
  return { transport: 'http', isSecure, address: socket.remoteAddress ?? '' }
}

function tooLong(): NodeError {
  return new NodeError('too-large', `A message of the Handle protocol has at most ${MAX_BODY_OCTETS} octets.`)
}

function noRequest(outcome: 'response' | 'unreadable'): NodeError {
  const what =
    outcome === 'response'
      ? 'The message is a response (its response code is not 0): send a request.'
      : 'The body is no message of the Handle protocol: it begins with an envelope of 20 octets.'
  return new NodeError('request-malformed', what)
}
