/**
 * Requests by TCP.
 *
 * A connection that has answered and stayed open is used again, by many requests at once. Until then each request has a
 * connection of its own: servers in use close after one answer, and would lose what else was sent. A request that is lost so
 * all the same is asked once more on a fresh connection, when asking twice does no harm.
 */
import { type Answers, Inbox, type Question } from './inbox.js'
import type { ClientLimits } from './limits.js'
import { formatServerAddress, type ServerAddress } from './server-address.js'
import { TcpConnection } from './tcp-connection.js'

/** For whoever needs that all goes over the same one, as a log-in does. */
export interface HeldConnection {
  ask(question: Question): Answers
  close(): void
}

export class TcpAsker {
  private readonly limits: ClientLimits
  private readonly connections = new Map<string, Set<TcpConnection>>()

  constructor(limits: ClientLimits) {
    this.limits = limits
  }

  ask(address: ServerAddress, question: Question): Answers {
    let carrier = this.carrierFor(address, question)
    const inbox: Inbox = new Inbox({
      address,
      question,
      onEnd: () => {
        carrier.release(question.requestId, inbox)
        this.keepOne(address)
      },
    })
    const again = () => {
      carrier = this.open(address)
      carrier.carry(question, inbox)
    }
    this.again.set(inbox, again)
    carrier.carry(question, inbox)
    return inbox
  }

  hold(address: ServerAddress): HeldConnection {
    return new TcpConnection({ address, limits: this.limits, onClose: () => undefined })
  }

  close(): void {
    for (const connections of this.connections.values()) for (const connection of connections) connection.close()
  }

  /** How to ask once more; taken away when it is done. */
  private readonly again = new WeakMap<Inbox, () => void>()

  private carrierFor(address: ServerAddress, { isRepeatable }: Question): TcpConnection {
    // A change must not be lost on a connection that its server is just about to close.
    if (!isRepeatable) return this.open(address)
    let best: TcpConnection | undefined
    for (const connection of this.connections.get(formatServerAddress(address)) ?? [])
      if (connection.isKept && connection.hasRoom && (best === undefined || connection.load < best.load))
        best = connection
    return best ?? this.open(address)
  }

  private open(address: ServerAddress): TcpConnection {
    const key = formatServerAddress(address)
    const connections = this.connections.get(key) ?? new Set()
    this.connections.set(key, connections)
    const onClose = () => {
      connections.delete(connection)
      if (connections.size === 0) this.connections.delete(key)
    }
    const connection: TcpConnection = new TcpConnection(
      { address, limits: this.limits, onClose },
      // Only a connection that had served before may have been closed by chance.
      (question, inbox) => connection.isKept && this.askAgain(question, inbox),
    )
    connections.add(connection)
    return connection
  }

  private askAgain({ isRepeatable }: Question, inbox: Inbox): boolean {
    const again = this.again.get(inbox)
    if (again === undefined || !isRepeatable) return false
    this.again.delete(inbox)
    again()
    return true
  }

  /** Of several idle connections to a server one is enough. */
  private keepOne(address: ServerAddress): void {
    const idle = [...(this.connections.get(formatServerAddress(address)) ?? [])].filter(({ load }) => load === 0)
    for (const connection of idle.slice(1)) connection.close()
  }
}
