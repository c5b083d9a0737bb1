/** Signatures, MACs and key agreements of other programs, verified; and ours, made the same. */
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  challengedOctets,
  decodePublicKeyAnswer,
  decodeSecretKeyAnswer,
  encodePublicKeyAnswer,
  encodeSecretKeyAnswer,
  hashCodeOf,
  SECRET_MAC,
  secretMacFor,
} from '../../../src/protocols/handle/codec-challenge.js'
import { MAC, SIGNED } from '../../../src/protocols/handle/codec-credential.js'
import { encodeMessage, signedPartOf, withCredential } from '../../../src/protocols/handle/codec-message.js'
import { decodeDiffieHellmanData, encodeDiffieHellmanData } from '../../../src/protocols/handle/codec-session.js'
import { signedOctets } from '../../../src/protocols/handle/codec-signed.js'
import { hashName, secretKeyMac, sessionMac } from '../../../src/protocols/handle/digests.js'
import { publicKeyRecord, signatureKey } from '../../../src/protocols/handle/keys.js'
import { IV_OCTETS, open, seal, sessionKeyOf } from '../../../src/protocols/handle/session-cipher.js'
import { serverPlace, siteHash } from '../../../src/protocols/handle/site-hash.js'
import { decodePublicKey, encodePublicKey, type HandlePublicKey } from '../../../src/record/value-types/hs-pubkey.js'
import { decodeSite, HASH_OPTIONS } from '../../../src/record/value-types/hs-site.js'
import { computedCase, computedCases, exchanges, octetsOf } from '../../support/handle-vectors.js'
import { isEncrypted, mustDecode, wholeMessages } from './whole-messages.js'

function keyOf(octets: Uint8Array): KeyObject {
  const decoded = decodePublicKey(octets)
  const key = decoded.ok ? signatureKey(decoded.value) : undefined
  if (key === undefined) throw new Error('no key for signatures')
  return key
}

function serverKeyOf(siteOctets: Uint8Array): KeyObject {
  const site = decodeSite(siteOctets)
  if (!site.ok) throw new Error(site.message)
  return keyOf(site.value.servers[0]!.publicKey)
}

/** Of every site that was seen: one of them is whose signature it is. */
const serverKeys = exchanges()
  .flatMap(({ responses }) => wholeMessages(responses))
  .filter((bytes) => !isEncrypted(bytes))
  .flatMap((bytes) => {
    const { body } = mustDecode(bytes)
    return body.kind === 'site' ? [serverKeyOf(body.octets)] : []
  })
  .concat(serverKeyOf(octetsOf(computedCase('HS_SITE two servers, IPv6, by prefix').hex)))

function signedOf(bytes: Buffer): {
  readonly octets: Uint8Array | undefined
  readonly signature: Uint8Array
  readonly hash: string
} {
  const { envelope, credential } = mustDecode(bytes)
  const { type, index, algorithm, signature } = credential!
  const octets = signedOctets({ envelope, type, counter: index, headerAndBody: signedPartOf(bytes) })
  return { octets, signature, hash: hashName(hashCodeOf(algorithm)!)! }
}

describe('signatures of messages', () => {
  const signed = [
    ...exchanges().flatMap(({ name, responses }) => wholeMessages(responses).map((bytes) => ({ name, bytes }))),
    ...computedCases().flatMap(({ name, hex }) =>
      name.startsWith('HS_SIGNED') ? [{ name, bytes: octetsOf(hex) }] : [],
    ),
  ].filter(({ bytes }) => !isEncrypted(bytes) && mustDecode(bytes).credential?.type === SIGNED)

  test('are of versions before, at and after the one with mistakes', () => {
    const minors = new Set(signed.map(({ bytes }) => mustDecode(bytes).envelope.version.minor))
    expect([...minors].sort((a, b) => a - b)).toEqual([3, 6, 7, 10, 11])
  })

  test.each(signed)('$name', ({ bytes }) => {
    const { octets, signature, hash } = signedOf(bytes)
    expect(serverKeys.some((key) => verify(hash, octets!, key, signature))).toBe(true)
    const changed = Buffer.from(octets!)
    changed[changed.length - 1]! ^= 1
    expect(serverKeys.some((key) => verify(hash, changed, key, signature))).toBe(false)
  })
})

