/**
 * The native protocol over UDP. A look-up at hand is answered within the event that brought it; everything else goes the long
 * way. A datagram that is a response, or could be one, is never answered.
 *
 * To whom one cannot see, an answer has at most four packets. A longer one is begun and cut off: its first packet is sent, with
 * the mark of a message in several packets, which this server sets in no other. Software in use waits for the rest, and then
 * asks over TCP; whoever knows the mark asks there at once.
 */

import type { RemoteInfo, Socket } from 'node:dgram'
import type { DatagramDrop, HandleMeter } from '../../observability/handle-meter.js'
import { uint32At } from '../../platform/byte-reader.js'
import { writeUint32 } from '../../platform/byte-writer.js'
import type { Clock } from '../../platform/clock.js'
import { resumeReading, sendToAddressesOnly } from '../../platform/datagram-reading.js'
import { plainAddress } from '../http/client-address.js'
import type { HandleAccessLog } from './access-log.js'
import type { Answering } from './answering.js'
import type { AnswersAtHand, Output } from './at-hand.js'
import { ENCRYPTED, ENVELOPE_OCTETS, TRUNCATED } from './codec-envelope.js'
import { HEADER_OCTETS } from './codec-header.js'
import { PACKET_CONTENT_OCTETS, PACKET_OCTETS, packetsOf } from './codec-packets.js'
import { Reassembly } from './codec-reassembly.js'
import { OP, RC } from './codes.js'
import { MAX_MESSAGE_OCTETS } from './limits.js'
import type { SourceLimit } from './source-limit.js'

export interface UdpOptions {
  readonly atHand: AnswersAtHand
  readonly answering: Answering
  readonly limit: SourceLimit
  readonly clock: Clock
  readonly meter: HandleMeter
  readonly access: HandleAccessLog
  /** Where several processes read the same socket: takes a packet that is another one's to put together. */
  readonly passOn?: ((packet: StrayPacket) => boolean) | undefined
}

/** One of several packets, for the process that puts them together. */
export interface StrayPacket {
  readonly octets: Uint8Array
  readonly address: string
  readonly port: number
  /** Which of the sockets it came by, from 0. */
  readonly socket: number
  /** The same for all packets of a message. */
  readonly hash: number
}

interface Source {
  readonly address: string
  readonly port: number
}

const MAX_PACKETS_TO_STRANGERS = 4
const MAX_UNDER_WAY = 4_096
const OUTPUT_OCTETS = 64 * 1024
const BITS_AT = 2
const SEQUENCE_AT = 12
const LENGTH_AT = 16
const RESPONSE_CODE_AT = ENVELOPE_OCTETS + 4
const REASSEMBLY_LIMITS = {
  maxMessageOctets: MAX_MESSAGE_OCTETS,
  maxWaiting: 1_024,
  maxWaitingOctets: 8 * 1024 * 1024,
  // Clients send all packets at once, and again after half a second.
  maxWaitMs: 3_000,
}

export class UdpDoor {
  private readonly options: UdpOptions
  private readonly sockets: Socket[] = []
  private readonly reassembly = new Reassembly(REASSEMBLY_LIMITS)
  private readonly output: Output = { out: Buffer.allocUnsafeSlow(OUTPUT_OCTETS), at: 0 }
  private readonly span = { start: 0, end: 0 }
  private underWay = 0
  private whenIdle: (() => void) | undefined

  constructor(options: UdpOptions) {
    this.options = options
  }

  /** Reads from a socket that is bound. */
  take(socket: Socket): void {
    const place = this.sockets.push(socket) - 1
    sendToAddressesOnly(socket)
    socket.on('message', (octets, source) => this.arrived(octets, source, place))
    // What could not be sent, its client will ask for again.
    socket.on('error', () => undefined)
    resumeReading(socket)
  }

  /** A packet that another process was sent. */
  takePacket({ octets, address, port, socket }: StrayPacket): void {
    const packet = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
    this.count(this.putTogether(packet, { address, port }, socket))
  }

