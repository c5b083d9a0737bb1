/**
 * What must hold for any octets that reach the codec of the native Handle protocol. Gives what became of them in a few
 * words; throws when a promise is broken.
 */
import type { ByteFault } from '../../src/platform/byte-fault.js'
import type { Body } from '../../src/protocols/handle/codec-body.js'
import { decodePublicKeyAnswer, decodeSecretKeyAnswer } from '../../src/protocols/handle/codec-challenge.js'
import { TRUNCATED } from '../../src/protocols/handle/codec-envelope.js'
import { frameOctets } from '../../src/protocols/handle/codec-frames.js'
import {
  decodeMessage,
  decodeOpened,
  encodeMessage,
  type Message,
  signedPartOf,
} from '../../src/protocols/handle/codec-message.js'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { Reassembly } from '../../src/protocols/handle/codec-reassembly.js'
import { encodeRecordValues, recordValuesOf } from '../../src/protocols/handle/codec-record.js'
import { PlainAnswers, PlainQuery } from '../../src/protocols/handle/codec-resolution.js'
import { decodeDiffieHellmanData } from '../../src/protocols/handle/codec-session.js'
import { signedOctets } from '../../src/protocols/handle/codec-signed.js'
import { encodeValues } from '../../src/protocols/handle/codec-value.js'
import { decodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { decodeSite } from '../../src/record/value-types/hs-site.js'
import { decodeValueData, encodeValueData } from '../../src/record/value-types/value-types.js'
import { capturedMessages, computedCases, octetsOf } from '../support/handle-vectors.js'

const REASSEMBLY = { maxMessageOctets: 262_144, maxWaiting: 16, maxWaitingOctets: 100_000, maxWaitMs: 100 }
const OUT = Buffer.alloc(64 * 1024)
const NO_VALUES = Buffer.alloc(4)

/** Real messages and packets, to be changed. */
export function handleCorpus(): readonly Buffer[] {
  const computed = computedCases().flatMap(({ hex }) => (hex?.startsWith('02') ? [octetsOf(hex)] : []))
  return [...capturedMessages().map(({ bytes }) => bytes), ...computed]
}

export interface Examination {
  examine(bytes: Buffer): string
}

/** An examination remembers packets: what it says of a message may depend on those before. */
export function handleExamination(): Examination {
  const reassembly = new Reassembly(REASSEMBLY)
  const query = new PlainQuery()
  const answers = new PlainAnswers({ version: { major: 2, minor: 11 }, siteSerial: 1, flags: 0 })
  let nowMs = 0

  return {
    examine: (bytes) => {
      frameOctets(bytes, { start: 0, end: bytes.length }, REASSEMBLY.maxMessageOctets)
      const gathered = reassembly.accept('peer', bytes, ++nowMs)
      require(reassembly.waitingOctets <= REASSEMBLY.maxWaitingOctets, 'packets wait beyond their limit')
      require(reassembly.waitingOctets > 0 === reassembly.waitingMessages > 0, 'the account of what waits is wrong')
      if (gathered.kind === 'malformed') requireSound(gathered, bytes)
      if (query.read(bytes, 0, bytes.length)) {
        requireSameQuery(query, decodeMessage(bytes))
        answers.encodeResolutionAnswer(query, NO_VALUES, { out: OUT, at: 0 })
      }
      examinePackets(reassembly, bytes, nowMs)
      return examineMessage(gathered.kind === 'whole' ? gathered.message : bytes)
    },
  }
}

/** Whatever the octets are: in packets of a stranger size, the last one first, they come out as they went in. */
function examinePackets(reassembly: Reassembly, bytes: Buffer, nowMs: number): void {
  const size = bytes.length < 20 || bytes.length > 800 ? 0 : 7 + (bytes.length % 90)
  const content = bytes.subarray(20)
  if (content.length <= size || size === 0) return
  const envelope = Buffer.from(bytes.subarray(0, 20))
  envelope[2]! &= ~TRUNCATED
  envelope.writeUInt32BE(content.length, 16)
  const before = reassembly.waitingOctets
  for (let sequence = Math.ceil(content.length / size) - 1; sequence >= 0; sequence--) {
    envelope.writeUInt32BE(sequence, 12)
    const packet = Buffer.concat([envelope, content.subarray(sequence * size, (sequence + 1) * size)])
    const { kind, ...outcome } = reassembly.accept('other', packet, nowMs)
    require(kind === (sequence === 0 ? 'whole' : 'waiting'), 'packets without a fault are no message')
    if ('message' in outcome && outcome.message instanceof Buffer)
      require(outcome.message.equals(Buffer.concat([envelope, content])), 'packets are put together wrongly')
  }
  require(reassembly.waitingOctets <= before, 'something is left of a message that is whole')
}

function examineMessage(bytes: Buffer): string {
  const decoded = decodeMessage(bytes)
  if (!decoded.ok) {
    requireSound(decoded, bytes)
    if (decoded.field === 'bits' && decoded.envelope !== undefined) decodeOpened(decoded.envelope, bytes.subarray(20))
    return `${decoded.reason} ${decoded.field}`
  }
  const again = encodeMessage(decoded.value)
  const second = decodeMessage(again)
  if (!second.ok) throw new Error(`what was decoded and encoded is malformed: ${second.message}`)
  require(encodeMessage(second.value).equals(again), 'a message changes when it is decoded and encoded again')
  packetsOf(again, true)
  examineContent(decoded.value, bytes)
  return `good ${decoded.value.body.kind}`
}

function examineContent({ envelope, body, credential }: Message, bytes: Buffer): void {
  if (credential !== undefined) {
    signedOctets({ envelope, type: credential.type, counter: credential.index, headerAndBody: signedPartOf(bytes) })
  }
  examineBody(body)
}

function examineBody(body: Body): void {
  if (body.kind === 'handle-values' || body.kind === 'referral') {
    for (const { type, data } of body.values) {
      const meant = decodeValueData(type, data)
      if (meant.ok) decodeValueData(type, encodeValueData(meant.value))
      else requireSound(meant, data)
    }
    const record = recordValuesOf(body.values)
    if (!record.ok) return
    const ascending = body.values.toSorted((a, b) => a.index - b.index)
    require(encodeRecordValues(record.value).equals(
      encodeValues(ascending),
    ), 'values change on their way through a record')
  }
  if (body.kind === 'site') examineSite(body.octets)
  if (body.kind === 'challenge-answer') {
    decodePublicKeyAnswer(body.answer)
    decodeSecretKeyAnswer(body.answer)
  }
  if (body.kind === 'session-request' && body.publicKey !== undefined) decodePublicKey(body.publicKey)
  if (body.kind === 'session-answer') decodeDiffieHellmanData(body.data)
}

function examineSite(octets: Uint8Array): void {
  const site = decodeSite(octets)
  if (site.ok) for (const { publicKey } of site.value.servers) decodePublicKey(publicKey)
  else requireSound(site, octets)
}

function requireSameQuery(query: PlainQuery, decoded: ReturnType<typeof decodeMessage>): void {
  if (!decoded.ok) throw new Error(`the short way reads what is malformed: ${decoded.message}`)
  const { body } = decoded.value
  require(body.kind === 'query', 'the short way reads what is no query')
  if (body.kind !== 'query') return
  require(body.handle === query.handle, 'the short way reads another handle')
  require(body.indexes.join() === query.indexes.join(), 'the short way reads other indexes')
  require(body.types.join() === query.types.join(), 'the short way reads other types')
}

function requireSound({ offset, field, message }: ByteFault, bytes: Uint8Array): void {
  require(offset >= 0 && offset <= bytes.length, `a fault lies at octet ${offset} of ${bytes.length}`)
  require(field !== '' && message !== '', 'a fault does not say what it is')
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
