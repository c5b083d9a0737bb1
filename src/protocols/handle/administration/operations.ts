/** Administration, authentication and sessions as operations of the native protocol. */
import type { Clock } from '../../../platform/clock.js'
import type { RouteTable } from '../../../resolution/authorities.js'
import { BY_SECRET_KEY } from '../codec-challenge.js'
import { suggestionOf } from '../codec-envelope.js'
import type { Version } from '../codec-version.js'
import { isOlder, VERSION_2_11, VERSION_3_0 } from '../codec-version.js'
import { FLAG, hasFlag, OP, RC } from '../codes.js'
import type { Operation, OperationRequest, Operations, Reply } from '../operation.js'
import type { Protection, RestrictedReads } from '../protection.js'
import { type AdministrationOptions, handleAdministration } from './administration.js'
import { type Challenges, challenges } from './challenges.js'
import type { Administration, HandlePage, Identities, ListedHandles, Outcome, Written } from './contract.js'
import { readHandle, responsibleRoute } from './handle-names.js'
import { logins, speaksNationalDialect } from './logins.js'
import { EMPTY, errorReply, refusalReply } from './replies.js'
import { sessions } from './sessions.js'

export interface NativeAdministrationOptions extends AdministrationOptions {
  /** The highest the node speaks. */
  readonly version?: Version
  /** All operations, look-ups included: what is challenged may be any of them. */
  readonly operations: () => Operations
  readonly takesPlainPasswords?: boolean
}

export interface NativeAdministration {
  readonly operations: Operations
  readonly protection: Protection
  readonly restrictedReads: RestrictedReads
  readonly identities: Identities
  readonly administration: Administration
}

export function nativeAdministration(options: NativeAdministrationOptions): NativeAdministration {
  const { registry, version = VERSION_2_11, takesPlainPasswords = false } = options
  const { identities, administration } = handleAdministration(options)
  const protection = sessions(registry.db)
  const asked = challenges({
    db: registry.db,
    identities,
    sessions: protection,
    version,
    operations: options.operations,
  })
  const login = logins({ identities, challenges: asked, takesPlainPasswords })
  const { routes, clock } = options
  const parts: Parts = { administration, challenges: asked, identities, routes, clock }
  const operations: [number, Operation][] = [
    ...recordOperations(parts),
    ...prefixOperations(parts),
    [OP.answerChallenge, asked.answer],
    [OP.verifyChallenge, (request) => verify(parts, request)],
    [OP.setUpSession, protection.setUp],
    [OP.terminateSession, protection.terminate],
    [OP.exchangeSessionKey, () => errorReply(RC.notSupported, 'Set the session up by Diffie-Hellman, mode 4.')],
    [OP.loginByKey, login.byKey],
    [OP.loginByPassword, login.byPassword],
    ...REPLICATION.map((opCode): [number, Operation] => [opCode, noReplication]),
  ]
  return {
    operations: new Map(operations),
    protection,
    restrictedReads: {
      mayRead: async (identity, record) => (await administration.refusedToRead(identity, record)) === undefined,
      challenge: asked.issue,
    },
    identities,
    administration,
  }
}

interface Parts {
  readonly administration: Administration
  readonly challenges: Challenges
  readonly identities: Identities
  readonly routes: () => RouteTable | Promise<RouteTable>
  readonly clock: Clock
}

function recordOperations(parts: Parts): [number, Operation][] {
  const { administration } = parts
  return [
    administrative(parts, OP.create, async ({ body, by, flags }) => {
      if (body.kind !== 'handle-values') return malformed()
      const { handle, values } = body
      const [overwrite, mint] = [hasFlag(flags, FLAG.overwrite), hasFlag(flags, FLAG.mintSuffix)]
      const created = await administration.create(by, { handle, values, overwrite, mint })
      return replyWith(created, (written) => ({
        ...flagged(written),
        body: { kind: 'handle', handle: written.handle },
      }))
    }),
    administrative(parts, OP.delete, async ({ body, by }) =>
      body.kind === 'handle' ? replyWith(await administration.remove(by, body.handle), () => EMPTY) : malformed(),
    ),
    administrative(parts, OP.addValues, async ({ body, by, flags }) => {
      if (body.kind !== 'handle-values') return malformed()
      return replyWith(
        await administration.addValues(by, { ...body, overwrite: hasFlag(flags, FLAG.overwrite) }),
        (written) => ({ ...EMPTY, ...flagged(written) }),
      )
    }),
    administrative(parts, OP.modifyValues, async ({ body, by }) =>
      body.kind === 'handle-values' ? replyWith(await administration.modifyValues(by, body), () => EMPTY) : malformed(),
    ),
    administrative(parts, OP.removeValues, async ({ body, by }) =>
      body.kind === 'handle-indexes'
        ? replyWith(await administration.removeValues(by, body), () => EMPTY)
        : malformed(),
    ),
  ]
}

function prefixOperations(parts: Parts): [number, Operation][] {
  const { administration } = parts
  return [
    listing(parts, OP.listHandles, (by, page) => administration.listHandles(by, page)),
    listing(parts, OP.listHomedPrefixes, (by, page) => administration.listHomed(by, page)),
    listing(parts, OP.listDerivedPrefixes, (by, page) => administration.listDerivedPrefixes(by, page)),
    administrative(parts, OP.homePrefix, async ({ body, by }) =>
      body.kind === 'handle' ? replyWith(await administration.home(by, body.handle), () => EMPTY) : malformed(),
    ),
    administrative(parts, OP.unhomePrefix, async ({ body, by }) =>
      body.kind === 'handle' ? replyWith(await administration.unhome(by, body.handle), () => EMPTY) : malformed(),
    ),
  ]
}

