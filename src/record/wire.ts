/**
 * The protobuf wire format, as much as our messages need.
 *
 *   message = *( tag payload )                 ; tag = field number * 8 + wire type
 *   payload = varint                           ; wire type 0
 *           / 8 octets / 4 octets              ; wire types 1, 5: only ever skipped
 *           / length *OCTET                    ; wire type 2: text, octets, messages
 *
 * Written by hand because a general library is lenient where we may not be: it folds malformed text into U+FFFD (two
 * contents, one digest), cuts numbers to 32 bits, and throws errors of several kinds. Groups (wire types 3 and 4,
 * long withdrawn from the language) count as malformed.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
import { NodeError } from '../platform/errors.js'

/** Bytes that are not what they should be, or a content that has no bytes. */
export class RecordCodecError extends NodeError {
  constructor(message: string) {
    super('internal', message)
    this.name = 'RecordCodecError'
  }
}

/** Tags of fields 1 to 15 fit one octet; our messages have no others. */
export const varintTag = (field: number): number => field << 3
export const lengthTag = (field: number): number => (field << 3) | 2
