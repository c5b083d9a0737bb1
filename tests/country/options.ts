/** What the command line of the little country says. */
import { parseArgs } from 'node:util'

export const USAGE = `npm run country -- [--identifiers 1000] [--check]

  --identifiers N   how many goods are registered, dealt out to the places
  --check           look everything up from every node, with all up and with each stopped in turn; exit code 1 if one answer is wrong
`

export interface Options {
  readonly identifiers: number
  readonly isChecking: boolean
}

/** @param most goods that there are. @throws RangeError that says what is wrong */
export function readOptions(args: readonly string[], most: number): Options {
  const { values } = parsed(args)
  const identifiers = Number(values.identifiers)
  if (!/^\d+$/.test(values.identifiers) || identifiers < 8 || identifiers > most)
    throw new RangeError(`--identifiers ${values.identifiers}: expected a whole number from 8 to ${most}`)
  return { identifiers, isChecking: values.check }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { identifiers: { type: 'string', default: '1000' }, check: { type: 'boolean', default: false } },
    })
  } catch (error) {
    throw new RangeError((error as Error).message)
  }
}
