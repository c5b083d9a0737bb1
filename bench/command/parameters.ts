/** Reads a command line by a list of its options, and names every fault of it, not only the first. */
import { parseArgs } from 'node:util'

/** `flag` takes no value; `text` takes one, `texts` may be given several times. */
export type ParameterKind = 'flag' | 'text' | 'texts'

export interface Parameters<Name extends string> {
  has(flag: Name): boolean
  /** The last value given. */
  text(name: Name): string | undefined
  texts(name: Name): readonly string[]
  /** What stands there without an option. */
  readonly loose: readonly string[]
  readonly faults: readonly string[]
}

export function readParameters<Name extends string>(
  given: readonly string[],
  kinds: Readonly<Record<Name, ParameterKind>>,
): Parameters<Name> {
  const faults: string[] = []
  const values = new Map<string, string[]>()
  const loose: string[] = []
  for (const token of tokensOf(given, kinds)) {
    if (token.kind === 'positional') loose.push(token.value)
    if (token.kind !== 'option') continue
    const { rawName, name, value } = token
    const fault = Object.hasOwn(kinds, name) ? valueFault(kinds[name as Name], token) : 'there is no such option'
    if (fault === undefined) values.set(name, [...(values.get(name) ?? []), value ?? ''])
    else faults.push(`${rawName}: ${fault}`)
  }
  return {
    has: (flag) => values.has(flag),
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
    loose,
    faults,
  }
}

function tokensOf(given: readonly string[], kinds: Readonly<Record<string, ParameterKind>>) {
  const options = Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' } as const]),
  )
  return parseArgs({ args: [...given], options, strict: false, tokens: true }).tokens
}

function valueFault(
  kind: ParameterKind,
  { value, inlineValue }: { readonly value: string | undefined; readonly inlineValue: boolean | undefined },
): string | undefined {
  if (kind === 'flag') return value === undefined ? undefined : 'takes no value'
  // What looks like the next option is more likely that than a value.
  const isMissing = value === undefined || value === '' || (inlineValue !== true && value.startsWith('--'))
  return isMissing ? 'needs a value' : undefined
}