  /** Reads no more; resolves when what was under way is answered. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.removeAllListeners('message')
    if (this.underWay > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve
      })
    }
    for (const socket of this.sockets) socket.close()
    this.sockets.length = 0
  }

  private arrived(octets: Buffer, source: RemoteInfo, place: number): void {
    this.count(this.answerOrDrop(octets, source, place))
  }

  private count(dropped: DatagramDrop | undefined): void {
    if (dropped !== undefined) this.options.meter.dropped(dropped)
  }

  private answerOrDrop(octets: Buffer, source: Source, place: number): DatagramDrop | undefined {
    const { limit, clock } = this.options
    // The port 0 cannot be answered.
    if (octets.length < ENVELOPE_OCTETS || source.port === 0) return 'unreadable'
    const isPart =
      uint32At(octets, SEQUENCE_AT) !== 0 || uint32At(octets, LENGTH_AT) !== octets.length - ENVELOPE_OCTETS
    if (!isPart && isResponse(octets)) return 'response'
    const bucket = limit.bucketOf(source.address)
    if (limit.isExhausted(bucket, clock.monotonicMs())) return 'source-limit'
    if (!isPart) return this.answerWhole(octets, source, { place, bucket })
    const { address, port } = source
    const stray = { octets, address, port, socket: place, hash: hashOf(octets, source) }
    if (this.options.passOn?.(stray) === true) return undefined
    return this.putTogether(octets, source, place)
  }

  private answerWhole(octets: Buffer, source: Source, to: Destination): DatagramDrop | undefined {
    const { output, span } = this
    const { atHand, meter, access } = this.options
    output.at = 0
    span.end = octets.length
    atHand.begin(plainAddress(source.address))
    const end = atHand.write(octets, span, output)
    if (end < 0) return this.answerElsewhere(octets, source, to)
    meter.answered('udp', OP.resolve, atHand.responseCode)
    if (end <= PACKET_OCTETS) this.sendOutput(0, end, source, to)
    else this.sendPackets(end, source, to)
    if (access.isDrawn()) this.log(octets, source)
    return undefined
  }

  private answerElsewhere(octets: Buffer, source: Source, to: Destination): DatagramDrop | undefined {
    if (this.underWay >= MAX_UNDER_WAY) return 'busy'
    this.underWay += 1
    const peer = { transport: 'udp', isSecure: false, address: source.address } as const
    const send = (message: Buffer, isKnown: boolean) => this.sendMessage(message, source, { ...to, isKnown })
    void this.options.answering.answer(octets, peer, send).then((outcome) => {
      if (outcome !== 'answered') this.count(outcome)
      this.underWay -= 1
      if (this.underWay === 0) this.whenIdle?.()
    })
    return undefined
  }

  private putTogether(octets: Buffer, source: Source, place: number): DatagramDrop | undefined {
    const { limit, clock } = this.options
    const put = this.reassembly.accept(`${source.address} ${source.port}`, octets, clock.monotonicMs())
    if (put.kind === 'waiting') return undefined
    if (put.kind === 'malformed') return 'unreadable'
    if (isResponse(put.message)) return 'response'
    return this.answerElsewhere(put.message, source, { place, bucket: limit.bucketOf(source.address) })
  }

  /** The octets of the output from `start` up to `end`, as they are. */
  private sendOutput(start: number, end: number, source: Source, { place, bucket }: Destination): void {
    const { output } = this
    const socket = this.sockets[place]
    if (socket === undefined) return
    this.options.limit.take(bucket, end - start)
    socket.send(output.out, start, end - start, source.port, source.address)
    // The kernel did not take it at once: the octets must stay as they are, and what goes on does so in a copy.
    if (socket.getSendQueueCount() > 0) output.out = Buffer.from(output.out)
  }

  /** The message in the output, in packets: each but the first has its envelope written where the one before it ended. */
  private sendPackets(end: number, source: Source, to: Destination): void {
    const { output } = this
    const packets = Math.ceil((end - ENVELOPE_OCTETS) / PACKET_CONTENT_OCTETS)
    if (packets > MAX_PACKETS_TO_STRANGERS) {
      this.options.meter.cutShort += 1
      output.out[BITS_AT]! |= TRUNCATED
      this.sendOutput(0, PACKET_OCTETS, source, to)
      return
    }
    for (let packet = 0; packet < packets; packet++) {
      const start = packet * PACKET_CONTENT_OCTETS
      if (packet > 0) {
        output.out.copyWithin(start, 0, ENVELOPE_OCTETS)
        writeUint32(output.out, start + SEQUENCE_AT, packet)
      }
      this.sendOutput(start, Math.min(end, start + PACKET_OCTETS), source, to)
    }
  }

  private sendMessage(
    message: Buffer,
    { port, address }: Source,
    to: Destination & { readonly isKnown: boolean },
  ): void {
    const socket = this.sockets[to.place]
    const packets = packetsOf(message, false)
    const isCut = packets.length > MAX_PACKETS_TO_STRANGERS && !to.isKnown
    if (isCut) this.options.meter.cutShort += 1
    for (const packet of isCut ? packetsOf(message, true).slice(0, 1) : packets) {
      this.options.limit.take(to.bucket, packet.length)
      socket?.send(packet, port, address)
    }
  }

  private log(octets: Buffer, { address }: Source): void {
    const { atHand, access } = this.options
    const { responseCode, handle } = atHand
    const requestId = uint32At(octets, 8)
    access.write({
      peer: { transport: 'udp', address },
      opCode: OP.resolve,
      responseCode,
      requestId,
      tookMs: 0,
      handle,
    })
  }
}

interface Destination {
  /** Of the socket to answer by. */
  readonly place: number
  /** Of the source limit. */
  readonly bucket: number
}

/** Of an encrypted message that is told only when it is opened. */
function isResponse(octets: Buffer): boolean {
  if ((octets[2]! & ENCRYPTED) !== 0 || octets.length < ENVELOPE_OCTETS + HEADER_OCTETS) return false
  return uint32At(octets, RESPONSE_CODE_AT) !== RC.none
}

/** Of source and request: the same for all packets of one message, in every process. */
function hashOf(octets: Buffer, { address, port }: Source): number {
  let hash = uint32At(octets, 8) ^ port
  for (let at = 0; at < address.length; at++) hash = Math.imul(hash ^ address.charCodeAt(at), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
