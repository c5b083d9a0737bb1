/**
 * A record's content as it goes into the database: the message StoredValues and the digest, in one piece.
 *
 *   content = length body length digest      ; lengths u32, big-endian
 *
 * That is also how Postgres' binary formats have two fields in a row, so that it is sent as it is.
 */
import { contentDigest, encodeValues } from './codec.js'
import type { Draft } from './draft-result.js'

export interface StoredContent {
  /** Template name, or ''. */
  readonly template: string
  /** Perhaps a view of memory that many records share. */
  readonly octets: Buffer
}

export const LENGTH_OCTETS = 4

export function storedContent({ template, values }: Draft): StoredContent {
  const body = encodeValues(values)
  const digest = contentDigest(template, values)
  const octets = Buffer.allocUnsafe(2 * LENGTH_OCTETS + body.length + digest.length)
  octets.set(body, octets.writeUInt32BE(body.length))
  octets.set(digest, octets.writeUInt32BE(digest.length, LENGTH_OCTETS + body.length))
  return { template, octets }
}

export function bodyOf({ octets }: StoredContent): Buffer {
  return octets.subarray(LENGTH_OCTETS, LENGTH_OCTETS + octets.readUInt32BE())
}

export function digestOf({ octets }: StoredContent): Buffer {
  return octets.subarray(2 * LENGTH_OCTETS + octets.readUInt32BE())
}
