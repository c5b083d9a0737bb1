/**
 * The batch look-up in the messages ResolveRequest and ResolveResults of proto/resolution.proto.
 * A record goes in as what is shown of it, or as bytes that are ready already, so that a cache of them serves batches too.
 */
import { type Fault, messageOf, NodeError } from '../../platform/errors.js'
import type { Staleness, Tier } from '../../record/answer.js'
import { lengthTag, RecordCodecError, varintTag } from '../../record/wire.js'
import { WireReader } from '../../record/wire-reader.js'
import { WireWriter } from '../../record/wire-writer.js'
import { decodeRecordMessage, type RecordMessage, type ShownRecord, writeRecord } from './codec-record.js'
import { type ResolveReferral, readReferral, writeReferral } from './codec-referral.js'

export interface ResolveProblem {
  readonly code: string
  readonly detail: string
  readonly faults?: readonly Fault[]
  readonly referral?: ResolveReferral
}

/** What the header fields of a single look-up say. */
export interface ResolveFreshness {
  /** 0: nothing was ever registered. */
  readonly version: number
  readonly tier: Tier
  readonly ageSeconds: number
  readonly stale?: Staleness
}

interface Asked {
  /** As asked for. */
  readonly identifier: string
  /** As HTTP would answer a request for this one. */
  readonly status: number
  /** Absent when there was no answer. */
  readonly freshness?: ResolveFreshness
}

/** Octets as `record`: a message Record, encoded already. */
export type ResolveResult = Asked &
  ({ readonly record: ShownRecord | Uint8Array } | { readonly problem: ResolveProblem })

/** What a client reads. */
export type ResolvedResult = Asked & ({ readonly record: RecordMessage } | { readonly problem: ResolveProblem })

const IDENTIFIERS = lengthTag(1)
const RESULTS = lengthTag(1)

const IDENTIFIER = lengthTag(1)
const STATUS = varintTag(2)
const RECORD = lengthTag(3)
const PROBLEM = lengthTag(4)
const FRESHNESS = lengthTag(5)

const VERSION = varintTag(1)
const TIER = varintTag(2)
const AGE_SECONDS = varintTag(3)
const STALE = lengthTag(4)

const STALE_REASON = lengthTag(1)
const STALE_AS_OF_MS = varintTag(2)

/** The numbers of the enum Tier; 0 is of no known tier. */
const TIERS: readonly Tier[] = ['memory', 'redis', 'registry', 'upstream', 'remembered']

const CODE = lengthTag(1)
const DETAIL = lengthTag(2)
const FAULTS = lengthTag(3)
const REFERRAL = lengthTag(4)

const FIELD = lengthTag(1)
const POSITION = varintTag(2)
const REASON = lengthTag(3)

// Encoding never awaits, so one writer serves every call.
const writer = new WireWriter()

export function encodeResolveRequest(identifiers: readonly string[]): Uint8Array {
  writer.begin()
  for (const identifier of identifiers) writer.presentText(IDENTIFIERS, identifier)
  return writer.finish()
}

/** @throws NodeError `request-malformed` when the bytes are no such message; how many may be asked is the door's rule */
export function decodeResolveRequest(bytes: Uint8Array): string[] {
  try {
    const reader = new WireReader(bytes)
    const identifiers: string[] = []
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === IDENTIFIERS) identifiers.push(reader.text())
      else reader.skip(tag)
    }
    return identifiers
  } catch (cause) {
    throw new NodeError(
      'request-malformed',
      `The body is no ResolveRequest of proto/resolution.proto: ${messageOf(cause)}.`,
      {
        cause,
        faults: [{ field: 'body', reason: messageOf(cause) }],
      },
    )
  }
}

export function encodeResolveResults(results: readonly ResolveResult[]): Uint8Array {
  writer.begin()
  for (const result of results) {
    const start = writer.open(RESULTS)
    writer.text(IDENTIFIER, result.identifier)
    writer.number(STATUS, result.status)
    if ('problem' in result) writeProblem(result.problem)
    else if (result.record instanceof Uint8Array) writer.octets(RECORD, result.record)
    else writeNestedRecord(result.record)
    if (result.freshness !== undefined) writeFreshness(result.freshness)
    writer.close(start)
  }
  return writer.finish()
}