describe('MACs of messages in a session', () => {
  test.each(['HS_MAC message 2.7', 'HS_MAC message 2.11'])('%s is the one that we make', (name) => {
    const { hex, sessionKeyHex, sessionCounter } = computedCase(name)
    const theirs = mustDecode(octetsOf(hex))
    const { credential, ...bare } = theirs
    expect(credential).toMatchObject({ type: MAC, index: sessionCounter })
    const bytes = encodeMessage(bare)
    const signed = signedOctets({
      envelope: bare.envelope,
      type: MAC,
      counter: Number(sessionCounter),
      headerAndBody: signedPartOf(bytes),
    })
    const mac = sessionMac(bare.envelope.version, octetsOf(sessionKeyHex), signed!)
    expect(withCredential(bytes, { ...credential!, ...mac })).toEqual(octetsOf(hex))
  })

  test('of versions before 2.7 are a hash between two copies of the key', () => {
    const [key, signed] = [Buffer.from('key'), Buffer.from('signed')]
    expect(sessionMac({ major: 2, minor: 6 }, key, signed)).toEqual({
      algorithm: '\u0002',
      // printf keysignedkey | sha1sum
      signature: Buffer.from('d94dbf68e025a78054d71811559e6186ab6176f0', 'hex'),
    })
  })

  test('of the two versions that nobody knows well enough are not made', () => {
    const envelope = { suggestedVersion: { major: 2, minor: 6 }, sessionId: 9, requestId: 1 }
    const parts = { type: MAC, counter: 1, headerAndBody: Buffer.alloc(24) }
    for (const minor of [5, 6])
      expect(signedOctets({ envelope: { ...envelope, version: { major: 2, minor } }, ...parts })).toBeUndefined()
    for (const minor of [4, 7])
      expect(signedOctets({ envelope: { ...envelope, version: { major: 2, minor } }, ...parts })).toBeDefined()
  })
})

describe('answers to challenges', () => {
  test('signed with a public key are verified over nonce and digest', () => {
    const adminKey = keyOf(octetsOf(computedCase('HS_PUBKEY RSA').hex))
    const outcomes = new Map<string, boolean>()
    for (const { name, requests, responses } of exchanges()) {
      const challenges = wholeMessages(responses)
        .filter((bytes) => !isEncrypted(bytes))
        .map(mustDecode)
      for (const { envelope, body } of wholeMessages(requests)
        .filter((bytes) => !isEncrypted(bytes))
        .map(mustDecode)) {
        if (body.kind !== 'challenge-answer' || body.type !== 'HS_PUBKEY') continue
        const challenge = challenges.find(
          (one) => one.envelope.sessionId === envelope.sessionId && one.body.kind === 'challenge',
        )
        const answer = decodePublicKeyAnswer(body.answer)
        if (challenge?.body.kind !== 'challenge' || !answer.ok) throw new Error('no challenge to this answer')
        const octets = challengedOctets(challenge.body.nonce, challenge.requestDigest!.octets)
        const hash = hashName(hashCodeOf(answer.value.algorithm)!)!
        outcomes.set(name, verify(hash, octets, adminKey, answer.value.signature))
      }
    }
    // The key of the SDK's user was not kept.
    expect([...outcomes].filter(([, isVerified]) => !isVerified)).toEqual([['idsdk/idsdk-login-key', false]])
    expect(outcomes.size).toBe(9)
  })

  test('of each kind come back as they were', () => {
    const publicKey = { algorithm: 'SHA-256', signature: Uint8Array.of(1, 2) }
    expect(decodePublicKeyAnswer(encodePublicKeyAnswer(publicKey))).toEqual({ ok: true, value: publicKey })
    const hashed = { code: SECRET_MAC.sha1, mac: Uint8Array.of(1, 2) }
    expect(decodeSecretKeyAnswer(encodeSecretKeyAnswer(hashed))).toEqual({ ok: true, value: hashed })
    const derivation = { salt: Uint8Array.of(3), iterations: 10_000, keyBits: 160 }
    const derived = { code: SECRET_MAC.pbkdf2HmacSha1, mac: Uint8Array.of(1, 2), derivation }
    expect(decodeSecretKeyAnswer(encodeSecretKeyAnswer(derived))).toEqual({ ok: true, value: derived })
  })

  test.each([
    ['', 'code'],
    ['22', 'salt'],
    ['22ffffffff', 'salt'],
    ['2200000000000027', 'iterations'],
    ['220000000000002710000000a0000000010200', 'the answer'],
  ])('of octets %s is a fault of %s', (hex, field) => {
    expect(decodeSecretKeyAnswer(Buffer.from(hex, 'hex'))).toMatchObject({ ok: false, field })
  })

  const challenge = { secret: Buffer.from('secret'), nonce: Buffer.from('nonce'), requestDigest: Buffer.from('digest') }

  // Each by openssl: dgst of printf secretnoncedigestsecret, dgst -hmac, kdf PBKDF2.
  test.each([
    [SECRET_MAC.md5, 'd4307d20c86b097efb571a88b1c95ad0'],
    [SECRET_MAC.sha1, '3214a65d632362b90ebcaf91ba206b355474eae7'],
    [SECRET_MAC.sha256, '080205187b541cc968953fefb5b3bfd365d43d01a5dceb4f1430c2ad72e9bd1d'],
    [SECRET_MAC.hmacSha1, '25397ce64a15184dae1116c5eaaca19fc1cf4f60'],
    [SECRET_MAC.hmacSha256, '381f5d3ab76de7c971d2c486c322eb1f59a257c6e63ae778f75f7356ed0c210d'],
  ])('with MAC %i', async (code, hex) => {
    expect((await secretKeyMac({ code }, challenge, 1))!.toString('hex')).toBe(hex)
  })

  test('with a derived key', async () => {
    const derivation = { salt: Buffer.from('salt'), iterations: 10_000, keyBits: 160 }
    const mac = await secretKeyMac({ code: SECRET_MAC.pbkdf2HmacSha1, derivation }, challenge, 10_000)
    expect(mac!.toString('hex')).toBe('254f66e82e1151620f71306fd7f332b1bbf80099')
  })

  test.each<[string, object]>([
    ['more iterations than are allowed', { iterations: 10_001 }],
    ['no iterations', { iterations: 0 }],
    ['a key of no whole octets', { keyBits: 161 }],
    ['a giant key', { keyBits: 0xffff_fff8 }],
  ])('with %s gets no MAC', async (_name, change) => {
    const derivation = { salt: Buffer.from('salt'), iterations: 10_000, keyBits: 160, ...change }
    expect(await secretKeyMac({ code: SECRET_MAC.pbkdf2HmacSha1, derivation }, challenge, 10_000)).toBeUndefined()
  })

  test('of a way that is not known get no MAC', async () => {
    expect(await secretKeyMac({ code: 0x77 }, challenge, 1)).toBeUndefined()
    expect(await secretKeyMac({ code: SECRET_MAC.pbkdf2HmacSha1 }, challenge, 1)).toBeUndefined()
    expect([hashCodeOf('SHA-256'), hashCodeOf('\u0002'), hashCodeOf('md5'), hashCodeOf('toString')]).toEqual([
      3,
      2,
      1,
      undefined,
    ])
    expect([secretMacFor({ major: 2, minor: 6 }), secretMacFor({ major: 2, minor: 7 })]).toEqual([0x02, 0x22])
  })
})

