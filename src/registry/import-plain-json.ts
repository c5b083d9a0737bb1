/**
 * NDJSON rows as most files have them, read octet by octet without building the JSON first:
 *
 *   row     {"identifier": text, "template": text?, "attributes": {name: text, …}?, "values": [value, …]?}
 *   value   {"index": number, "type": text, "data": text}
 *
 * members in any order, white space as JSON allows it, every text without escapes. Every other row, wrong or merely
 * unusual, is left to import-json-rows.ts.
 */
import { PlainRecord } from '../record/plain-record.js'
import { type PlainShape, plainShape } from '../record/plain-shape.js'
import { readPlainText, type Span, spanEquals } from '../record/plain-text.js'
import { TEMPLATES } from '../record/template.js'
import type { ImportOptions } from './import-options.js'
import { type GoodRow, plainRow, preconditionOf, type RowPlace } from './import-rows.js'

const QUOTE = 0x22
const COMMA = 0x2c
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const MAX_DIGITS = 10

const IDENTIFIER = Buffer.from('identifier')
const TEMPLATE = Buffer.from('template')
const ATTRIBUTES = Buffer.from('attributes')
const VALUES = Buffer.from('values')
const INDEX = Buffer.from('index')
const TYPE = Buffer.from('type')
const DATA = Buffer.from('data')

interface NamedShape {
  readonly name: Buffer
  readonly shape: PlainShape
}

const SHAPES: readonly NamedShape[] = [...TEMPLATES, undefined].map((template) => ({
  name: Buffer.from(template?.name ?? ''),
  shape: plainShape(template),
}))

/** The octets are one line, and UTF-8. undefined: for the ordinary reader. */
export function plainJsonRows(options: ImportOptions): (octets: Buffer, place: RowPlace) => GoodRow | undefined {
  const scan = new RowScan(Buffer.from(options.template))
  const precondition = preconditionOf(options)
  return (octets, place) => {
    const content = scan.read(octets, place.nowSeconds)
    if (content === undefined) return undefined
    const { from, to } = scan.identifier
    return plainRow(place, octets.toString('utf8', from, to), { content, precondition })
  }
}

class RowScan {
  /** `to` 0: has not come yet. */
  readonly identifier: Span = { from: 0, to: 0 }
  private readonly template: Span = { from: 0, to: 0 }
  private readonly name: Span = { from: 0, to: 0 }
  private readonly text: Span = { from: 0, to: 0 }
  private readonly type: Span = { from: 0, to: 0 }
  private readonly data: Span = { from: 0, to: 0 }
  private readonly record = new PlainRecord()
  private readonly ownShape: PlainShape | undefined
  private octets: Buffer = IDENTIFIER
  private at = 0

  /** `ownTemplate`: of rows that name none. */
  constructor(ownTemplate: Buffer) {
    this.ownShape = shapeNamed(ownTemplate, { from: 0, to: ownTemplate.length })
  }

  read(octets: Buffer, nowSeconds: number) {
    this.octets = octets
    this.at = 0
    this.identifier.to = 0
    this.template.to = 0
    this.record.begin(octets, nowSeconds)
    const isRow = this.members() && this.skipSpace() === undefined && this.identifier.to > 0
    if (!isRow) return undefined
    const shape = this.template.to === 0 ? this.ownShape : shapeNamed(octets, this.template)
    return shape && this.record.finish(shape)
  }

  private members(): boolean {
    let hasAttributes = false
    let hasValues = false
    if (!this.take(OPEN_OBJECT)) return false
    do {
      if (!this.readName()) return false
      if (this.isNamed(IDENTIFIER)) {
        if (this.identifier.to > 0 || !this.readText(this.identifier)) return false
      } else if (this.isNamed(ATTRIBUTES)) {
        if (hasAttributes || !this.attributes()) return false
        hasAttributes = true
      } else if (this.isNamed(VALUES)) {
        if (hasValues || !this.values()) return false
        hasValues = true
      } else if (!this.isNamed(TEMPLATE) || this.template.to > 0 || !this.readText(this.template)) return false
    } while (this.take(COMMA))
    return this.take(CLOSE_OBJECT)
  }

  private attributes(): boolean {
    if (!this.take(OPEN_OBJECT)) return false
    if (this.take(CLOSE_OBJECT)) return true
    do {
      if (!this.readName() || !this.readText(this.text)) return false
      this.record.addAttribute(this.name, this.text)
    } while (this.take(COMMA))
    return this.take(CLOSE_OBJECT)
  }

  private values(): boolean {
    if (!this.take(OPEN_LIST)) return false
    if (this.take(CLOSE_LIST)) return true
    do {
      if (!this.value()) return false
    } while (this.take(COMMA))
    return this.take(CLOSE_LIST)
  }

  private value(): boolean {
    let index = 0
    this.type.to = 0
    this.data.to = 0
    if (!this.take(OPEN_OBJECT)) return false
    do {
      if (!this.readName()) return false
      if (this.isNamed(INDEX)) {
        if (index > 0) return false
        index = this.readIndex()
        if (index === 0) return false
      } else if (this.isNamed(TYPE)) {
        if (this.type.to > 0 || !this.readText(this.type)) return false
      } else if (!this.isNamed(DATA) || this.data.to > 0 || !this.readText(this.data)) return false
    } while (this.take(COMMA))
    if (index === 0 || this.type.to === 0 || this.data.to === 0) return false
    this.record.addFree(index, this.type, this.data)
    return this.take(CLOSE_OBJECT)
  }

  private isNamed(name: Buffer): boolean {
    return spanEquals(this.octets, this.name, name)
  }

  /** A member's name and the colon after it. */
  private readName(): boolean {
    return this.readText(this.name) && this.take(COLON)
  }

  private readText(span: Span): boolean {
    if (!this.take(QUOTE)) return false
    span.from = this.at
    span.to = this.octets.length
    if (!readPlainText(this.octets, span, QUOTE) || span.to === this.octets.length) return false
    this.at = span.to + 1
    return true
  }

  /** 0: not a plain positive number. */
  private readIndex(): number {
    let index = 0
    this.skipSpace()
    const first = this.at
    for (; this.at < this.octets.length; this.at += 1) {
      const octet = this.octets[this.at]!
      if (octet < ZERO || octet > NINE) break
      // Leading zeros are not JSON.
      if (this.at - first === MAX_DIGITS || (index === 0 && this.at > first)) return 0
      index = index * 10 + octet - ZERO
    }
    return index
  }

  private take(wanted: number): boolean {
    if (this.skipSpace() !== wanted) return false
    this.at += 1
    return true
  }

  /** The octet that comes next; undefined at the end. */
  private skipSpace(): number | undefined {
    for (;;) {
      const octet = this.octets[this.at]
      if (octet !== 0x20 && octet !== 0x09 && octet !== 0x0d && octet !== 0x0a) return octet
      this.at += 1
    }
  }
}

function shapeNamed(octets: Buffer, name: Span): PlainShape | undefined {
  return SHAPES.find((known) => spanEquals(octets, name, known.name))?.shape
}
