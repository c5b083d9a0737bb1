/** Tells a file in UTF-16, as spreadsheets save "Unicode text", by its first octets: read as UTF-8 every row of it would be a fault. */
import { NodeError } from '../platform/errors.js'

export interface EncodingWatch {
  /** Takes the octets of the file in order. @throws NodeError `record-invalid` once they show that they are UTF-16 */
  look(octets: Buffer): void
}

const LOOKED_AT_OCTETS = 64
const LEAST_OCTETS = 8
const MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]
const BLIND: EncodingWatch = { look: () => undefined }

/** `offset`: where in the file the octets begin; past its start nothing is looked at. */
export function encodingWatch(offset: number): EncodingWatch {
  if (offset > 0) return BLIND
  let first = Buffer.alloc(0)
  return {
    look(octets) {
      if (first.length >= LOOKED_AT_OCTETS) return
      first = Buffer.concat([first, octets.subarray(0, LOOKED_AT_OCTETS - first.length)])
      if (!isUtf16(first)) return
      throw new NodeError('record-invalid', 'The file is UTF-16; save it as UTF-8 and import it again.')
    },
  }
}

/** Without a mark: text in Latin letters, digits and separators has a NUL in every other octet, text in UTF-8 has none. */
function isUtf16(first: Buffer): boolean {
  if (MARKS.some((mark) => first.subarray(0, mark.length).equals(mark))) return true
  if (first.length < LEAST_OCTETS) return false
  let nuls = 0
  for (const octet of first) if (octet === 0) nuls += 1
  return nuls * 4 >= first.length
}
