import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BinaryRow, ReplyReader, type ReportedError } from '../../src/platform/codec-postgres.js'

const CRLF = '\r\n'

test('however the bytes are cut, the rows, errors and ends of replies are the same', () => {
  const stream = Buffer.concat([
    message('2', Buffer.alloc(0)),
    message('D', row(['a', null, 'ü'])),
    message('D', row(['', 'b'.repeat(500), null])),
    message('C', Buffer.from('SELECT 2\0')),
    message('Z', Buffer.from('I')),
    message('N', Buffer.from('SNOTICE\0\0')),
    message('E', Buffer.from('SFEHLER\0VERROR\0C22012\0Mdivision by zero\0\0')),
    message('Z', Buffer.from('I')),
  ])
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
      const { reader, seen } = recording()
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length]
      for (const [index, place] of places.slice(1).entries()) reader.feed(stream.subarray(places[index], place))
      expect(seen).toEqual([
        ['a', undefined, 'ü'],
        ['', 'b'.repeat(500), undefined],
        'ready',
        { severity: 'ERROR', code: '22012', message: 'division by zero' },
        'ready',
      ])
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['a length below its own', Buffer.from([0x44, 0, 0, 0, 3])],
  ['a negative length', Buffer.from([0x44, 0xff, 0xff, 0xff, 0xff])],
  ['a length of gigabytes', Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff])],
  ['another protocol', Buffer.from(`HTTP/1.1 400 Bad Request${CRLF}${CRLF}`)],
])('%s is no message', (_, bytes) => {
  expect(() => recording().reader.feed(bytes)).toThrow('octets')
})

test('a row that ends before its columns do is refused, not read beyond', () => {
  const whole = row(['abc', 'def'])
  for (let length = 2; length < whole.length; length++) {
    const { reader, rows } = recording(2)
    const cut = Buffer.concat([message('D', whole.subarray(0, length)), message('D', row(['SECRET', 'SECRET']))])
    expect(() => reader.feed(cut), `${length} octets`).toThrow(/column/)
    expect(rows()).not.toContain('SECRET')
  }
})

test('random bytes are refused or waited for, and nothing worse', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (chunks) => {
      const { reader } = recording(1)
      try {
        for (const chunk of chunks) reader.feed(Buffer.from(chunk))
      } catch (error) {
        expect((error as Error).message).toMatch(/octets|column/)
      }
    }),
    { numRuns: 3_000 },
  )
})

function recording(columns = 3) {
  const seen: unknown[] = []
  const reader = new ReplyReader({
    row: (given: BinaryRow) => seen.push(Array.from({ length: columns }, () => given.text())),
    failed: (error: ReportedError) => seen.push(error),
    ready: () => seen.push('ready'),
  })
  return { reader, seen, rows: () => JSON.stringify(seen) }
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function row(columns: readonly (string | null)[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeInt16BE(columns.length)
  const parts = columns.flatMap((column) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(column === null ? -1 : Buffer.byteLength(column))
    return column === null ? [length] : [length, Buffer.from(column)]
  })
  return Buffer.concat([count, ...parts])
}
