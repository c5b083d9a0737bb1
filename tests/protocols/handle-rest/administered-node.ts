/** A Handle HTTP port with administration, over real TLS: the keys of 88.118.8 in its prefix record, and somebody for each. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { systemClock } from '../../../src/platform/clock.js'
import { NodeError } from '../../../src/platform/errors.js'
import { handleAdministration } from '../../../src/protocols/handle/administration/administration.js'
import { secretKeyMac } from '../../../src/protocols/handle/digests.js'
import { publicKeyRecord } from '../../../src/protocols/handle/keys.js'
import { signerWith } from '../../../src/protocols/handle/protection.js'
import { SESSION_SECONDS } from '../../../src/protocols/handle-rest/authentication.js'
import { sessionIds } from '../../../src/protocols/handle-rest/session-ids.js'
import type { Value } from '../../../src/record/record.js'
import { ADMIN_RIGHTS, ALL_ADMIN_RIGHTS, encodeAdmin } from '../../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../../src/record/value-types/hs-pubkey.js'
import { handleApiSessions } from '../../../src/registry/handle-api-sessions.js'
import { writeIdentifier } from '../../../src/registry/identifiers.js'
import { allotPrefix, loadRoutes } from '../../../src/registry/prefixes.js'
import { registeredBelow } from '../../../src/registry/registered-below.js'
import type { Administrator } from '../../../src/security/principal.js'
import { identifierOf } from '../../registry/fixture.js'
import { type SelfSigned, selfSigned } from '../../support/self-signed.js'
import { type AskOptions, type HandleReply, type HandleRestNode, handleRestNode } from './handle-rest-node.js'

export const PREFIX = '0.NA/88.118.8'
/** Of 301 at the prefix; of 302, who may add handles and do nothing else. */
export const SECRET = 'a secret: 100%'
export const ADDER_SECRET = 'a secret of an adder'
const ADMIN: Administrator = { kind: 'administrator', apiKeyId: 'configured' }

export interface AdministeredNode extends HandleRestNode {
  /** Over TLS, with that client certificate. */
  askSecurely(path: string, options?: AskOptions & { readonly certificate?: SelfSigned }): Promise<HandleReply>
  /** Holder of 300 at the prefix. */
  readonly holder: SelfSigned
  /** Of the node itself. */
  readonly nodeKey: ReturnType<typeof generateKeyPairSync>
  putPrefixRecord(values: readonly Value[]): Promise<void>
}

export async function administeredNode(): Promise<AdministeredNode> {
  const holder = selfSigned([
    ['CN', 'somebody'],
    ['UID', `300:${PREFIX}`],
  ])
  const nodeKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const node = await handleRestNode(({ registry, resolve }) => ({
    administering: {
      ...handleAdministration({
        registry,
        resolve,
        routes: () => loadRoutes(registry.db),
        clock: systemClock,
        serverAdministrators: [{ handle: PREFIX, index: 300 }],
      }),
      sessions: handleApiSessions(registry.db, SESSION_SECONDS),
      ids: sessionIds(randomBytes(32), systemClock),
      below: registeredBelow(registry.db),
      signer: signerWith(nodeKey.privateKey),
    },
  }))
  const { registry } = node.rest
  await allotPrefix(registry, ADMIN, { prefix: '0.NA' }).catch((error: unknown) => {
    // A node that keeps records of prefixes allots nothing to itself for them.
    if (!(error instanceof NodeError)) throw error
  })
  const putPrefixRecord = async (values: readonly Value[]) => {
    const item = { identifier: identifierOf(PREFIX), intent: 'register', template: '', values } as const
    await writeIdentifier(registry, ADMIN, item)
  }
  await putPrefixRecord(prefixValues(holder))
  const server = selfSigned([['CN', 'localhost']])
  const front = tls.createServer(
    { key: server.key, cert: server.cert, requestCert: true, rejectUnauthorized: false },
    (socket) => node.app.server.emit('connection', socket),
  )
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const { port } = front.address() as AddressInfo
  return {
    ...node,
    holder,
    nodeKey: nodeKey as unknown as AdministeredNode['nodeKey'],
    putPrefixRecord,
    askSecurely: (path, asked = {}) => askOverTls(port, path, asked),
    async close() {
      front.close()
      await node.close()
    },
  }
}

