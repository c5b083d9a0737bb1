import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PACKET_OCTETS, packetsOf } from '../../../src/protocols/handle/codec-packets.js'
import { type Reassembled, Reassembly, type ReassemblyLimits } from '../../../src/protocols/handle/codec-reassembly.js'

const LIMITS: ReassemblyLimits = {
  maxMessageOctets: 20_000,
  maxWaiting: 4,
  maxWaitingOctets: 60_000,
  maxWaitMs: 1000,
}

function messageOf(contentOctets: number, requestId = 1): Buffer {
  const bytes = Buffer.alloc(20 + contentOctets)
  bytes.set([2, 11, 2, 11])
  bytes.writeUInt32BE(requestId, 8)
  bytes.writeUInt32BE(contentOctets, 16)
  for (let at = 20; at < bytes.length; at++) bytes[at] = at * 7
  return bytes
}

/** By their octets: comparing buffers member by member takes minutes. */
function expectWhole(given: Reassembled | undefined, message: Buffer): void {
  expect(given?.kind === 'whole' && given.message.toString('hex')).toBe(message.toString('hex'))
}

function outcomes(packets: readonly Buffer[], reassembly = new Reassembly(LIMITS)): string[] {
  return packets.map((packet) => reassembly.accept('a:1', packet, 0).kind)
}

/** Packets of whatever size their sender likes. */
function packetsOfSize(message: Buffer, contentOctets: number): Buffer[] {
  const packets: Buffer[] = []
  for (let at = 20; at < message.length; at += contentOctets) {
    const packet = Buffer.concat([message.subarray(0, 20), message.subarray(at, at + contentOctets)])
    packet.writeUInt32BE(packets.length, 12)
    packets.push(packet)
  }
  return packets
}

test('a message comes out whole, once, whatever the order of its packets and however often each comes', () => {
  const arrival = fc.nat(9_000).chain((octets) => {
    const count = packetsOf(messageOf(octets + 1), false).length
    const places = Array.from({ length: count }, (_, place) => place)
    return fc.tuple(
      fc.constant(octets + 1),
      fc.boolean(),
      fc.shuffledSubarray(places, { minLength: count }),
      fc.array(fc.nat(count - 1), { maxLength: 5 }),
    )
  })
  fc.assert(
    fc.property(arrival, ([octets, marked, order, again]) => {
      const message = messageOf(octets)
      const packets = packetsOf(message, marked)
      const reassembly = new Reassembly(LIMITS)
      const before = [...again.filter((place) => place !== order.at(-1)), ...order]
      const given = before.map((place) => reassembly.accept('a:1', packets[place]!, 0))
      expect(given.slice(0, -1).every(({ kind }) => kind === 'waiting' || packets.length === 1)).toBe(true)
      expectWhole(given.at(-1), message)
      expect([reassembly.waitingMessages, reassembly.waitingOctets]).toEqual([0, 0])
    }),
    { numRuns: 300 },
  )
})

test('packets have at most 512 octets, their sequence, the whole length, and the mark when it is wanted', () => {
  const message = messageOf(1000)
  const [first, , third] = packetsOf(message, true)
  expect(packetsOf(message, true).map(({ length }) => length)).toEqual([PACKET_OCTETS, PACKET_OCTETS, 36])
  expect([first![2], first!.readUInt32BE(12), third![2], third!.readUInt32BE(12)]).toEqual([0x22, 0, 0x22, 2])
  expect(third!.readUInt32BE(16)).toBe(1000)
  expect(packetsOf(message, false).every((packet) => packet[2] === 2)).toBe(true)
  expect(packetsOf(messageOf(492), true)).toEqual([messageOf(492)])
})

test('a message in one packet is that packet, without its mark', () => {
  const message = messageOf(100)
  const marked = Buffer.from(message)
  marked[2]! |= 0x20
  const reassembly = new Reassembly(LIMITS)
  expectWhole(reassembly.accept('a:1', message, 0), message)
  expectWhole(reassembly.accept('a:1', marked, 0), message)
})

test.each([1, 100, 491, 1400, 8000])('packets of %i octets are put together too', (octets) => {
  const message = messageOf(Math.min(octets * 30 + 1, 17_000))
  const reassembly = new Reassembly(LIMITS)
  const given = packetsOfSize(message, octets).map((packet) => reassembly.accept('a:1', packet, 0))
  expectWhole(given.at(-1), message)
})

test('a packet is kept as it was when its buffer is used again', () => {
  const message = messageOf(700)
  const [first, second] = packetsOf(message, false)
  const reassembly = new Reassembly(LIMITS)
  reassembly.accept('a:1', first!, 0)
  first!.fill(0xff)
  expectWhole(reassembly.accept('a:1', second!, 0), message)
})

test('packets of different senders or requests are never mixed', () => {
  const [first, second] = packetsOf(messageOf(700, 1), false)
  const [, other] = packetsOf(messageOf(700, 2), false)
  const reassembly = new Reassembly(LIMITS)
  expect(reassembly.accept('a:1', first!, 0).kind).toBe('waiting')
  expect(reassembly.accept('a:2', second!, 0).kind).toBe('waiting')
  expect(reassembly.accept('a:1', other!, 0).kind).toBe('waiting')
  expect(reassembly.accept('a:1', second!, 0).kind).toBe('whole')
})