function writeNestedRecord(shown: ShownRecord): void {
  const start = writer.open(RECORD)
  writeRecord(writer, shown)
  writer.close(start)
}

function writeFreshness({ version, tier, ageSeconds, stale }: ResolveFreshness): void {
  const start = writer.open(FRESHNESS)
  writer.number(VERSION, version)
  writer.number(TIER, 1 + TIERS.indexOf(tier))
  writer.number(AGE_SECONDS, ageSeconds)
  if (stale !== undefined) {
    const staleStart = writer.open(STALE)
    writer.text(STALE_REASON, stale.reason)
    writer.number(STALE_AS_OF_MS, Math.max(0, Math.floor(stale.asOfMs)))
    writer.close(staleStart)
  }
  writer.close(start)
}

function writeProblem({ code, detail, faults = [], referral }: ResolveProblem): void {
  const start = writer.open(PROBLEM)
  writer.text(CODE, code)
  writer.text(DETAIL, detail)
  for (const { field, position, reason } of faults) {
    const faultStart = writer.open(FAULTS)
    writer.text(FIELD, field)
    if (position !== undefined) writer.presentNumber(POSITION, position)
    writer.text(REASON, reason)
    writer.close(faultStart)
  }
  if (referral !== undefined) {
    const referralStart = writer.open(REFERRAL)
    writeReferral(writer, referral)
    writer.close(referralStart)
  }
  writer.close(start)
}

export function decodeResolveResults(bytes: Uint8Array): ResolvedResult[] {
  const reader = new WireReader(bytes)
  const results: ResolvedResult[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === RESULTS) results.push(readResult(reader))
    else reader.skip(tag)
  }
  return results
}

function readResult(reader: WireReader): ResolvedResult {
  const outerEnd = reader.enter()
  let identifier = ''
  let status = 0
  let outcome: { readonly record: RecordMessage } | { readonly problem: ResolveProblem } | undefined
  let freshness: ResolveFreshness | undefined
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === IDENTIFIER) identifier = reader.text()
    else if (tag === STATUS) status = reader.number()
    else if (tag === RECORD) outcome = { record: decodeRecordMessage(reader.octets()) }
    else if (tag === PROBLEM) outcome = { problem: readProblem(reader) }
    else if (tag === FRESHNESS) freshness = readFreshness(reader)
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  if (outcome === undefined) throw new RecordCodecError(`the result for ${identifier} has neither record nor problem`)
  return { identifier, status, ...outcome, ...(freshness && { freshness }) }
}

function readFreshness(reader: WireReader): ResolveFreshness {
  const outerEnd = reader.enter()
  let version = 0
  let tier = 0
  let ageSeconds = 0
  let asOfMs: number | undefined
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === VERSION) version = reader.number()
    else if (tag === TIER) tier = reader.number()
    else if (tag === AGE_SECONDS) ageSeconds = reader.number()
    else if (tag === STALE) asOfMs = readAsOfMs(reader)
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  const known = { version, tier: TIERS[tier - 1] ?? 'registry', ageSeconds }
  return asOfMs === undefined ? known : { ...known, stale: { reason: 'authority-unavailable', asOfMs } }
}

function readAsOfMs(reader: WireReader): number {
  const outerEnd = reader.enter()
  let asOfMs = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === STALE_AS_OF_MS) asOfMs = reader.number()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return asOfMs
}

function readProblem(reader: WireReader): ResolveProblem {
  const outerEnd = reader.enter()
  let code = ''
  let detail = ''
  const faults: Fault[] = []
  let referral: ResolveReferral | undefined
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === CODE) code = reader.text()
    else if (tag === DETAIL) detail = reader.text()
    else if (tag === FAULTS) faults.push(readFault(reader))
    else if (tag === REFERRAL) referral = readReferral(reader)
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return { code, detail, ...(faults.length === 0 ? {} : { faults }), ...(referral && { referral }) }
}

function readFault(reader: WireReader): Fault {
  const outerEnd = reader.enter()
  let field = ''
  let position: number | undefined
  let reason = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === FIELD) field = reader.text()
    else if (tag === POSITION) position = reader.number()
    else if (tag === REASON) reason = reader.text()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return position === undefined ? { field, reason } : { field, position, reason }
}
