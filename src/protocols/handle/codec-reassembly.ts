/**
 * Puts messages that came in several packets together: a state machine without a clock and without sockets.
 *
 * Packets may come in any order, twice, and of whatever size their sender likes, as long as there are no more than the longest
 * message has of the usual size. A message is whole when its packets have its length together, and then they must be those
 * from 0 on without a gap. What waits is bounded in messages, in octets and in time; where there is no more room the oldest
 * goes, since a flood of beginnings must not lock all others out.
 */
import type { ByteFault, ByteFaultReason } from '../../platform/byte-fault.js'
import { writeUint32 } from '../../platform/byte-writer.js'
import { decodeEnvelope, ENVELOPE_OCTETS, type Envelope, TRUNCATED } from './codec-envelope.js'
import { PACKET_CONTENT_OCTETS } from './codec-packets.js'

export interface ReassemblyLimits {
  /** Octets of one message, its envelope not counted. */
  readonly maxMessageOctets: number
  /** Messages that wait for packets. */
  readonly maxWaiting: number
  /** Octets that wait in all of them together, what it costs to keep a packet included. */
  readonly maxWaitingOctets: number
  readonly maxWaitMs: number
}

export type Reassembled =
  /** An envelope with sequence number 0 and no mark of several packets, and the whole message behind it. */
  | { readonly kind: 'whole'; readonly message: Buffer }
  | { readonly kind: 'waiting' }
  | ({ readonly kind: 'malformed'; readonly envelope?: Envelope } & ByteFault)

interface Waiting {
  readonly sinceMs: number
  readonly messageOctets: number
  readonly contents: Map<number, Uint8Array>
  octets: number
}

/** An array of octets and its place in a map, beside the octets themselves. */
const KEPT_PACKET_OCTETS = 256
const BITS_AT = 2
const SEQUENCE_AT = 12
const LENGTH_AT = 16
const WAITING: Reassembled = { kind: 'waiting' }

export class Reassembly {
  private readonly limits: ReassemblyLimits
  /** The oldest first. */
  private readonly waiting = new Map<string, Waiting>()
  private cost = 0

  constructor(limits: ReassemblyLimits) {
    this.limits = limits
  }

  get waitingMessages(): number {
    return this.waiting.size
  }

  get waitingOctets(): number {
    return this.cost
  }

  /**
   * @param sender address and port: packets of different senders are never put together
   * @param nowMs of a clock that never goes back
   */
  accept(sender: string, packet: Buffer, nowMs: number): Reassembled {
    const decoded = decodeEnvelope(packet)
    if (!decoded.ok) return { ...decoded, kind: 'malformed' }
    const envelope = decoded.value
    const content = packet.subarray(ENVELOPE_OCTETS)
    const fault = this.packetFault(envelope, content.length)
    if (fault !== undefined) return { kind: 'malformed', envelope, ...fault }
    if (envelope.sequence === 0 && content.length === envelope.messageOctets) {
      return { kind: 'whole', message: withoutMark(packet) }
    }
    this.forgetOld(nowMs)
    return this.add(`${sender} ${envelope.requestId} ${envelope.sessionId}`, { envelope, packet, content, nowMs })
  }

  /** Lets everything go that has waited too long. */
  forgetOld(nowMs: number): void {
    for (const [key, { sinceMs }] of this.waiting) {
      if (nowMs - sinceMs <= this.limits.maxWaitMs) return
      this.forget(key)
    }
  }

  private add(key: string, { envelope, packet, content, nowMs }: Arrival): Reassembled {
    const { messageOctets, sequence } = envelope
    const waiting = this.waiting.get(key) ?? this.begin(key, messageOctets, nowMs)
    if (waiting.messageOctets !== messageOctets) {
      const fault = faultAt(LENGTH_AT, 'bad-value', 'the packets of a message differ in its length')
      return { kind: 'malformed', envelope, ...fault }
    }
    if (waiting.contents.has(sequence)) return WAITING

    // A copy: the packet may lie in a buffer that is used again.
    waiting.contents.set(sequence, new Uint8Array(content))
    waiting.octets += content.length
    this.cost += content.length + KEPT_PACKET_OCTETS
    if (waiting.octets < messageOctets) {
      this.makeRoom(key)
      return WAITING
    }
    this.forget(key)
    return joined(waiting, envelope, packet)
  }

  private begin(key: string, messageOctets: number, nowMs: number): Waiting {
    const waiting = { sinceMs: nowMs, messageOctets, contents: new Map<number, Uint8Array>(), octets: 0 }
    this.waiting.set(key, waiting)
    return waiting
  }

  /** The message that has just grown goes last. */
  private makeRoom(grown: string): void {
    const { maxWaiting, maxWaitingOctets } = this.limits
    for (const key of this.waiting.keys()) {
      if (this.waiting.size <= maxWaiting && this.cost <= maxWaitingOctets) return
      if (key !== grown) this.forget(key)
    }
    if (this.cost > maxWaitingOctets) this.forget(grown)
  }

  private forget(key: string): void {
    const waiting = this.waiting.get(key)
    if (waiting === undefined) return
    this.cost -= waiting.octets + waiting.contents.size * KEPT_PACKET_OCTETS
    this.waiting.delete(key)
  }

  private packetFault({ messageOctets, sequence }: Envelope, octets: number): ByteFault | undefined {
    const { maxMessageOctets } = this.limits
    const packets = Math.ceil(maxMessageOctets / PACKET_CONTENT_OCTETS)
    if (messageOctets > maxMessageOctets)
      return faultAt(LENGTH_AT, 'too-long', `a message may have ${maxMessageOctets} octets, not ${messageOctets}`)
    if (octets > messageOctets)
      return faultAt(LENGTH_AT, 'left-over', `a packet has ${octets} octets of a message of ${messageOctets}`)
    if (octets === 0) return faultAt(LENGTH_AT, 'cut-off', 'a packet has nothing behind its envelope')
    if (sequence >= packets) return faultAt(SEQUENCE_AT, 'too-many', `a message has at most ${packets} packets`)
    return undefined
  }
}

interface Arrival {
  readonly envelope: Envelope
  readonly packet: Buffer
  readonly content: Buffer
  readonly nowMs: number
}

function joined({ contents, octets, messageOctets }: Waiting, envelope: Envelope, packet: Buffer): Reassembled {
  const parts: Uint8Array[] = [packet.subarray(0, ENVELOPE_OCTETS)]
  for (let sequence = 0; contents.has(sequence); sequence++) parts.push(contents.get(sequence)!)
  if (octets !== messageOctets || parts.length !== contents.size + 1) {
    const what = `the packets have ${octets} octets with gaps between them, of a message of ${messageOctets}`
    return { kind: 'malformed', envelope, ...faultAt(SEQUENCE_AT, 'bad-value', what) }
  }
  const message = Buffer.concat(parts)
  message[BITS_AT]! &= ~TRUNCATED
  writeUint32(message, SEQUENCE_AT, 0)
  return { kind: 'whole', message }
}

/** A message in one packet keeps its octets, unless it says that it is one of several. */
function withoutMark(packet: Buffer): Buffer {
  if ((packet[BITS_AT]! & TRUNCATED) === 0) return packet
  const message = Buffer.from(packet)
  message[BITS_AT]! &= ~TRUNCATED
  return message
}

function faultAt(offset: number, reason: ByteFaultReason, what: string): ByteFault {
  return {
    reason,
    offset,
    field: offset === LENGTH_AT ? 'messageLength' : 'sequence',
    message: `${what} (octet ${offset})`,
  }
}