describe('what can’t be is malformed, with its reason', () => {
  const changed = (packet: Buffer, at: number, value: number) => {
    const bytes = Buffer.from(packet)
    bytes.writeUInt32BE(value, at)
    return bytes
  }
  const [first, second, third] = packetsOf(messageOf(1200), false)

  test.each<[string, readonly Buffer[], object]>([
    ['half an envelope', [first!.subarray(0, 19)], { reason: 'cut-off', field: 'messageLength' }],
    ['a packet of nothing', [first!.subarray(0, 20)], { reason: 'cut-off' }],
    [
      'a message of 2^32 - 1 octets',
      [changed(first!, 16, 0xffff_ffff)],
      { reason: 'too-long', field: 'messageLength' },
    ],
    ['a packet longer than its message', [changed(first!, 16, 5)], { reason: 'left-over' }],
    ['sequence 2^32 - 1', [changed(first!, 12, 0xffff_ffff)], { reason: 'too-many', field: 'sequence' }],
    [
      'packets that differ in the length',
      [first!, changed(second!, 16, 1300)],
      { reason: 'bad-value', field: 'messageLength' },
    ],
    ['a gap', [first!, changed(second!, 12, 5), third!], { reason: 'bad-value', field: 'sequence' }],
    ['packets longer than their message together', [first!, second!, changed(second!, 12, 2)], { reason: 'bad-value' }],
  ])('%s', (_name, packets, fault) => {
    const reassembly = new Reassembly(LIMITS)
    const given = packets.map((packet) => reassembly.accept('a:1', packet, 0))
    expect(given.at(-1)).toMatchObject({ kind: 'malformed', ...fault })
  })

  test('and is told with its envelope, to be answered', () => {
    const given = new Reassembly(LIMITS).accept('a:1', changed(messageOf(900, 77), 16, 0x7fff_ffff), 0)
    expect(given).toMatchObject({ kind: 'malformed', envelope: { requestId: 77 } })
  })
})

describe('what waits is bounded', () => {
  test('in messages: the oldest goes', () => {
    const reassembly = new Reassembly(LIMITS)
    const halves = [1, 2, 3, 4, 5].map((id) => packetsOf(messageOf(700, id), false))
    expect(
      outcomes(
        halves.map(([first]) => first!),
        reassembly,
      ),
    ).toEqual(Array(5).fill('waiting'))
    expect(reassembly.waitingMessages).toBe(4)
    expect(outcomes([halves[4]![1]!, halves[0]![1]!], reassembly)).toEqual(['whole', 'waiting'])
  })

  test('in octets, with what a packet costs: many small packets count for more than they hold', () => {
    const reassembly = new Reassembly({ ...LIMITS, maxWaiting: 1000, maxWaitingOctets: 3000 })
    const packets = packetsOfSize(messageOf(5000), 1).slice(0, 30)
    for (const packet of packets) reassembly.accept('a:1', packet, 0)
    expect(reassembly.waitingOctets).toBeLessThanOrEqual(3000)
    for (let id = 2; id < 40; id++) {
      reassembly.accept('a:1', packetsOf(messageOf(900, id), false)[0]!, 0)
      expect(reassembly.waitingOctets).toBeLessThanOrEqual(3000)
    }
  })

  test('in time', () => {
    const reassembly = new Reassembly(LIMITS)
    const [first, second] = packetsOf(messageOf(700), false)
    reassembly.accept('a:1', first!, 0)
    reassembly.accept('b:1', first!, 900)
    expect(reassembly.accept('a:1', second!, 1001).kind).toBe('waiting')
    expect(reassembly.accept('b:1', second!, 1001).kind).toBe('whole')
    reassembly.forgetOld(2002)
    expect([reassembly.waitingMessages, reassembly.waitingOctets]).toEqual([0, 0])
  })

  test('whatever comes, the account of what waits is right and within its limits', () => {
    const limits = { ...LIMITS, maxMessageOctets: 4000, maxWaiting: 3, maxWaitingOctets: 5000, maxWaitMs: 5 }
    const one = fc.record({
      id: fc.nat(5),
      octets: fc.constantFrom(300, 700, 1200, 3000),
      place: fc.nat(6),
      sender: fc.constantFrom('a', 'b'),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), (arrivals) => {
        const reassembly = new Reassembly(limits)
        for (const [nowMs, { id, octets, place, sender }] of arrivals.entries()) {
          const packets = packetsOf(messageOf(octets, id), false)
          const given = reassembly.accept(sender, packets[place % packets.length]!, nowMs)
          if (given.kind === 'whole') expectWhole(given, messageOf(octets, id))
          expect(reassembly.waitingMessages).toBeLessThanOrEqual(limits.maxWaiting)
          expect(reassembly.waitingOctets).toBeLessThanOrEqual(limits.maxWaitingOctets)
          expect(reassembly.waitingOctets > 0).toBe(reassembly.waitingMessages > 0)
        }
      }),
      { numRuns: 300 },
    )
  })
})