interface Asked {
  readonly body: OperationRequest['message']['body']
  readonly by: OperationRequest['identity']
  readonly flags: number
}

type Answered = Reply | 'authenticate'

/** What can't be carried out for want of an identity is challenged. */
function administrative(parts: Parts, opCode: number, work: (asked: Asked) => Promise<Answered>): [number, Operation] {
  return [
    opCode,
    async (request) => {
      const refusal = transportRefusal(request)
      if (refusal !== undefined) return refusal
      const { body, header } = request.message
      const answered = await work({ body, by: senderOf(request), flags: header.opFlags })
      return answered === 'authenticate' ? demandProof(parts, request) : answered
    },
  ]
}

function senderOf({ identity, peer }: OperationRequest): OperationRequest['identity'] {
  return identity ?? peer.connection?.login
}

function transportRefusal({ peer }: OperationRequest): Reply | undefined {
  if (peer.transport !== 'udp') return undefined
  return errorReply(RC.protocolError, 'Administration takes TCP or HTTP: anybody could have sent this datagram.')
}

function demandProof({ challenges: asked }: Parts, request: OperationRequest): Promise<Reply> | Reply {
  if (request.peer.connection !== undefined && speaksNationalDialect(request.message)) {
    return errorReply(RC.loginFirst, 'Log in first, with operation 2001.')
  }
  return asked.issue(request)
}

function replyWith<Value>(outcome: Outcome<Value>, reply: (value: Value) => Omit<Reply, 'responseCode'>): Answered {
  if (outcome.ok) return { ...reply(outcome.value), responseCode: RC.success }
  return outcome.responseCode === RC.authenticationNeeded ? 'authenticate' : refusalReply(outcome)
}

function flagged({ overwritten }: Written): Pick<Reply, 'flags'> {
  return overwritten ? { flags: FLAG.overwrite } : {}
}

function malformed(): Reply {
  return errorReply(RC.protocolError, 'The body is not that of this operation.')
}

/** As many handles are in one message. */
const CHUNK = 50
const PAGE = 500

type ListPage = (by: OperationRequest['identity'], page: HandlePage) => Promise<Outcome<ListedHandles>>

/** Pages are read as they are sent: the whole list is never in memory. */
function listing(parts: Parts, opCode: number, list: ListPage): [number, Operation] {
  return [opCode, (request) => chunks(parts, { request, opCode, list })]
}

interface Listing {
  readonly request: OperationRequest
  readonly opCode: number
  readonly list: ListPage
}

async function* chunks(parts: Parts, { request, opCode, list }: Listing): AsyncIterable<Reply> {
  const { body } = request.message
  const refusal = transportRefusal(request) ?? versionRefusal(request, opCode)
  if (refusal !== undefined || body.kind !== 'handle') {
    yield refusal ?? malformed()
    return
  }
  const by = senderOf(request)
  let waiting: readonly string[] = []
  let after: string | undefined
  do {
    const page = await list(by, { prefix: body.handle, limit: PAGE, ...(after === undefined ? {} : { after }) })
    if (!page.ok) {
      yield page.responseCode === RC.authenticationNeeded ? await demandProof(parts, request) : refusalReply(page)
      return
    }
    waiting = [...waiting, ...page.value.handles]
    after = page.value.next
    // One chunk is held back, so that the last is not an empty one.
    for (; waiting.length > CHUNK; waiting = waiting.slice(CHUNK)) yield handlesReply(waiting.slice(0, CHUNK))
  } while (after !== undefined)
  yield handlesReply(waiting)
}

function handlesReply(handles: readonly string[]): Reply {
  return { responseCode: RC.success, body: { kind: 'handles', handles } }
}

function versionRefusal({ message }: OperationRequest, opCode: number): Reply | undefined {
  if (opCode !== OP.listDerivedPrefixes || !isOlder(suggestionOf(message.envelope), VERSION_3_0)) return undefined
  return errorReply(RC.notSupported, 'Derived prefixes are listed from version 3.0 on.')
}

/** Whether an answer was made with a secret that only its home knows: other servers ask here. */
async function verify({ identities, routes }: Parts, { message, peer }: OperationRequest): Promise<Reply> {
  const { body } = message
  if (body.kind !== 'challenge-check') return malformed()
  const name = readHandle(body.handle)
  if (!name.ok) return refusalReply(name)
  if (responsibleRoute(await routes(), name.value) === undefined) {
    return errorReply(RC.notResponsible, `${body.handle} is not a handle of this node.`)
  }
  const { handle, index, nonce, digest, answer } = body
  const proof = { type: BY_SECRET_KEY, handle, index, nonce, requestDigest: digest.octets, answer, from: peer.address }
  const proven = await identities.prove(proof)
  const isDenied = !proven.ok && [RC.authenticationFailed, RC.invalidAdmin].some((code) => code === proven.responseCode)
  if (!proven.ok && !isDenied) return refusalReply(proven)
  return { responseCode: RC.success, body: { kind: 'verified', isVerified: proven.ok } }
}

const REPLICATION = [OP.nextTransactionId, OP.retrieveTransactions, OP.dumpHandles, OP.backUpServer]

function noReplication(): Reply {
  return errorReply(RC.notSupported, 'This node has no mirrors of this kind: follow GET /v1/changes instead.')
}