describe('keys', () => {
  test('the record of an RSA key is that key', () => {
    const { hex, spkiDerHex } = computedCase('HS_PUBKEY RSA')
    const key = keyOf(octetsOf(hex))
    expect(key.export({ format: 'der', type: 'spki' })).toEqual(octetsOf(spkiDerHex))
    expect(encodePublicKey(publicKeyRecord(key)!)).toEqual(octetsOf(hex))
  })

  test('the record of a DSA key is that key', () => {
    const { hex, json } = computedCase('HS_PUBKEY DSA')
    const key = keyOf(octetsOf(hex))
    expect(key.asymmetricKeyType).toBe('dsa')
    const der = key.export({ format: 'der', type: 'spki' })
    for (const number of ['p', 'q', 'g', 'y']) expect(der.includes(Buffer.from(json[number], 'base64url'))).toBe(true)
  })

  test.each([
    [1024, 160],
    [2048, 256],
  ])('what a DSA key of %i and %i bits signs is verified with its record', (modulusLength, divisorLength) => {
    const { privateKey, publicKey } = generateKeyPairSync('dsa', { modulusLength, divisorLength })
    const key = keyOf(encodePublicKey(dsaRecord(publicKey)))
    expect(verify('sha1', Buffer.from('x'), key, sign('sha1', Buffer.from('x'), privateKey))).toBe(true)
  })

  test('what an Ed25519 key signs is verified with its record', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const record = publicKeyRecord(publicKey)!
    expect(record.kind).toBe('ed25519')
    const key = keyOf(encodePublicKey(record))
    expect(verify(null, Buffer.from('x'), key, sign(null, Buffer.from('x'), privateKey))).toBe(true)
  })

  test.each<[string, HandlePublicKey]>([
    ['of Diffie-Hellman', { kind: 'dh', flags: 0, y: Uint8Array.of(1), p: Uint8Array.of(23), g: Uint8Array.of(5) }],
    ['of an unknown algorithm', { kind: 'other', flags: 0, name: 'X', octets: new Uint8Array(3) }],
    [
      'of RSA that anybody could sign with',
      { kind: 'rsa', flags: 0, exponent: Uint8Array.of(1), modulus: new Uint8Array(256).fill(0xff) },
    ],
    [
      'of RSA that is too short',
      { kind: 'rsa', flags: 0, exponent: Uint8Array.of(3), modulus: new Uint8Array(32).fill(0xff) },
    ],
    [
      'of RSA that would take for ever',
      { kind: 'rsa', flags: 0, exponent: Uint8Array.of(3), modulus: new Uint8Array(4096).fill(0xff) },
    ],
    ['without numbers', { kind: 'rsa', flags: 0, exponent: new Uint8Array(0), modulus: new Uint8Array(0) }],
    [
      'with giant numbers',
      {
        kind: 'dsa',
        flags: 0,
        q: new Uint8Array(70_000).fill(1),
        p: new Uint8Array(0),
        g: new Uint8Array(1),
        y: new Uint8Array(1),
      },
    ],
  ])('a key %s verifies nothing', (_name, key) => {
    expect(signatureKey(key)).toBeUndefined()
  })
})

