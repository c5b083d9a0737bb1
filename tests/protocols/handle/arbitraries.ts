/** Random messages of the native protocol: every layout, every operation, every version. */
import fc from 'fast-check'
import type { Body, BodyKind } from '../../../src/protocols/handle/codec-body.js'
import type { Credential } from '../../../src/protocols/handle/codec-credential.js'
import type { RequestDigest } from '../../../src/protocols/handle/codec-digest.js'
import { layoutOf } from '../../../src/protocols/handle/codec-layouts.js'
import type { Message, MessageEnvelope } from '../../../src/protocols/handle/codec-message.js'
import type { HandleValue } from '../../../src/protocols/handle/codec-value.js'
import { FLAG, hasFlag, OP, RC, withFlag } from '../../../src/protocols/handle/codes.js'
import { octets, references, text, uint8, uint16, uint32 } from '../../record/value-types/arbitraries.js'

const version = fc.oneof(
  fc.nat(11).map((minor) => ({ major: 2, minor })),
  fc.constantFrom({ major: 3, minor: 0 }, { major: 1, minor: 0 }, { major: 5, minor: 1 }),
)

export const envelope: fc.Arbitrary<MessageEnvelope> = fc.record({
  version,
  suggestedVersion: version,
  sessionId: uint32,
  requestId: uint32,
})

export const handleValue: fc.Arbitrary<HandleValue> = fc.record({
  index: uint32,
  timestampSeconds: uint32,
  ttlType: uint8,
  ttl: uint32,
  permissions: uint8,
  type: fc.oneof(text, fc.constantFrom('URL', 'HS_ADMIN', 'HS_SITE', 'name')),
  data: octets(200),
  references,
})

const fixed = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => new Uint8Array(bytes))
export const digest: fc.Arbitrary<RequestDigest> = fc.oneof(
  fc.record({ code: fc.constant(0), octets: octets() }),
  fc.record({ code: fc.constant(1), octets: fixed(16) }),
  fc.record({ code: fc.constant(2), octets: fixed(20) }),
  fc.record({ code: fc.constant(3), octets: fixed(32) }),
)

export const credential: fc.Arbitrary<Credential> = fc.record({
  version: uint8,
  options: uint16,
  handle: text,
  index: uint32,
  type: fc.constantFrom('HS_SIGNED', 'HS_MAC', 'HS_DSAPUBKEY'),
  algorithm: fc.oneof(text, fc.constantFrom('SHA-256', '\u0002')),
  signature: octets(),
})

const values = fc.array(handleValue, { maxLength: 5 })
const indexes = fc.array(uint32, { maxLength: 6 })
const texts = fc.array(text, { maxLength: 6 })
const named = { handle: text, index: uint32 }

const BODIES: { readonly [Kind in BodyKind]: fc.Arbitrary<object> } = {
  handle: fc.record({ handle: text }),
  'handle-index': fc.record(named),
  'handle-values': fc.record({ handle: text, values }),
  'handle-indexes': fc.record({ handle: text, indexes }),
  query: fc.record({ handle: text, indexes, types: texts }),
  'challenge-answer': fc.record({ ...named, type: text, answer: octets() }),
  'challenge-check': fc.record({ ...named, nonce: octets(), digest, answer: octets() }),
  'session-request': fc.constantFrom(1, 2, 3, 4, 0).chain(sessionRequest),
  'session-answer': fc.record({ mode: uint16, data: octets() }),
  'session-key': fc.record({ encryptedKey: octets() }),
  site: fc.record({ octets: octets() }),
  handles: fc.record({ handles: texts }),
  verified: fc.record({ isVerified: fc.boolean() }),
  referral: fc.oneof(
    fc.record({ handle: text.filter((handle) => handle !== ''), values: fc.constant([]) }),
    fc.record({ handle: fc.constant(''), values }),
  ),
  challenge: fc.record({ nonce: octets() }),
  error: fc.record({ message: text, indexes: fc.constant([]) }),
  empty: fc.constant({}),
  opaque: fc.record({ octets: octets() }),
}

function sessionRequest(mode: number): fc.Arbitrary<object> {
  const always = { mode: fc.constant(mode), timeoutSeconds: uint32, ...named }
  if (mode === 1 || mode === 4) return fc.record({ ...always, publicKey: octets() })
  return mode === 3 ? fc.record({ ...always, keyValue: fc.record(named) }) : fc.record(always)
}

export function bodyOf(kind: BodyKind): fc.Arbitrary<Body> {
  return BODIES[kind].map((members) => ({ kind, ...members }) as Body)
}

const opCode = fc.oneof(fc.constantFrom(...Object.values(OP)), uint32)
const responseCode = fc.oneof(
  { weight: 2, arbitrary: fc.constant(RC.none) },
  { weight: 2, arbitrary: fc.constant(RC.success) },
  { weight: 2, arbitrary: fc.constantFrom(...Object.values(RC)) },
  { weight: 1, arbitrary: uint32 },
)
const header = fc.record({
  opCode,
  responseCode,
  opFlags: uint32,
  siteSerial: uint16,
  recursionCount: uint8,
  expirationSeconds: uint32,
})

/** Whole messages whose body is the one that their codes ask for. */
export const message: fc.Arbitrary<Message> = fc
  .record({ envelope, header, credential: fc.option(credential, { nil: undefined }), digest })
  .chain(({ envelope: head, header: codes, credential: its, digest: answersTo }) => {
    const isChallenge = codes.responseCode === RC.authenticationNeeded
    const opFlags = isChallenge ? withFlag(codes.opFlags, FLAG.returnDigest) : codes.opFlags
    const hasDigest = codes.responseCode !== RC.none && hasFlag(opFlags, FLAG.returnDigest)
    return bodyOf(layoutOf(codes.opCode, codes.responseCode, 1)).map((body) => ({
      envelope: head,
      header: { ...codes, opFlags },
      ...(hasDigest ? { requestDigest: answersTo } : undefined),
      body,
      ...(its === undefined ? undefined : { credential: its }),
    }))
  })
