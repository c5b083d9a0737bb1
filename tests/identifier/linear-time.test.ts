import { expect, test } from 'vitest'
import { isGtin, isUscc } from '../../src/identifier/check-digits.js'
import { decodePathIdentifier } from '../../src/identifier/decode.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { parsePrefix } from '../../src/identifier/prefix.js'
import { handleForm, parseHandle } from '../../src/identifier/schemes/handle.js'
import { parseOid } from '../../src/identifier/schemes/oid.js'
import { parseVaa, vaaOfHandle } from '../../src/identifier/schemes/vaa.js'
import { leastTimeMs } from '../support/least-time.js'

const LENGTH = 2 ** 16
const ROUNDS = 20
/** Anything below is noise of a shared machine. Quadratic work on this much text takes minutes. */
const NEGLIGIBLE_MS = 50

const READERS = [
  parseIdentifier,
  parsePrefix,
  parseHandle,
  parseVaa,
  parseOid,
  decodePathIdentifier,
  handleForm,
  vaaOfHandle,
  isGtin,
  isUscc,
]

test.each([
  ['digits', (length: number) => '1'.repeat(length)],
  ['arcs', (length: number) => '1.'.repeat(length / 2)],
  ['dots', (length: number) => '.'.repeat(length)],
  ['slashes', (length: number) => '/'.repeat(length)],
  ['trailing spaces', (length: number) => `88.118.8/x${' '.repeat(length)}`],
  ['capitals among other letters', (length: number) => `88.118.8/${'Aé'.repeat(length / 2)}`],
  ['VAA digits', (length: number) => `VAA${'0'.repeat(length)}`],
  ['carriers', (length: number) => 'urn:oid:'.repeat(length / 8)],
  ['arcs after a carrier', (length: number) => `urn:oid:${'1.'.repeat(length / 2)}x`],
  ['hdl: again and again', (length: number) => 'hdl:'.repeat(length / 4)],
  ['lone surrogates', (length: number) => '\ud800'.repeat(length)],
  ['percent signs', (length: number) => '%25'.repeat(length / 3)],
  ['escapes that are escapes again at the very end', (length: number) => `${'%25'.repeat(length / 3)}41`],
  ['escapes', (length: number) => '%E4%BA%A7'.repeat(length / 9)],
  ['a cut escape at the end', (length: number) => `${'%41'.repeat(length / 3)}%4`],
])('the time for %s grows no faster than the text', (_, textOf) => {
  timeMs(textOf(LENGTH))
  const single = timeMs(textOf(LENGTH))
  const double = timeMs(textOf(2 * LENGTH))
  expect(double).toBeLessThan(Math.max(NEGLIGIBLE_MS, 8 * single))
})

function timeMs(text: string): number {
  return leastTimeMs(ROUNDS, () => {
    for (const read of READERS) read(text)
  })
}
