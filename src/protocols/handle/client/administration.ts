/** Changes, and what only administrators may know. Each needs an identity, unless the server asks nobody who he is. */
import { foldAscii } from '../../../identifier/characters.js'
import type { Body } from '../codec-body.js'
import type { HandleValue } from '../codec-value.js'
import { FLAG, OP, RC } from '../codes.js'
import { type Created, createdFrom, handlesIn, mustSucceed } from './answers.js'
import type { Call } from './asking.js'
import { refusalOf } from './converse.js'
import type { HandleFault } from './faults.js'
import type { Finding } from './finding.js'
import { DEFAULT_FLAGS, type Request } from './request.js'
import { faultOf } from './verification.js'

export interface CreateOptions {
  /** Replaces a record that is there. */
  readonly overwrites?: boolean
  /** The server makes the suffix up; the handle given is what it begins with. */
  readonly mintsSuffix?: boolean
}

export interface HandleAdministration {
  create(handle: string, values: readonly HandleValue[], options?: CreateOptions): Promise<Created>
  delete(handle: string): Promise<void>
  /** @param overwrites whether values with the same indexes are replaced */
  addValues(handle: string, values: readonly HandleValue[], overwrites?: boolean): Promise<void>
  /** Replaces the values with the same indexes, which must be there. */
  modifyValues(handle: string, values: readonly HandleValue[]): Promise<void>
  removeValues(handle: string, indexes: readonly number[]): Promise<void>
  /** All handles below a prefix, as they come. @param prefix with or without `0.NA/` */
  listHandles(prefix: string): AsyncGenerator<string>
  /** Tells the server that the prefix is among those it answers for. */
  home(prefix: string): Promise<void>
  unhome(prefix: string): Promise<void>
  listHomed(): AsyncGenerator<string>
}

export interface AdministrationOptions {
  readonly deadlineMs: () => number
  /** For what is asked on the way to the responsible server. */
  readonly flags: number
}

export function administration(finding: Finding, { deadlineMs, flags }: AdministrationOptions): HandleAdministration {
  const call = (): Call => ({
    purpose: 'administration',
    deadlineMs: deadlineMs(),
    flags,
    isAuthenticated: true,
    follows: true,
    takesRemembered: false,
  })
  const done = async (request: Request) => {
    const opened = await finding.ask(request, call())
    await opened.messages.return(undefined)
    mustSucceed(opened)
  }
  return {
    async create(handle, values, { overwrites = false, mintsSuffix = false } = {}) {
      const how = (overwrites ? FLAG.overwrite : 0) | (mintsSuffix ? FLAG.mintSuffix : 0)
      const opened = await finding.ask(change(OP.create, { kind: 'handle-values', handle, values }, how), call())
      await opened.messages.return(undefined)
      return createdFrom(opened, handle, mintsSuffix)
    },
    delete: (handle) => done(change(OP.delete, { kind: 'handle', handle })),
    addValues: (handle, values, overwrites = false) =>
      done(change(OP.addValues, { kind: 'handle-values', handle, values }, overwrites ? FLAG.overwrite : 0)),
    modifyValues: (handle, values) => done(change(OP.modifyValues, { kind: 'handle-values', handle, values })),
    removeValues: (handle, indexes) => done(change(OP.removeValues, { kind: 'handle-indexes', handle, indexes })),
    listHandles: (prefix) => listed(finding, handlesBelow(prefixHandle(prefix)), call()),
    home: (prefix) => done(change(OP.homePrefix, { kind: 'handle', handle: prefixHandle(prefix) })),
    unhome: (prefix) => done(change(OP.unhomePrefix, { kind: 'handle', handle: prefixHandle(prefix) })),
    listHomed: () => listed(finding, reading(OP.listHomedPrefixes, '/'), call()),
  }
}

const PREFIXES = '0.NA/'

export function prefixHandle(prefix: string): string {
  return foldAscii(prefix.slice(0, PREFIXES.length)) === foldAscii(PREFIXES) ? prefix : PREFIXES + prefix
}

function change(opCode: number, body: Body & { readonly handle: string }, flags = 0): Request {
  return { opCode, handle: body.handle, body, flags: DEFAULT_FLAGS | flags, isRepeatable: false }
}

function reading(opCode: number, handle: string): Request {
  return { opCode, handle, body: { kind: 'handle', handle }, flags: DEFAULT_FLAGS, isRepeatable: true }
}

function handlesBelow(handle: string): Request {
  return reading(OP.listHandles, handle)
}

/** A site with several servers has a part of the handles at each. */
async function* listed(finding: Finding, request: Request, call: Call): AsyncGenerator<string> {
  const below = request.opCode === OP.listHandles ? foldAscii(`${request.handle.slice(PREFIXES.length)}/`) : ''
  for (const alternatives of await finding.partsOf(request.handle, call)) {
    const { server, first, messages } = await finding.askAny(alternatives, request, call)
    try {
      if (first.header.responseCode !== RC.success) throw refusalOf(server, first)
      yield* checked(handlesIn(server, first), below, (what) => faultOf(server, 'invalid-answer', what))
      for await (const message of messages)
        yield* checked(handlesIn(server, message), below, (what) => faultOf(server, 'invalid-answer', what))
    } finally {
      await messages.return(undefined)
    }
  }
}

function checked(handles: readonly string[], below: string, fault: (what: string) => HandleFault): readonly string[] {
  const stranger = handles.find((handle) => !foldAscii(handle).startsWith(below))
  if (stranger === undefined) return handles
  throw fault(`lists ${JSON.stringify(stranger.slice(0, 300))}, which is not below the prefix`)
}
