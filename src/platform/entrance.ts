/**
 * Ports that a node is reached by: TCP alone, or TCP and UDP of the same number. A name that is several addresses of this
 * machine (`localhost`) is listened on at each.
 */
import dgram, { type Socket as DatagramSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import net, { type AddressInfo, isIPv6, type Server, type Socket } from 'node:net'
import { pauseReading } from './datagram-reading.js'
import { NodeError } from './errors.js'
import { type ListenAddress, listenOn, type PortSetting } from './free-port.js'

export interface Entrance {
  readonly address: AddressInfo
  /** Bound, one for each address; nobody reads from them yet. */
  readonly datagrams: readonly DatagramSocket[]
  /** Accepts no more; connections live on, and sockets that are read from in this process. */
  close(): void
}

export interface EntranceOptions {
  readonly accept: (connection: Socket) => void
  /** Connections are not read from here, but handed on. */
  readonly handsOn: boolean
  /** Whether UDP of the same number is wanted too. */
  readonly withDatagrams?: boolean
  readonly setting: PortSetting
}

/** Of a free number for TCP, UDP may be taken. */
const PAIR_ATTEMPTS = 10

/** @throws NodeError as `listenOn` does */
export async function openEntrance(listen: ListenAddress, options: EntranceOptions): Promise<Entrance> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openOnce(listen, options)
    } catch (error) {
      if (listen.port !== 0 || attempt === PAIR_ATTEMPTS) throw error
    }
  }
}

async function openOnce({ host, port }: ListenAddress, options: EntranceOptions): Promise<Entrance> {
  const servers: Server[] = []
  const datagrams: DatagramSocket[] = []
  const acceptNoMore = () => {
    for (const server of servers) server.close()
  }
  const close = () => {
    acceptNoMore()
    for (const socket of datagrams) closeQuietly(socket)
  }
  const [first = host, ...others] = await addressesOf(host)
  const bindAll = async (at: ListenAddress) => {
    servers.push(await acceptAt(at, options))
    const { port: bound } = servers.at(-1)!.address() as AddressInfo
    if (options.withDatagrams) datagrams.push(await bindDatagrams({ host: at.host, port: bound }, options.setting))
  }
  try {
    await bindAll({ host: first, port })
    const address = servers[0]!.address() as AddressInfo
    for (const other of others) await bindAll({ host: other, port: address.port }).catch(ignoreBroken)
    // Whoever reads from sockets here closes them, after the last answer.
    return { address, datagrams, close: options.handsOn ? close : acceptNoMore }
  } catch (error) {
    close()
    throw error
  }
}

async function acceptAt(at: ListenAddress, { accept, handsOn, setting }: EntranceOptions): Promise<Server> {
  const server = net.createServer({ pauseOnConnect: handsOn, noDelay: true, allowHalfOpen: !handsOn }, (connection) => {
    connection.on('error', ignoreBroken)
    accept(connection)
  })
  await listenOn(server, at, setting)
  // An accept that failed: its client sees that.
  server.on('error', ignoreBroken)
  return server
}

/** Queued by the kernel while nobody reads; the default holds a few hundred. */
const RECEIVE_OCTETS = 4 * 1024 * 1024

async function bindDatagrams({ host, port }: ListenAddress, setting: PortSetting): Promise<DatagramSocket> {
  const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, host, resolve)
    })
  } catch (error) {
    closeQuietly(socket)
    throw udpTaken(error as NodeJS.ErrnoException, { host, port }, setting)
  }
  socket.removeAllListeners('error')
  // What could not be sent or received, its client will send again.
  socket.on('error', ignoreBroken)
  setReceiveBuffer(socket)
  pauseReading(socket)
  return socket
}

/** No more than the system allows. */
function setReceiveBuffer(socket: DatagramSocket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_OCTETS)
  } catch {
    // It stays as the system had it.
  }
}

function udpTaken(error: NodeJS.ErrnoException, { host, port }: ListenAddress, setting: PortSetting): NodeError {
  const at = `${host} UDP port ${port}`
  return error.code === 'EADDRINUSE'
    ? new NodeError(
        'already-exists',
        `${at} is taken. Stop what listens there, or choose another port with ${setting}.`,
      )
    : new NodeError('request-malformed', `Nothing can listen on ${at} (${error.message}). Set HOST and ${setting}.`)
}

/** `localhost` is IPv4 and IPv6. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (host !== 'localhost') return [host]
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

function closeQuietly(socket: DatagramSocket): void {
  try {
    socket.close()
  } catch {
    // Closed already, or never bound.
  }
}

function ignoreBroken(): void {
  // A client that is gone again, or a second address of localhost that this machine does not have.
}
