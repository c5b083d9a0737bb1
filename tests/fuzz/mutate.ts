/** Messages as nobody should send them: made from real ones by a few changes, the same for the same chance. */
import type { Random } from '../simulation/random.js'

const LENGTH_AT = 16
const OP_CODE_AT = 20
const RESPONSE_CODE_AT = 24
const FLAGS_AT = 28
const BODY_LENGTH_AT = 40
const BODY_AT = 44
const NUMBERS = [0, 1, 2, 3, 0x7f, 0xff, 0x100, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]
const OP_CODES = [0, 1, 2, 100, 102, 103, 105, 106, 200, 201, 300, 302, 400, 401, 402, 1000, 1003, 2000, 2001]
const RESPONSE_CODES = [0, 0, 1, 1, 2, 100, 201, 302, 303, 402, 408, 3001]

type Change = (bytes: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer

const CHANGES: readonly Change[] = [
  (bytes, random) => changed(bytes, random, (at) => bytes.writeUInt8(bytes[at]! ^ (1 << random.below(8)), at)),
  (bytes, random) => changed(bytes, random, (at) => bytes.writeUInt8(random.below(256), at)),
  setNumber,
  setNumber,
  cut,
  insert,
  splice,
  (bytes, random) => setAt(bytes, OP_CODE_AT, random.pick(OP_CODES)),
  (bytes, random) => setAt(bytes, RESPONSE_CODE_AT, random.pick(RESPONSE_CODES)),
  (bytes, random) => setAt(bytes, FLAGS_AT, random.pick([0, 0x0080_0000, 0x4000_0000, 0xffff_ffff])),
]

export function mutated(corpus: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus))
  for (let count = 1 + random.below(4); count > 0; count--) bytes = random.pick(CHANGES)(bytes, random, corpus)
  // With lengths that are wrong at once, little of the rest would ever be looked at.
  if (random.chance(0.4) && bytes.length >= BODY_AT + 4) setAt(bytes, BODY_LENGTH_AT, bytes.length - BODY_AT - 4)
  if (random.chance(0.8) && bytes.length >= LENGTH_AT + 4) setAt(bytes, LENGTH_AT, bytes.length - LENGTH_AT - 4)
  return bytes
}

function changed(bytes: Buffer, random: Random, change: (at: number) => void): Buffer {
  if (bytes.length > 0) change(random.below(bytes.length))
  return bytes
}

function setAt(bytes: Buffer, at: number, value: number): Buffer {
  if (bytes.length >= at + 4) bytes.writeUInt32BE(value, at)
  return bytes
}

/** Mostly lands on a length or a count, or next to one. */
function setNumber(bytes: Buffer, random: Random): Buffer {
  const near = [bytes.length, bytes.length - BODY_AT, bytes.length - LENGTH_AT - 4].map((length) => Math.max(length, 0))
  return setAt(bytes, random.below(Math.max(bytes.length - 3, 1)), random.pick([...NUMBERS, ...near]))
}

function cut(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length + 1)
  const length = random.chance(0.5) ? 1 + random.below(8) : bytes.length - from
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)])
}

function insert(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1)
  const octets = Buffer.alloc(1 + random.below(12), random.below(256))
  return Buffer.concat([bytes.subarray(0, at), octets, bytes.subarray(at)])
}

/** The beginning of one message and the end of another. */
function splice(bytes: Buffer, random: Random, corpus: readonly Buffer[]): Buffer {
  const other = random.pick(corpus)
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ])
}
