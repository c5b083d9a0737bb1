/** HS_ALIAS: a handle that stands for another, which may stand for another in turn. */
import { isUnavailable, NodeError } from '../../platform/errors.js'
import type { Value } from '../../record/record.js'
import { selectValues, visibleValues } from '../../record/select.js'
import { RC } from '../handle/codes.js'
import { handleIdentifier } from '../handle/handle-text.js'
import { ApiRefusal } from './api-answer.js'
import type { HandleRestOptions } from './door-options.js'

export interface Alias {
  /** The handle at the end of the chain, as the last record writes it. */
  readonly target: string
  /** The value that began the chain. */
  readonly value: Value
}

const MAX_ALIASES = 10

/** Undefined when none of the values is an alias. @throws ApiRefusal `recursionTooHigh` when the chain goes round, or on and on */
export async function findAliasTarget(
  door: Pick<HandleRestOptions, 'resolve'>,
  values: readonly Value[],
): Promise<Alias | undefined> {
  const value = aliasIn(values)
  if (value === undefined) return undefined
  const seen = new Set<string>()
  let target = value.data as string
  for (;;) {
    const parsed = handleIdentifier(target)
    if (!parsed.ok) throw broken(`The handle stands for ${JSON.stringify(target)}, which is none. ${parsed.message}`)
    const { key } = parsed.value
    if (seen.has(key) || seen.size === MAX_ALIASES)
      throw broken(`The handle stands for others that never end: ${[...seen].join(', ')}.`)
    seen.add(key)
    const next = aliasIn(await publicValues(door, parsed.value))
    if (next === undefined) return { target, value }
    target = next.data as string
  }
}

/** None where the next handle is another node's, or gone: whoever is sent there is told so. */
async function publicValues(
  { resolve }: Pick<HandleRestOptions, 'resolve'>,
  identifier: Parameters<HandleRestOptions['resolve']>[0]['identifier'],
): Promise<readonly Value[]> {
  try {
    const answer = await resolve({ identifier })
    return answer.kind === 'found' ? visibleValues(answer.record.values, 'public') : []
  } catch (error) {
    if (error instanceof NodeError && !isUnavailable(error) && error.code !== 'internal') return []
    throw error
  }
}

function aliasIn(values: readonly Value[]): Value | undefined {
  return selectValues(values, { indexes: [], types: ['HS_ALIAS'], attributes: [] }).find(
    ({ data }) => typeof data === 'string' && data !== '',
  )
}

function broken(message: string): ApiRefusal {
  return new ApiRefusal(RC.recursionTooHigh, message)
}