describe('sessions', () => {
  const vector = computedCase('session key from DH, AES')

  function secretOf(own: unknown, other: unknown): Uint8Array {
    const key = decodePublicKey(octetsOf(other))
    if (!key.ok || key.value.kind !== 'dh') throw new Error('not a Diffie-Hellman key')
    const number = (octets: Uint8Array) => BigInt(`0x${Buffer.from(octets).toString('hex')}`)
    const secret = power(number(key.value.y), BigInt(`0x${own}`), number(key.value.p))
    return Buffer.from(secret.toString(16).padStart(256, '0'), 'hex')
  }

  test('both sides come to the key', () => {
    for (const secret of [
      secretOf(vector['clientX'], vector['serverPublicRecordHex']),
      secretOf(vector['serverX'], vector['clientPublicRecordHex']),
    ])
      expect(Buffer.from(sessionKeyOf(secret)).toString('hex')).toBe(vector['sessionKeyHex'])
  })

  test.each([
    ['zeros in front go', `00000102${'ff'.repeat(31)}`, `0102${'ff'.repeat(30)}`],
    [
      'but only while more than 32 octets remain',
      `0000${'00'.repeat(3)}${'ee'.repeat(29)}`,
      `${'00'.repeat(3)}${'ee'.repeat(29)}`,
    ],
    ['of a longer secret the first 32 octets count', 'ab'.repeat(40), 'ab'.repeat(32)],
    ['a short secret is its own key', '0001', '0001'],
  ])('%s', (_name, secret, key) => {
    expect(Buffer.from(sessionKeyOf(Buffer.from(secret, 'hex'))).toString('hex')).toBe(key)
  })

  test('a message is sealed and opened as others do it', () => {
    const key = octetsOf(vector['sessionKeyHex'])
    const sealed = octetsOf(vector['ivAndCiphertextHex'])
    const plain = octetsOf(vector['plaintextHex'])
    expect(open(key, sealed)).toEqual(plain)
    expect(seal(key, sealed.subarray(0, IV_OCTETS), plain)).toEqual(sealed)
  })

  test('what was not sealed with the key is not opened, and no exception', () => {
    const key = octetsOf(vector['sessionKeyHex'])
    const sealed = octetsOf(vector['ivAndCiphertextHex'])
    for (const wrong of [sealed.subarray(0, 16), sealed.subarray(0, 47), Buffer.alloc(0), Buffer.alloc(48)])
      expect(open(key, wrong)).toBeUndefined()
  })

  test('the data of an answer come back as they were', () => {
    const data = { cipher: 3, publicKey: new Uint8Array(octetsOf(vector['serverPublicRecordHex'])) }
    expect(decodeDiffieHellmanData(encodeDiffieHellmanData(data))).toEqual({ ok: true, value: data })
    expect(decodeDiffieHellmanData(Buffer.alloc(3))).toMatchObject({ ok: false, field: 'cipher' })
  })
})

test.each(computedCases().filter(({ hash }) => hash !== undefined))('$name', ({ handle, hash }) => {
  expect({
    byPrefix: siteHash(handle!, HASH_OPTIONS.byPrefix),
    bySuffix: siteHash(handle!, HASH_OPTIONS.bySuffix),
    byAll: siteHash(handle!, HASH_OPTIONS.byWhole),
  }).toEqual(hash)
  expect(serverPlace(handle!, HASH_OPTIONS.byWhole, 7)).toBe(hash!.byAll % 7)
})

/** Node gives a DSA key's numbers in DER only. */
function dsaRecord(key: KeyObject): HandlePublicKey {
  const der = key.export({ format: 'der', type: 'spki' })
  const integers: Uint8Array[] = []
  for (let at = 0; at < der.length; ) {
    const tag = der[at]!
    const long = der[at + 1]! & 0x80 ? der[at + 1]! & 0x7f : 0
    const length = long === 0 ? der[at + 1]! : der.readUIntBE(at + 2, long)
    const start = at + 2 + long
    if (tag === 0x02) integers.push(new Uint8Array(der.subarray(start, start + length)))
    // Sequences are entered, and so is the bit string, behind its octet of unused bits.
    at = tag === 0x30 ? start : tag === 0x03 ? start + 1 : start + length
  }
  const [p, q, g, y] = integers
  return { kind: 'dsa', flags: 0, p: p!, q: q!, g: g!, y: y! }
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}
