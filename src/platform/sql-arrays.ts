/**
 * Arrays of SQL, made for thousands of elements.
 *
 * As parameters they go in Postgres' binary format: a Buffer is sent as it is. Against the text format this spares both
 * sides the quoting, and octets their doubling in hexadecimal. The type must be the parameter's, or the server refuses.
 *
 *   array    i32 dimensions = 1  i32 has nulls  u32 element type  i32 elements  i32 first index = 1  element …
 *   element  i32 octets (-1: null), and these
 *
 * Source: PostgreSQL, src/backend/utils/adt/arrayfuncs.c (array_recv).
 */

const BYTEA = 17
const INT8 = 20
const INT2 = 21
const TEXT = 25
const HEADER_OCTETS = 20
const NULL_LENGTH = -1

/** For a parameter of type text[]. */
export function textArray(texts: readonly (string | null)[]): Buffer {
  // A UTF-16 code unit takes at most three octets.
  const most = texts.reduce((total, text) => total + 4 + (text?.length ?? 0) * 3, HEADER_OCTETS)
  const array = Buffer.allocUnsafe(most)
  let at = HEADER_OCTETS
  for (const text of texts) {
    if (text === null) at = array.writeInt32BE(NULL_LENGTH, at)
    else {
      const octets = array.write(text, at + 4)
      array.writeInt32BE(octets, at)
      at += 4 + octets
    }
  }
  return finished(array.subarray(0, at), TEXT, texts)
}

/** For a parameter of type bytea[]. */
export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  const array = Buffer.allocUnsafe(values.reduce((total, value) => total + 4 + (value?.length ?? 0), HEADER_OCTETS))
  let at = HEADER_OCTETS
  for (const value of values) {
    at = array.writeInt32BE(value?.length ?? NULL_LENGTH, at)
    if (value === null) continue
    array.set(value, at)
    at += value.length
  }
  return finished(array, BYTEA, values)
}

/** For a parameter of type bigint[]. */
export function bigintArray(numbers: readonly (number | null)[]): Buffer {
  const array = Buffer.allocUnsafe(HEADER_OCTETS + numbers.length * 12)
  let at = HEADER_OCTETS
  for (const number of numbers) {
    at = array.writeInt32BE(number === null ? NULL_LENGTH : 8, at)
    if (number !== null) at = writeInt8(array, at, number)
  }
  return finished(array.subarray(0, at), INT8, numbers)
}

/** For a parameter of type smallint[]. */
export function smallintArray(numbers: readonly number[]): Buffer {
  const array = Buffer.allocUnsafe(HEADER_OCTETS + numbers.length * 6)
  let at = HEADER_OCTETS
  for (const number of numbers) at = array.writeInt16BE(number, array.writeInt32BE(2, at))
  return finished(array, INT2, numbers)
}

/** From what the server gives, as text: `{a,b}`. Quotes, nulls and further dimensions are left to `parseAny`. */
export function parseTextArray(
  text: string,
  parseAny: (text: string) => (string | null)[],
): readonly (string | null)[] {
  const isPlain = text[0] === '{' && !text.includes('"') && !text.includes('NULL') && !text.includes('{', 1)
  if (!isPlain) return parseAny(text)
  return text.length === 2 ? [] : text.slice(1, -1).split(',')
}

/** A safe integer, without the detour over BigInt. */
function writeInt8(array: Buffer, at: number, number: number): number {
  const high = Math.floor(number / 2 ** 32)
  return array.writeUInt32BE(number - high * 2 ** 32, array.writeInt32BE(high, at))
}

function finished(array: Buffer, type: number, elements: readonly unknown[]): Buffer {
  array.writeInt32BE(1, 0)
  array.writeInt32BE(elements.includes(null) ? 1 : 0, 4)
  array.writeUInt32BE(type, 8)
  array.writeInt32BE(elements.length, 12)
  array.writeInt32BE(1, 16)
  return array
}
