/**
 * Requests by UDP. Each has a socket of its own: its random port and the request's random id are what a forger would have to
 * guess, and the socket is connected, so that nothing from any other address is even seen.
 *
 * Sent again when nothing came, with the same id: a server that answers twice does no harm. Answers of several packets are put
 * together within bounds; they may come in any order, twice, and partly by the second sending.
 */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { isIPv6 } from 'node:net'
import { uint32At } from '../../../platform/byte-reader.js'
import { messageOf } from '../../../platform/errors.js'
import { patientTimer } from '../../../platform/patient-timer.js'
import { ENVELOPE_OCTETS, TRUNCATED } from '../codec-envelope.js'
import { PACKET_CONTENT_OCTETS, packetsOf } from '../codec-packets.js'
import { Reassembly } from '../codec-reassembly.js'
import { type Ask, Inbox, type Question } from './inbox.js'
import type { ClientLimits } from './limits.js'
import type { ServerAddress } from './server-address.js'

const BITS_AT = 2
const REQUEST_ID_AT = 8
const KEPT_PACKET_OCTETS = 256
/** For how long the rest of an answer may be behind its beginning, where the server marks such answers. */
const REST_MS = 200
/** Of one request, told apart by the session id that a server may choose. */
const MAX_REASSEMBLED = 2

export function udpAsker(limits: ClientLimits): Ask {
  return (address, question) => {
    const exchange = new UdpExchange(address, question, limits)
    return exchange.answers
  }
}

class UdpExchange {
  readonly answers: Inbox
  private readonly question: Question
  private readonly packets: readonly Buffer[]
  private readonly limits: ClientLimits
  private readonly reassembly: Reassembly
  private socket: Socket | undefined
  private stopWaiting: () => void = () => undefined
  private stopAwaitingRest: () => void = () => undefined
  private sendings = 0

  constructor(address: ServerAddress, question: Question, limits: ClientLimits) {
    this.question = question
    this.limits = limits
    this.packets = packetsOf(question.bytes, true)
    this.reassembly = new Reassembly(reassemblyLimits(question, limits))
    this.answers = new Inbox({ address, question, onEnd: () => this.close() })
    lookup(address.host, (error, ip) => {
      if (this.answers.ended) return
      if (error) this.unreachable(error)
      else this.open(ip, address.port)
    })
  }

  private open(ip: string, port: number): void {
    const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4')
    this.socket = socket
    socket.on('error', (error) => this.unreachable(error))
    socket.on('message', (packet) => this.accept(packet))
    socket.connect(port, ip, (error?: Error) => {
      if (this.answers.ended) return
      if (error) this.unreachable(error)
      else this.send()
    })
  }

  /** As often as there are waits, then gives up. */
  private send(): void {
    const waitMs = this.limits.udpRetryMs[this.sendings++]
    if (waitMs === undefined) {
      const waitedMs = this.limits.udpRetryMs.reduce((sum, ms) => sum + ms, 0)
      this.answers.fail(this.answers.late(waitedMs))
      return
    }
    for (const packet of this.packets) this.socket?.send(packet)
    this.stopWaiting = patientTimer(waitMs, () => this.send())
  }

  private accept(packet: Buffer): void {
    const oddity = this.oddityOf(packet)
    if (oddity !== undefined) this.answers.note(oddity)
  }

  /** What is wrong with a packet, which then counts for nothing. */
  private oddityOf(packet: Buffer): string | undefined {
    if (packet.length < ENVELOPE_OCTETS) return `a datagram of ${packet.length} octets`
    if (uint32At(packet, REQUEST_ID_AT) !== this.question.requestId) return 'a message that answers another request'
    const outcome = this.reassembly.accept('', packet, performance.now())
    if (outcome.kind === 'malformed') return outcome.message
    this.stopAwaitingRest()
    if (outcome.kind === 'waiting') return this.awaitRest(packet)
    this.stopWaiting()
    this.answers.push(outcome.message)
    return undefined
  }

  /**
   * A server that sends strangers no more than so many packets cuts its answer short: it sends the first alone, marked as one of
   * several. Whoever marks all of them sends the others right behind.
   */
  private awaitRest(packet: Buffer): undefined {
    if ((packet[BITS_AT]! & TRUNCATED) === 0) return
    const cutShort = () => this.answers.fail(this.answers.fault('cut-short', 'sends no more than the beginning by UDP'))
    this.stopAwaitingRest = patientTimer(REST_MS, cutShort)
  }

  private unreachable(error: NodeJS.ErrnoException): void {
    const what = error.code === 'ECONNREFUSED' ? 'is not there: nothing listens at it' : messageOf(error)
    this.answers.fail(this.answers.fault('unreachable', what, error))
  }

  private close(): void {
    this.stopWaiting()
    this.stopAwaitingRest()
    const { socket } = this
    this.socket = undefined
    socket?.removeAllListeners()
    // A refusal by the network that comes late is nobody's any more.
    socket?.on('error', () => undefined)
    socket?.close()
  }
}

function reassemblyLimits({ timeoutMs }: Question, { maxMessageOctets }: ClientLimits) {
  const packets = Math.ceil(maxMessageOctets / PACKET_CONTENT_OCTETS)
  return {
    maxMessageOctets,
    maxWaiting: MAX_REASSEMBLED,
    maxWaitingOctets: (maxMessageOctets + packets * KEPT_PACKET_OCTETS) * MAX_REASSEMBLED,
    maxWaitMs: timeoutMs,
  }
}
