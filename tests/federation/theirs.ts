/** What Handle servers of others have said, as answers to requests of ours: octet for octet, but for what must differ. */
import { encodeMessage, type Message } from '../../src/protocols/handle/codec-message.js'
import { decodeSite, encodeSite, TRANSPORTS } from '../../src/record/value-types/hs-site.js'
import { handleIn } from '../protocols/handle/client/replies.js'
import type { ScriptedServer } from '../protocols/handle/client/scripted-server.js'
import { mustDecode, wholeMessages } from '../protocols/handle/whole-messages.js'
import { exchanges } from '../support/handle-vectors.js'

/** The first that was said to what was asked. */
export function said(name: string): Buffer {
  const found = exchanges().find((exchange) => exchange.name === name)
  if (found === undefined) throw new Error(`no exchange ${name}`)
  return wholeMessages(found.responses)[0]!
}

const ID_AT = 8
const EXPIRATION_AT = 20 + 16
const hour = () => Math.floor(Date.now() / 1000) + 3_600

/** Their octets as the answer to this request. */
export function asAnswer(octets: Buffer, request: Buffer): Buffer {
  const answer = Buffer.from(octets)
  request.copy(answer, ID_AT, ID_AT, ID_AT + 4)
  answer.writeUInt32BE(hour(), EXPIRATION_AT)
  return answer
}

/** The same for another handle. */
export function about(
  octets: Buffer,
  request: Buffer,
  change: (message: Message) => Partial<Message> = () => ({}),
): Buffer {
  const message = mustDecode(asAnswer(octets, request))
  const body = message.body.kind === 'handle-values' ? { ...message.body, handle: handleIn(request) } : message.body
  const named = { ...message, body }
  return encodeMessage({ ...named, ...change(named) })
}

/** Their site, whose servers are these. */
export function moved(octets: Uint8Array, servers: readonly ScriptedServer[]): Uint8Array {
  const site = decodeSite(octets)
  if (!site.ok) throw new Error(site.message)
  const interfaces = servers.map(({ address: { transport, port } }) => ({
    type: 3,
    transport: TRANSPORTS[transport],
    port,
  }))
  return encodeSite({
    ...site.value,
    servers: site.value.servers.map((one) => ({ ...one, address: '127.0.0.1', interfaces })),
  })
}

/** What their root says of 88.200, of this prefix: with all values, of which some concern prefixes below, with sites moved. */
export const recordOf = (request: Buffer, ...servers: readonly ScriptedServer[]) =>
  about(said('root/root-resolve-0.NA_88.200-2.11'), request, ({ body }) =>
    body.kind !== 'handle-values'
      ? {}
      : {
          body: {
            ...body,
            values: body.values.map((value) =>
              // Where the prefixes below are known nothing listens.
              value.type === 'HS_SITE' ? { ...value, data: moved(value.data, servers) } : value,
            ),
          },
        },
  )
