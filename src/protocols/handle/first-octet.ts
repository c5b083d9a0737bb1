/**
 * TLS and plain connections on one port, told apart by the first octet: a TLS client begins with a handshake record (%x16,
 * RFC 8446 §5.1), and no request of HTTP begins so.
 */
import type { Socket } from 'node:net'
import { createServer, type Server } from 'node:tls'

export interface Certificate {
  /** Both as PEM. */
  readonly cert: string
  readonly key: string
}

type Take = (connection: Socket) => void

const HANDSHAKE = 0x16
const FIRST_OCTET_WITHIN_MS = 10_000

/** Without a certificate there is nothing to tell apart. @throws Error for one that is none, or not that of the key */
export function plainOrTls(take: Take, certificate: Certificate | undefined): Take {
  if (certificate === undefined) return take
  // A client's certificate is asked for and not judged: its key is what counts, for whoever the record says has it (handle-rest).
  const asked = { requestCert: true, rejectUnauthorized: false }
  const secure = createServer(
    { ...certificate, ...asked, handshakeTimeout: FIRST_OCTET_WITHIN_MS, noDelay: true },
    take,
  )
  // A handshake that failed: its client knows.
  secure.on('tlsClientError', () => undefined)
  return (connection) => sort(connection, { plain: take, secure })
}

function sort(connection: Socket, { plain, secure }: { readonly plain: Take; readonly secure: Server }): void {
  const end = () => connection.destroy()
  connection.setTimeout(FIRST_OCTET_WITHIN_MS, end)
  connection.once('error', end)
  connection.once('end', end)
  connection.once('data', (octets) => {
    connection.pause()
    connection.setTimeout(0)
    for (const event of ['timeout', 'error', 'end']) connection.off(event, end)
    connection.unshift(octets)
    if (octets[0] === HANDSHAKE) {
      // It takes what was put back by itself; a connection that flows would have let that go by then.
      secure.emit('connection', connection)
      return
    }
    plain(connection)
    connection.resume()
  })
}
