/**
 * A record whose values are still the bytes they are stored as. Most look-ups only send them on; whoever asks for the
 * values has them decoded then, once.
 */
import { readValue } from './codec-value.js'
import type { IdentifierRecord, Value } from './record.js'
import { WireReader } from './wire-reader.js'

/** Values as fields of one message (wire.ts), all with the same tag, one straight after the other. */
export interface EncodedValues {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  /** Of one octet. */
  readonly tag: number
}

export class EncodedRecord implements IdentifierRecord {
  readonly key: string
  readonly spelling: string
  readonly prefix: string
  readonly version: number
  readonly template: string
  readonly registeredAtMs: number
  readonly recordedAtMs: number
  readonly encoded: EncodedValues
  #values: readonly Value[] | undefined

  /** `about`: everything but the values. */
  constructor(about: Omit<IdentifierRecord, 'values'>, encoded: EncodedValues) {
    this.key = about.key
    this.spelling = about.spelling
    this.prefix = about.prefix
    this.version = about.version
    this.template = about.template
    this.registeredAtMs = about.registeredAtMs
    this.recordedAtMs = about.recordedAtMs
    this.encoded = encoded
  }

  /** @throws RecordCodecError */
  get values(): readonly Value[] {
    this.#values ??= decodeRun(this.encoded)
    return this.#values
  }
}

function decodeRun({ bytes, start, end }: EncodedValues): Value[] {
  const reader = new WireReader(bytes.subarray(start, end))
  const values: Value[] = []
  while (reader.tag() !== 0) values.push(readValue(reader))
  return values
}
