/** The other nodes as a node knows them, over real sockets, above an own registry that only counts. */
import { afterEach } from 'vitest'
import { type Federation, type FederationOptions, federation } from '../../src/federation/federation.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { systemClock } from '../../src/platform/clock.js'
import { readConfig } from '../../src/platform/config.js'
import type { Answer } from '../../src/record/answer.js'
import type { Value } from '../../src/record/record.js'
import type { Route } from '../../src/resolution/authorities.js'
import type { Query, Step } from '../../src/resolution/resolve.js'

export const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

export interface Looking {
  /** Demands nothing but the identifier, unless told. */
  ask(identifier: string, more?: Omit<Query, 'identifier'>): Promise<Answer>
  readonly steps: Step[]
  /** Look-ups that came through to this node's own tiers. */
  readonly local: () => number
  readonly suspicions: string[]
  readonly routes: Map<string, Route>
  readonly others: Federation
}

export const OWN_PREFIX = '88.200.1'

export function looking(
  environment: Readonly<Record<string, string>>,
  more: Pick<FederationOptions, 'parentKey' | 'onProbed'> & {
    readonly records?: Readonly<Record<string, readonly Value[]>>
  } = {},
): Looking {
  const config = readConfig({ JIEXI_PROBE_SECONDS: '0', ...environment })
  const routes = new Map<string, Route>([[OWN_PREFIX, { prefix: OWN_PREFIX, state: 'active' }]])
  const suspicions: string[] = []
  const log = {
    warn: (...said: unknown[]) => void suspicions.push(JSON.stringify(said)),
    error: () => undefined,
  }
  const others = federation({ config, routes: () => routes, clock: systemClock, log, self: 'here', ...more })
  cleanUps.push(() => others.stop())
  let local = 0
  const resolve = others.layer(({ identifier: { key, prefix } }) => {
    local += 1
    const values = more.records?.[key]
    if (values !== undefined) return foundHere(key, prefix, values)
    return { kind: 'absent', key, prefix, version: 0, tier: 'registry', stamp: 0 }
  })
  const steps: Step[] = []
  const trace = { step: (layer: string, outcome: string) => void steps.push({ layer, outcome, atMs: 0 }) }
  const ask = async (text: string, query: Omit<Query, 'identifier'> = {}) => {
    const parsed = parseIdentifier(text)
    if (!parsed.ok) throw new Error(text)
    return resolve({ identifier: parsed.value, trace, ...query })
  }
  return { ask, steps, local: () => local, suspicions, routes, others }
}

function foundHere(key: string, prefix: string, values: readonly Value[]): Answer {
  const record = { key, spelling: key, prefix, version: 1, template: '', values, registeredAtMs: 0, recordedAtMs: 0 }
  return { kind: 'found', key, prefix, version: 1, tier: 'registry', stamp: 0, record }
}
