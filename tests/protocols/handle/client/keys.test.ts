import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../../src/platform/byte-writer.js'
import { challengeAnswer } from '../../../../src/protocols/handle/client/identity.js'
import { readPrivateKey } from '../../../../src/protocols/handle/client/private-key.js'
import { decodePublicKeyAnswer } from '../../../../src/protocols/handle/codec-challenge.js'
import { magnitude, withSign } from '../../../../src/record/value-types/hs-pubkey.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })
const ed25519 = generateKeyPairSync('ed25519')

function file(encryption: number, name: string, numbers: readonly Uint8Array[]): Buffer {
  const writer = new ByteWriter().begin()
  writer.int4('encryption', encryption)
  writer.text('name', name)
  for (const number of numbers) writer.lengthAndOctets('number', withSign(number))
  return writer.finish()
}

function rsaNumbers(key: KeyObject, names: string): Uint8Array[] {
  const jwk = key.export({ format: 'jwk' }) as Record<string, string>
  return names.split(' ').map((name) => Buffer.from(jwk[name]!, 'base64url'))
}

/** Integers of PKCS #8, in order: version, p, q, g, x. */
function dsaNumbers(key: KeyObject): Uint8Array[] {
  const der = key.export({ format: 'der', type: 'pkcs8' })
  const integers: Uint8Array[] = []
  for (let at = 0; at < der.length; ) {
    const tag = der[at]!
    const long = der[at + 1]! & 0x80 ? der[at + 1]! & 0x7f : 0
    const length = long === 0 ? der[at + 1]! : der.readUIntBE(at + 2, long)
    const start = at + 2 + long
    if (tag === 0x02) integers.push(der.subarray(start, start + length))
    at = tag === 0x30 || tag === 0x04 ? start : start + length
  }
  const [, p, q, g, x] = integers
  return [x!, p!, q!, g!].map(magnitude)
}

const isPair = (privateKey: KeyObject, publicKey: KeyObject, hash: string | null) =>
  verify(hash, Buffer.from('x'), publicKey, sign(hash, Buffer.from('x'), privateKey))

test.each<[string, KeyObject, KeyObject, string | null]>([
  ['RSA', rsa.privateKey, rsa.publicKey, 'sha256'],
  ['DSA', dsa.privateKey, dsa.publicKey, 'sha256'],
  ['Ed25519', ed25519.privateKey, ed25519.publicKey, null],
])('an %s key comes from PEM, open or with a passphrase', (_name, privateKey, publicKey, hash) => {
  const open = privateKey.export({ format: 'pem', type: 'pkcs8' })
  expect(isPair(readPrivateKey(Buffer.from(open)), publicKey, hash)).toBe(true)
  const closed = Buffer.from(
    privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'word' }),
  )
  expect(isPair(readPrivateKey(closed, 'word'), publicKey, hash)).toBe(true)
  for (const wrong of ['other', undefined])
    expect(() => readPrivateKey(closed, wrong)).toThrow(expect.objectContaining({ reason: 'key-malformed' }))
})

describe('files of the Handle software', () => {
  test('with all numbers of an RSA key', () => {
    const key = readPrivateKey(file(1, 'RSA_PRIVCRT_KEY', rsaNumbers(rsa.privateKey, 'n e d p q dp dq qi')))
    expect(isPair(key, rsa.publicKey, 'sha256')).toBe(true)
  })

  test.each([65_537, 3, 17])('with modulus and private exponent alone, whose public one is %i', (publicExponent) => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1024, publicExponent })
    const key = readPrivateKey(file(1, 'RSA_PRIV_KEY', rsaNumbers(pair.privateKey, 'n d')))
    expect(createPublicKey(key).equals(pair.publicKey)).toBe(true)
    expect(isPair(key, pair.publicKey, 'sha256')).toBe(true)
  })

  test('with a DSA key', () => {
    const key = readPrivateKey(file(1, 'DSA_PRIV_KEY', dsaNumbers(dsa.privateKey)))
    expect(isPair(key, dsa.publicKey, 'sha256')).toBe(true)
  })

  test.each<[string, Buffer, RegExp]>([
    ['encrypted', file(4, 'RSA_PRIVCRT_KEY', []), /AES.*hdl-convert-key/],
    ['of an unknown kind', file(1, 'XYZ_PRIV_KEY', []), /XYZ_PRIV_KEY/],
    ['cut off', file(1, 'RSA_PRIVCRT_KEY', rsaNumbers(rsa.privateKey, 'n e d')), /cut off/],
    [
      'with something behind',
      Buffer.concat([file(1, 'RSA_PRIV_KEY', rsaNumbers(rsa.privateKey, 'n d')), Buffer.of(1)]),
      /too many/,
    ],
    ['whose numbers are no key', file(1, 'RSA_PRIV_KEY', [Buffer.alloc(128, 7), Buffer.alloc(128, 9)]), /unusual/],
    ['that are none', Buffer.from('hello world'), /neither PEM nor/],
    ['that are empty', Buffer.alloc(0), /neither PEM nor/],
  ])('%s are told of', (_name, octets, words) => {
    expect(() => readPrivateKey(octets)).toThrow(
      expect.objectContaining({ reason: 'key-malformed', message: expect.stringMatching(words) }),
    )
  })
})

test.each<[string, { privateKey: KeyObject; publicKey: KeyObject }, number, string, string | null]>([
  ['RSA', rsa, 11, 'SHA-256', 'sha256'],
  ['RSA', rsa, 6, 'SHA1', 'sha1'],
  ['DSA', dsa, 11, 'SHA-256', 'sha256'],
  ['DSA', dsa, 10, 'SHA1', 'sha1'],
  ['Ed25519', ed25519, 11, 'Ed25519', null],
])('an %s key proves itself to version 2.%#', async (_name, { privateKey, publicKey }, minor, algorithm, hash) => {
  const identity = { kind: 'key' as const, handle: '0.NA/88.1', index: 300, privateKey }
  const challenge = { nonce: Buffer.alloc(16, 1), requestDigest: Buffer.alloc(32, 2), version: { major: 2, minor } }
  const { answer, type } = await challengeAnswer(identity, challenge, (octets) => new Uint8Array(octets))
  const decoded = decodePublicKeyAnswer(answer)
  if (!decoded.ok) throw new Error(decoded.message)
  expect([type, decoded.value.algorithm]).toEqual(['HS_PUBKEY', algorithm])
  const octets = Buffer.concat([challenge.nonce, challenge.requestDigest])
  expect(verify(hash, octets, publicKey, decoded.value.signature)).toBe(true)
})

test('a secret proves itself by a hash to servers that know no better', async () => {
  const identity = { kind: 'secret' as const, handle: '0.NA/88.1', index: 300, secret: Buffer.from('s') }
  const challenge = { nonce: Buffer.alloc(16, 1), requestDigest: Buffer.alloc(20, 2) }
  const random = (octets: number) => new Uint8Array(octets)
  const by = async (minor: number) =>
    (await challengeAnswer(identity, { ...challenge, version: { major: 2, minor } }, random)).answer[0]
  expect([await by(6), await by(7), await by(11)]).toEqual([0x02, 0x22, 0x22])
})

test('a key of a kind that signs nothing here is told of', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const identity = { kind: 'key' as const, handle: '0.NA/88.1', index: 300, privateKey }
  const challenge = { nonce: Buffer.alloc(16), requestDigest: Buffer.alloc(32), version: { major: 2, minor: 11 } }
  await expect(challengeAnswer(identity, challenge, (octets) => new Uint8Array(octets))).rejects.toMatchObject({
    reason: 'key-malformed',
  })
})
