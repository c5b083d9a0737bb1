/**
 * Certificates that sign themselves, of a subject of one's own: DER of RFC 5280, version 1. Node makes none, and not every
 * machine has a program that does.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface SelfSigned {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** PEM. */
  readonly key: string
  readonly cert: string
}

const OIDS = {
  CN: '0603550403',
  UID: '060a0992268993f22c640101',
  sha256WithRsa: '06092a864886f70d01010b',
} as const

/** @param subject its attributes in order, such as `[['CN', 'localhost']]` */
export function selfSigned(subject: readonly (readonly ['CN' | 'UID', string])[]): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const algorithm = der(0x30, Buffer.from(OIDS.sha256WithRsa, 'hex'), der(0x05))
  const name = der(
    0x30,
    ...subject.map(([attribute, text]) =>
      der(0x31, der(0x30, Buffer.from(OIDS[attribute], 'hex'), der(0x0c, Buffer.from(text)))),
    ),
  )
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')))
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const toBeSigned = der(0x30, der(0x02, Buffer.of(1)), algorithm, name, validity, name, spki)
  const signature = der(0x03, Buffer.of(0), sign('sha256', toBeSigned, privateKey))
  const certificate = der(0x30, toBeSigned, algorithm, signature)
  return {
    privateKey,
    publicKey,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content])
  const digits = content.length.toString(16)
  const length = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, content])
}
