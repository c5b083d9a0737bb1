/** Readers of option values. */
import { UsageError } from './failure.js'

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is not a whole number.`)
}

/** For an option that is repeated, or takes several between commas. */
export function collectList(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  return [...before, ...names.filter((name) => name !== '')]
}
