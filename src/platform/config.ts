/** The environment, read once into a frozen, typed Config. All faults are told at once, each with what is expected. */
import os from 'node:os'
import { type Fault, messageOf, NodeError } from './errors.js'
import { ROLE_FACTS } from './roles.js'
import { isApiAddress } from './setting-kinds.js'
import { type Config, SETTINGS, type Setting } from './settings.js'

export { type Config, LOG_LEVELS, type LogLevel, SETTINGS, settingsTable } from './settings.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** Not the node's, but in the same shell: the tests', the command-line client's, and those of compose.yaml. */
const OTHERS = /^JIEXI_(TEST_\w+|NODE|API_KEY|IMAGE|BASE|BIND|PORT_\d+)$/

const settings = Object.entries(SETTINGS) as [keyof Config, Setting<unknown>][]

/** @throws NodeError `request-malformed` with one fault per variable that cannot be used; its message lists them. */
export function readConfig(environment: Environment): Config {
  const faults: Fault[] = unknownNames(environment)
  const values: Partial<Record<keyof Config, unknown>> = {}
  for (const [key, setting] of settings) {
    const text = environment[setting.name] || setting.default
    try {
      values[key] = text === undefined ? undefined : setting.read(text.trim())
    } catch (error) {
      faults.push({ field: setting.name, reason: `${shown(setting, text)}: ${messageOf(error)}` })
    }
  }
  // Sample records have no place in a database that somebody else runs.
  values.demo ??= values.databaseUrl === undefined && values.role === 'secondary'
  values.nodeName ??= os.hostname()
  const config = values as Config
  if (faults.length === 0) faults.push(...contradictions(config))
  if (faults.length > 0) throw faulty(faults)
  return Object.freeze(config)
}

/** For logs and the banner: secrets are named, not shown. */
export function describeConfig(config: Config): Readonly<Record<string, unknown>> {
  const shownValues = settings.map(([key, setting]) => {
    const value = config[key]
    const isHidden = setting.isSecret === true && value !== undefined && value !== 'none'
    return [setting.name, isHidden ? withoutSecret(String(value)) : value]
  })
  return Object.fromEntries(shownValues.filter(([, value]) => value !== undefined))
}

/** The environment of this process: the one place where it is read. */
export function processEnvironment(): Environment {
  return process.env
}

/** Folders in which programs are looked for. */
export function commandPath(): string {
  return process.env['PATH'] ?? ''
}

/** Of an address, where it leads remains: enough to see a wrong one. Everything else is hidden whole. */
function withoutSecret(text: string): string {
  if (!/^\w+:\/\//.test(text) || !URL.canParse(text)) return '[hidden]'
  const { protocol, host, pathname } = new URL(text)
  return `${protocol}//${host}${pathname}`
}

function shown(setting: Setting<unknown>, text: string | undefined): string {
  // An address may hold a password where none belongs, too.
  return setting.isSecret ? 'cannot be used' : `"${text?.replaceAll(/\/\/[^/?#\s]*@/g, '//[hidden]@')}" cannot be used`
}

function contradictions(config: Config): Fault[] {
  return [...parentContradictions(config), ...roleContradictions(config), ...pollContradictions(config)]
}

function parentContradictions({ parent, parentPublicKey }: Config): Fault[] {
  const isNative = parent?.some((address) => !isApiAddress(address)) ?? false
  if (parentPublicKey === undefined || isNative) return []
  const reason = `needs a ${SETTINGS.parent.name} of tcp:// or udp://: other answers are not signed`
  return [{ field: SETTINGS.parentPublicKey.name, reason }]
}

/** A role that needs what is not set, or leaves nothing for what is. */
function roleContradictions({ role, nodePrefix, parent, parentApiKey, demo }: Config): Fault[] {
  const { holds } = ROLE_FACTS[role]
  const of = `${SETTINGS.role.name}=${role}`
  const faults: Fault[] = []
  if (holds === 'own' && nodePrefix === undefined)
    faults.push({ field: SETTINGS.nodePrefix.name, reason: `is needed for ${of}: the prefix that this node holds` })
  if (holds === 'none' && parent === undefined)
    faults.push({ field: SETTINGS.parent.name, reason: `is needed for ${of}: the node that is asked` })
  if (holds === 'none' && parentApiKey !== undefined)
    faults.push({ field: SETTINGS.parentApiKey.name, reason: `is not for ${of}: such a node has nothing to tell` })
  if (holds !== 'any' && demo)
    faults.push({ field: SETTINGS.demo.name, reason: `is not for ${of}: the sample records are of other prefixes` })
  return faults
}

function pollContradictions(config: Config): Fault[] {
  return [...pollFaults(config), ...certificateFaults(config)]
}

/** Several polls must fit into the bound, or one slow poll makes every cached answer outdated. */
function pollFaults(config: Config): Fault[] {
  if (config.pollIntervalMs * 4 <= config.stalenessBoundMs) return []
  const { name } = SETTINGS.pollIntervalMs
  return [
    {
      field: name,
      reason: `expected at most a quarter of ${SETTINGS.stalenessBoundMs.name} (${config.stalenessBoundMs})`,
    },
  ]
}

function certificateFaults({ handleTlsCert, handleTlsKey }: Config): Fault[] {
  if ((handleTlsCert === undefined) === (handleTlsKey === undefined)) return []
  const missing = handleTlsCert === undefined ? SETTINGS.handleTlsCert.name : SETTINGS.handleTlsKey.name
  return [{ field: missing, reason: 'a certificate and its key are set together: set this too, or neither' }]
}

function faulty(faults: readonly Fault[]): NodeError {
  const list = faults.map(({ field, reason }) => `  ${field}: ${reason}`).join('\n')
  return new NodeError('request-malformed', `The configuration cannot be used:\n${list}`, { faults })
}

/** A mistyped name would silently leave the default in force. */
function unknownNames(environment: Environment): Fault[] {
  const known = settings.map(([, { name }]) => name)
  return Object.keys(environment)
    .filter((name) => name.startsWith('JIEXI_') && !known.includes(name) && !OTHERS.test(name))
    .map((name) => ({ field: name, reason: `there is no such setting. Did you mean ${nearest(name, known)}?` }))
}

/** The one that shares most words with it; among those the one that takes the fewest keystrokes. */
function nearest(name: string, known: readonly string[]): string {
  const bare = name.replace('JIEXI_', '')
  const words = bare.split('_')
  const scored = known.map((other) => {
    const otherBare = other.replace('JIEXI_', '')
    const shared = otherBare.split('_').filter((word) => words.includes(word)).length
    return { other, shared, distance: editDistance(bare, otherBare) }
  })
  return scored.reduce((best, one) =>
    one.shared > best.shared || (one.shared === best.shared && one.distance < best.distance) ? one : best,
  ).other
}

/** Levenshtein: single-character insertions, deletions and replacements from one to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
