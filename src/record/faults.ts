/** Collects everything that is wrong with an input, so that it is all reported at once. */
import type { Fault } from '../platform/errors.js'

/** A longer list helps nobody; one input of a few megabytes could make millions. */
const MAX_FAULTS = 250
const MAX_SHOWN_CHARACTERS = 64
/** What a log, a terminal or a text column must not be given: controls and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/gu

export class FaultList {
  private readonly found: Fault[] = []
  private more = 0

  /** A reason that costs to word is given as a function, called only while the list has room. */
  add(field: string, wording: string | (() => string), position?: number): void {
    if (this.found.length === MAX_FAULTS) {
      this.more += 1
      return
    }
    const reason = typeof wording === 'string' ? wording : wording()
    this.found.push(position === undefined ? { field, reason } : { field, position, reason })
  }

  has(field: string): boolean {
    return this.found.some((fault) => fault.field === field)
  }

  get isEmpty(): boolean {
    return this.found.length === 0
  }

  list(): readonly Fault[] {
    if (this.more === 0) return this.found
    return [...this.found, { field: 'body', reason: `has ${this.more} faults more: correct those listed first` }]
  }
}

/** A name from outside as it may stand in a field path or a message. */
export function shown(name: string): string {
  if (name === '') return '""'
  const printable = name.slice(0, MAX_SHOWN_CHARACTERS).replace(UNPRINTABLE, '\uFFFD')
  return name.length > MAX_SHOWN_CHARACTERS ? `${printable}…` : printable
}
