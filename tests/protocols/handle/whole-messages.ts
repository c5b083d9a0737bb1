/** Messages that came in packets, put together; and what a test may take for granted of a message that decodes. */
import { decodeMessage, type Message } from '../../../src/protocols/handle/codec-message.js'
import { Reassembly } from '../../../src/protocols/handle/codec-reassembly.js'
import type { CapturedMessage, Exchange } from '../../support/handle-vectors.js'

const LIMITS = { maxMessageOctets: 262_144, maxWaiting: 10, maxWaitingOctets: 1_000_000, maxWaitMs: 1000 }

export function wholeMessages(captured: readonly CapturedMessage[]): Buffer[] {
  const reassembly = new Reassembly(LIMITS)
  return captured.flatMap(({ name, transport, bytes }) => {
    if (transport !== 'udp') return [bytes]
    const outcome = reassembly.accept('peer', bytes, 0)
    if (outcome.kind === 'malformed') throw new Error(`${name}: ${outcome.message}`)
    return outcome.kind === 'whole' ? [outcome.message] : []
  })
}

export function mustDecode(bytes: Uint8Array): Message {
  const decoded = decodeMessage(bytes)
  if (!decoded.ok) throw new Error(decoded.message)
  return decoded.value
}

export function isEncrypted(bytes: Uint8Array): boolean {
  return (bytes[2]! & 0x40) !== 0
}

export interface Answered {
  readonly name: string
  readonly request: Buffer
  readonly response: Buffer
}

/** Requests and the responses to them that are not encrypted, by their request ids. */
export function answered(exchanges: readonly Exchange[]): Answered[] {
  return exchanges.flatMap(({ name, requests, responses }) => {
    const open = wholeMessages(requests).filter((bytes) => !isEncrypted(bytes))
    return wholeMessages(responses)
      .filter((bytes) => !isEncrypted(bytes))
      .flatMap((response) => {
        const request = open.find((bytes) => bytes.readUInt32BE(8) === response.readUInt32BE(8))
        return request === undefined ? [] : [{ name, request, response }]
      })
  })
}
