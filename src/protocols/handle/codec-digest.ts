/**
 * The digest of a request, in front of its response's body and in requests to verify a challenge.
 *
 *   digest = code octets              ; 1: MD5, 16 octets; 2: SHA-1, 20; 3: SHA-256, 32
 *          / length octets            ; old form: the first octet of the length is 0, as a code would not be
 *
 * Source: RFC 3652 §2.2.3, and software in use.
 */
import type { ByteReader } from '../../platform/byte-reader.js'
import { type ByteWriter, EncodingError } from '../../platform/byte-writer.js'
import { DIGEST } from './codec-version.js'

export interface RequestDigest {
  /** Of `DIGEST`. */
  readonly code: number
  readonly octets: Uint8Array
}

const OCTETS_BY_CODE: Readonly<Record<number, number>> = { [DIGEST.md5]: 16, [DIGEST.sha1]: 20, [DIGEST.sha256]: 32 }

export function readDigest(reader: ByteReader): RequestDigest {
  if (reader.peek() === DIGEST.unnamed) return { code: DIGEST.unnamed, octets: reader.lengthAndOctets('digest') }
  const { offset } = reader
  const code = reader.int1('digest.code')
  const length = OCTETS_BY_CODE[code]
  if (length !== undefined) return { code, octets: reader.octets(length, 'digest') }
  const message = `${code} is no code of a digest: 1 is MD5, 2 SHA-1, 3 SHA-256 (octet ${offset})`
  reader.fail('bad-value', { offset, field: 'digest.code', message })
  return { code: DIGEST.unnamed, octets: reader.octets(0, 'digest') }
}

export function writeDigest(writer: ByteWriter, { code, octets }: RequestDigest): void {
  if (code === DIGEST.unnamed) {
    if (octets.length > 0xff_ffff) throw new EncodingError('digest', 'its length would look like a code')
    writer.lengthAndOctets('digest', octets)
    return
  }
  if (OCTETS_BY_CODE[code] !== octets.length)
    throw new EncodingError('digest', `${octets.length} octets are none of code ${code}`)
  writer.int1('digest.code', code)
  writer.octets(octets)
}
