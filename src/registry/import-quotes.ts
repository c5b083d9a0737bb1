/** Where records end, octet by octet: the grammar of import-records.ts. */

export const IMPORT_FORMATS = ['csv', 'tsv', 'ndjson'] as const
export type ImportFormat = (typeof IMPORT_FORMATS)[number]

export interface QuoteMachine {
  /** Takes one octet, in a line with `linesBefore` before it; true for the LF that ends a record. */
  step(octet: number, linesBefore: number): boolean
  /** The file ends here. The line of a quote that was never closed. */
  end(): number | undefined
  reset(): void
  /** Whether the record has a quoted field. */
  readonly quoted: boolean
  /** The first thing that is wrong in the record. */
  readonly fault: string | undefined
}

const FIELD_START = 0
const PLAIN = 1
const QUOTED = 2
/** A quote inside a quoted field: the field's end, or the first half of an escaped quote. */
const QUOTE_SEEN = 3
/** CR outside quotes: only LF may follow. */
const CR_SEEN = 4

const LF = 10
const CR = 13
const QUOTE = 34
const LONE_CR = 'a carriage return outside quotes with no line feed after it: end lines with LF or CRLF'
const STRAY_QUOTE = 'a quote inside a field that is not quoted: put the whole field in quotes and write the quote as ""'

export function quoteMachine(format: ImportFormat): QuoteMachine {
  if (format === 'ndjson') return LINES
  const delimiter = format === 'csv' ? 44 : 9
  let state = FIELD_START
  let quoteLine = 0
  const machine = {
    quoted: false,
    fault: undefined as string | undefined,
    step(octet: number, linesBefore: number): boolean {
      if (state === QUOTED) {
        if (octet === QUOTE) state = QUOTE_SEEN
        return false
      }
      if (octet === QUOTE && (state === FIELD_START || state === QUOTE_SEEN)) {
        if (state === FIELD_START) quoteLine = linesBefore + 1
        state = QUOTED
        machine.quoted = true
        return false
      }
      if (state === QUOTE_SEEN && octet !== LF && octet !== CR && octet !== delimiter) {
        machine.fault ??= `text after the closing quote of a field (the quote was opened in line ${quoteLine}); inside a quoted field write a quote as ""`
      } else if (state === CR_SEEN && octet !== LF) machine.fault ??= LONE_CR
      else if (octet === QUOTE && format === 'csv') machine.fault ??= STRAY_QUOTE
      if (octet === LF) return true
      state = octet === delimiter ? FIELD_START : octet === CR ? CR_SEEN : PLAIN
      return false
    },
    end(): number | undefined {
      if (state === CR_SEEN) machine.fault ??= LONE_CR
      return state === QUOTED ? quoteLine : undefined
    },
    reset(): void {
      state = FIELD_START
      machine.quoted = false
      machine.fault = undefined
    },
  }
  return machine
}

const LINES: QuoteMachine = {
  step: (octet) => octet === LF,
  end: () => undefined,
  reset: () => undefined,
  quoted: false,
  fault: undefined,
}
