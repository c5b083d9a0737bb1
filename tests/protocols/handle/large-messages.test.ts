/** Messages as large as they may be, of as many parts as fit: the time to read them grows no faster than they do. */
import { describe, expect, test } from 'vitest'
import { decodeMessage } from '../../../src/protocols/handle/codec-message.js'
import { OP, RC } from '../../../src/protocols/handle/codes.js'
import { decodeSite } from '../../../src/record/value-types/hs-site.js'
import { leastTimeMs } from '../../support/least-time.js'

const OCTETS = 2 ** 18
const ROUNDS = 5
/** Anything below is noise of a shared machine. */
const NEGLIGIBLE_MS = 50

const number = (value: number) => {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}

function messageOf(opCode: number, responseCode: number, ...body: readonly Buffer[]): Buffer {
  const octets = Buffer.concat([Buffer.alloc(44), ...body])
  octets.set([2, 11, 2, 11])
  octets.writeUInt32BE(octets.length - 20, 16)
  octets.writeUInt32BE(opCode, 20)
  octets.writeUInt32BE(responseCode, 24)
  octets.writeUInt32BE(octets.length - 44, 40)
  return octets
}

/** Empty items, one behind the other. */
function items(octets: number, itemOctets: number): Buffer {
  const count = Math.floor(octets / itemOctets)
  return Buffer.concat([number(count), Buffer.alloc(count * itemOctets)])
}

const MESSAGES: readonly [string, (octets: number) => Buffer][] = [
  ['values', (octets) => messageOf(OP.resolve, RC.success, number(0), items(octets, 26))],
  [
    'references',
    (octets) => messageOf(OP.resolve, RC.success, number(0), number(1), Buffer.alloc(22), items(octets, 8)),
  ],
  ['types', (octets) => messageOf(OP.resolve, RC.none, number(0), number(0), items(octets, 4))],
  ['indexes', (octets) => messageOf(OP.resolve, RC.none, number(0), items(octets, 4), number(0))],
  ['handles', (octets) => messageOf(OP.listHandles, RC.success, items(octets, 4))],
  ['text', (octets) => messageOf(OP.delete, RC.none, number(octets), Buffer.alloc(octets, 'a'))],
  [
    'signs that a decoder puts for others',
    (octets) =>
      messageOf(OP.delete, RC.none, number(octets - (octets % 3)), Buffer.alloc(octets - (octets % 3), '\ufffd')),
  ],
]

describe('the time grows no faster than the message', () => {
  test.each(MESSAGES)('of many %s', (_name, make) => {
    expect(decodeMessage(make(OCTETS)).ok).toBe(true)
    const single = leastTimeMs(ROUNDS, () => decodeMessage(make(OCTETS)))
    const double = leastTimeMs(ROUNDS, () => decodeMessage(make(2 * OCTETS)))
    expect(double).toBeLessThan(Math.max(NEGLIGIBLE_MS, 8 * single))
  })

  test('of many servers of a site', () => {
    const head = Buffer.from('0001020b000180020000000000000000', 'hex')
    const site = (octets: number) => {
      const servers = items(octets, 28)
      for (let at = 8; at < servers.length; at += 28) servers.writeUInt16BE(0x2001, at)
      return Buffer.concat([head, servers])
    }
    expect(decodeSite(site(OCTETS))).toMatchObject({
      ok: true,
      value: { servers: { length: Math.floor(OCTETS / 28) } },
    })
    const single = leastTimeMs(ROUNDS, () => decodeSite(site(OCTETS)))
    const double = leastTimeMs(ROUNDS, () => decodeSite(site(2 * OCTETS)))
    expect(double).toBeLessThan(Math.max(NEGLIGIBLE_MS, 8 * single))
  })
})
