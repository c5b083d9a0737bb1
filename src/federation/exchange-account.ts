/** One look-up's exchanges with Handle servers: what they cost it, and what they tell of the servers. */
import { messageOf } from '../platform/errors.js'
import type { RetryBudget } from '../platform/retry-budget.js'
import type { Exchanges, ServerExchange } from '../protocols/handle/client/exchanges.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import { formatServerAddress, type ServerAddress } from '../protocols/handle/client/server-address.js'
import type { Trace } from '../resolution/resolve.js'
import type { Budget } from './budget.js'
import type { Exchange, Purpose } from './peer.js'
import type { Peers } from './peers.js'

/** How often a datagram is sent, and how long each time is waited for. */
export const UDP_WAITS_MS = [250, 500]
/** A request over TCP that was lost on a connection kept from before is sent once more. */
const SENDS: Readonly<Record<ServerAddress['transport'], number>> = {
  udp: UDP_WAITS_MS.length,
  tcp: 2,
  http: 1,
  https: 1,
}

export interface AccountOptions {
  readonly peers: Peers
  readonly retries: RetryBudget
  readonly budget: Budget
  readonly trace?: Trace | undefined
  /** Default `lookup`. */
  readonly purpose?: Purpose
}

export class ExchangeAccount implements Exchanges {
  private readonly options: AccountOptions

  constructor(options: AccountOptions) {
    this.options = options
    options.retries.asked()
  }

  async begin(server: ServerAddress, timeLeftMs: number): Promise<ServerExchange> {
    const { peers, budget } = this.options
    const name = formatServerAddress(server)
    budget.spend(SENDS[server.transport])
    const leftMs = Math.min(timeLeftMs, budget.timeLeftMs())
    const peer = peers.get(name)
    try {
      return this.traced(
        name,
        await peer.enter(leftMs, this.options.purpose),
        peer.timeoutMs(Math.min(leftMs, budget.timeLeftMs())),
      )
    } catch (error) {
      this.options.trace?.step('peer', `${name}: not asked: ${messageOf(error)}`)
      throw new HandleFault('unreachable', messageOf(error), { cause: error })
    }
  }

  hedgeAfterMs(server: ServerAddress): number {
    return this.options.peers.get(formatServerAddress(server)).hedgeAfterMs()
  }

  mayHedge(): boolean {
    return this.options.retries.tryRepeat()
  }

  private traced(name: string, exchange: Exchange, timeoutMs: number): ServerExchange {
    const { trace } = this.options
    return {
      timeoutMs,
      answered: () => {
        if (exchange.answered()) trace?.step('peer', `${name}: answered`)
      },
      failed: (error) => {
        if (exchange.failed(error)) trace?.step('peer', `${name}: ${messageOf(error)}`)
      },
      abandoned: () => void exchange.abandoned(),
    }
  }
}
