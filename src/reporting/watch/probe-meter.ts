/**
 * What this process finds out of the nodes of enterprises, one for each self-built prefix: counts by the hour, and how each
 * has been lately. Bounded; taken every few seconds by what stores it (probe-store.ts).
 */

import { isWrongAnswer, type NodeProbe } from '../../federation/probed.js'
import type { Extreme } from '../../observability/load-minutes.js'
import { messageOf } from '../../platform/errors.js'
import type { EventType } from '../duty/events.js'

export interface NodeHour {
  readonly prefix: string
  /** Milliseconds since the epoch, a whole hour. */
  readonly hourMs: number
  readonly probes: number
  readonly answered: number
  /** Of those that were answered. */
  readonly sumMs: number
  readonly fastest: Extreme | undefined
  readonly slowest: Extreme | undefined
}

/** Probes in a row that had the same outcome. */
export interface Run {
  readonly isUp: boolean
  readonly probes: number
  /** Of the first and of the last of them, in milliseconds since the epoch. */
  readonly fromMs: number
  readonly toMs: number
  /** Why the first failed. */
  readonly cause: string
  readonly type: EventType
}

export interface WatchedNode {
  readonly prefix: string
  readonly now: Run
  /** The first outage that ended since the last time; undefined: there was none. */
  readonly outage: Run | undefined
}

export interface Probes {
  /** Of the first probe that is counted here, in milliseconds since the epoch; undefined: nothing is. */
  readonly sinceMs: number | undefined
  /** Whether there is anything that this process watches. */
  readonly isWatching: boolean
  readonly hours: readonly NodeHour[]
  /** Those probed since the last time. */
  readonly nodes: readonly WatchedNode[]
}

export interface ProbeMeter {
  note(probe: NodeProbe): void
  /** All that was found since the last time. */
  take(): Probes
}

/** Failures in a row that make an outage: one may be lost on the way, or answered late. */
export const OUTAGE_PROBES = 3
/** More than a node of the national system has. Beyond, the one probed last of all is forgotten. */
const MAX_NODES = 4_096
/** Of each node: for so long the database may be away before the oldest go. */
const MAX_HOURS = 48
const HOUR_MS = 3_600_000

interface Node {
  now: Run
  outage: Run | undefined
  isProbed: boolean
  readonly hours: Map<number, NodeHour>
}

export function probeMeter(): ProbeMeter {
  const nodes = new Map<string, Node>()
  let sinceMs: number | undefined

  return {
    note(probe) {
      const { prefix, atMs } = probe
      sinceMs ??= atMs
      const node = nodes.get(prefix)
      // The one noted last is last.
      nodes.delete(prefix)
      nodes.set(prefix, node === undefined ? newNode(probe) : noted(node, probe))
      if (nodes.size > MAX_NODES) nodes.delete(nodes.keys().next().value!)
    },
    take() {
      const probed = [...nodes].filter(([, { isProbed }]) => isProbed)
      const taken = {
        sinceMs,
        isWatching: nodes.size > 0,
        hours: probed.flatMap(([, { hours }]) => [...hours.values()]),
        nodes: probed.map(([prefix, { now, outage }]) => ({ prefix, now, outage })),
      }
      sinceMs = undefined
      for (const [, node] of probed) {
        node.isProbed = false
        node.outage = undefined
        node.hours.clear()
      }
      return taken
    },
  }
}

function newNode(probe: NodeProbe): Node {
  const node: Node = { now: firstOf(probe), outage: undefined, isProbed: true, hours: new Map() }
  countHour(node.hours, probe)
  return node
}

function noted(node: Node, probe: NodeProbe): Node {
  const { now } = node
  if (now.isUp === probe.probed.isUp) node.now = { ...now, probes: now.probes + 1, toMs: probe.atMs }
  else {
    if (isOutage(now)) node.outage ??= now
    node.now = firstOf(probe)
  }
  node.isProbed = true
  countHour(node.hours, probe)
  return node
}

export function isOutage({ isUp, probes }: Run): boolean {
  return !isUp && probes >= OUTAGE_PROBES
}

function firstOf({ atMs, probed }: NodeProbe): Run {
  const told: Pick<Run, 'cause' | 'type'> = probed.isUp
    ? { cause: 'It answers again.', type: 'other' }
    : { cause: messageOf(probed.error), type: isWrongAnswer(probed.error) ? 'system' : 'network' }
  return { isUp: probed.isUp, probes: 1, fromMs: atMs, toMs: atMs, ...told }
}

function countHour(hours: Map<number, NodeHour>, { prefix, atMs, probed }: NodeProbe): void {
  const hourMs = Math.floor(atMs / HOUR_MS) * HOUR_MS
  const held = hours.get(hourMs) ?? noHour(prefix, hourMs)
  const counted = { ...held, probes: held.probes + 1 }
  hours.set(hourMs, probed.isUp ? timed(counted, { tookMs: probed.tookMs, atMs }) : counted)
  if (hours.size > MAX_HOURS) hours.delete(hours.keys().next().value!)
}

function noHour(prefix: string, hourMs: number): NodeHour {
  return { prefix, hourMs, probes: 0, answered: 0, sumMs: 0, fastest: undefined, slowest: undefined }
}

/** Of equal extremes the earlier stays. */
function timed(hour: NodeHour, answer: Extreme): NodeHour {
  const { answered, sumMs, fastest, slowest } = hour
  return {
    ...hour,
    answered: answered + 1,
    sumMs: sumMs + answer.tookMs,
    fastest: fastest && fastest.tookMs <= answer.tookMs ? fastest : answer,
    slowest: slowest && slowest.tookMs >= answer.tookMs ? slowest : answer,
  }
}
