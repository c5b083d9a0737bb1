/** How much, in the language of faults: times, rates, offsets of a clock, factors. */
export type AmountKind = 'time' | 'rate' | 'offset' | 'factor'

export interface Amount {
  readonly example: string
  /** @throws Error that says what was expected */
  parse(text: string): number
}

const TIME = /^(\d+(?:\.\d+)?)(ms|s|min)$/
const OFFSET = /^([+-]\d+(?:\.\d+)?)(ms|s|min|h|d)$/
const RATE = /^(\d+(?:\.\d+)?)(B|kB|MB)$/
const FACTOR = /^x(\d+(?:\.\d+)?)()$/
const UNITS: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
  ...{ B: 1, kB: 1_000, MB: 1_000_000 },
}

export const AMOUNTS: Readonly<Record<AmountKind, Amount>> = {
  time: { example: '80ms', parse: parseTime },
  rate: { example: '20kB', parse: (text) => parse(text, RATE, 'rate: write 800B, 20kB or 1MB') },
  offset: { example: '+1h', parse: (text) => parse(text, OFFSET, 'offset: write +500ms, -2s, +1h or -400d') },
  factor: { example: 'x5', parse: (text) => parse(text, FACTOR, 'factor: write x5') },
}

export function parseTime(text: string): number {
  return parse(text, TIME, 'time: write 250ms, 3s or 1.5min')
}

function parse(text: string, pattern: RegExp, otherwise: string): number {
  const [, number, unit] = pattern.exec(text) ?? []
  if (number === undefined) throw new Error(`"${text}" is no ${otherwise}`)
  return Number(number) * (UNITS[unit!] ?? 1)
}