export function prefixValues(holder: SelfSigned): readonly Value[] {
  const key = encodePublicKey(publicKeyRecord(holder.publicKey)!)
  const admin = (index: number, who: number, permissions: number): Value =>
    value(index, 'HS_ADMIN', encodeAdmin({ handle: PREFIX, index: who, permissions, hasTail: false }))
  return [
    admin(100, 300, ALL_ADMIN_RIGHTS),
    admin(101, 301, ALL_ADMIN_RIGHTS),
    admin(102, 302, ADMIN_RIGHTS.addHandle),
    value(300, 'HS_PUBKEY', key),
    value(301, 'HS_SECKEY', SECRET, 0b1100),
    value(302, 'HS_SECKEY', ADDER_SECRET, 0b1100),
  ]
}

export function value(index: number, type: string, data: string | Uint8Array, permissions = 0b1110): Value {
  return { index, type, data, ttlSeconds: 86_400, permissions, timestampSeconds: 1_700_000_000 }
}

export function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** As pyhandle writes it, all of it percent-encoded. */
export const BY_PASSWORD = basic(encodeURIComponent(`301:${PREFIX}`), encodeURIComponent(SECRET))
export const BY_ADDER = basic(`302%3A${PREFIX}`, ADDER_SECRET)
export const AS_JSON = { 'content-type': 'application/json' }

export function handleHeader(members: Readonly<Record<string, string | number>>): Record<string, string> {
  const written = Object.entries(members).map(([name, text]) => `${name}="${text}"`)
  return { authorization: `Handle version="0", ${written.join(', ')}` }
}

/** The members of `WWW-Authenticate: Handle`. */
export function challengeIn({ headers }: HandleReply): Record<string, string> {
  const lines = [headers['www-authenticate'] ?? []].flat().join(', ')
  const [, handle = ''] = lines.split(/(?:^|, )Handle /)
  return Object.fromEntries([...handle.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name!, text!]))
}

export interface Challenged {
  readonly sessionId: string
  readonly nonce: string
}

export function signedAnswer({ sessionId, nonce }: Challenged, holder: SelfSigned, alg: 'SHA1' | 'SHA256' = 'SHA256') {
  const cnonce = randomBytes(16)
  const octets = Buffer.concat([Buffer.from(nonce, 'base64'), cnonce])
  const signature = sign(alg.toLowerCase(), octets, holder.privateKey).toString('base64')
  return { sessionId, id: `300:${PREFIX}`, type: 'HS_PUBKEY', cnonce: cnonce.toString('base64'), alg, signature }
}

export async function secretAnswer({ sessionId, nonce }: Challenged, alg: string, secret = SECRET) {
  const cnonce = randomBytes(16)
  const salt = randomBytes(16)
  const derivation = { salt, iterations: 10_000, keyBits: 160 }
  const codes = { SHA1: 2, SHA256: 3, 'HMAC-SHA1': 0x12, 'HMAC-SHA256': 0x13, PBKDF2WithHmacSHA1: 0x22 }
  const code = codes[alg as keyof typeof codes]
  const challenge = { secret: Buffer.from(secret), nonce: Buffer.from(nonce, 'base64'), requestDigest: cnonce }
  const mac = await secretKeyMac({ code, derivation }, challenge, 10_000)
  return {
    sessionId,
    id: `301:${PREFIX}`,
    type: 'HS_SECKEY',
    cnonce: cnonce.toString('base64'),
    alg,
    signature: mac!.toString('base64'),
    ...(code === 0x22 ? { salt: salt.toString('base64'), iterations: 10_000, length: 160 } : {}),
  }
}

function askOverTls(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, certificate }: AskOptions & { readonly certificate?: SelfSigned },
): Promise<HandleReply> {
  const own = certificate === undefined ? {} : { key: certificate.key, cert: certificate.cert }
  const options = { host: '127.0.0.1', port, path, method, headers, agent: false, rejectUnauthorized: false, ...own }
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options as never, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = response.headers['content-type']?.startsWith('application/json') === true && text !== ''
        resolve({
          status: response.statusCode!,
          headers: response.headers as HandleReply['headers'],
          text,
          json: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
