/** All transports as one: by the address, and no more exchanges at once than are allowed. */
import { askHttp } from './ask-http.js'
import { TcpAsker } from './ask-tcp.js'
import { udpAsker } from './ask-udp.js'
import { HandleFault } from './faults.js'
import type { Answers, Ask, Question } from './inbox.js'
import type { ClientLimits } from './limits.js'
import type { ServerAddress } from './server-address.js'
import { TrustedKeys } from './trusted-keys.js'

export interface Transports {
  readonly ask: Ask
  /** As `ask`, over one TCP connection that is nobody else's. */
  hold(address: ServerAddress): { readonly ask: Ask; close(): void }
  close(): void
}

/** @param authorities certificates as PEM, for https, in place of those that this machine trusts */
export function transportsFor(limits: ClientLimits, authorities?: string): Transports {
  const trusted = new TrustedKeys(authorities)
  const udp = udpAsker(limits)
  const tcp = new TcpAsker(limits)
  const askAtOnce: Ask = (address, question) => {
    if (address.transport === 'udp') return udp(address, question)
    if (address.transport === 'tcp') return tcp.ask(address, question)
    const trust = trusted.trustFor(question)
    return askHttp(address, question, trust === undefined ? { limits } : { limits, trust })
  }
  return {
    ask: takingTurns(askAtOnce, limits),
    hold: (address) => {
      const connection = tcp.hold(address)
      return { ask: (_address, question) => connection.ask(question), close: () => connection.close() }
    },
    close: () => tcp.close(),
  }
}

/** Whoever comes while as many are under way as may be waits for his turn; his time runs. */
export function takingTurns(ask: Ask, { maxInFlight, maxWaiting }: ClientLimits): Ask {
  let inFlight = 0
  const waiting: (() => void)[] = []
  const leave = () => {
    const next = waiting.shift()
    if (next === undefined) inFlight--
    else next()
  }
  return (address, question) => {
    if (inFlight >= maxInFlight && waiting.length >= maxWaiting)
      throw new HandleFault(
        'overloaded',
        `More than ${maxInFlight + maxWaiting} Handle requests at once: try again later.`,
      )
    const turn = inFlight < maxInFlight ? undefined : new Promise<void>((resolve) => waiting.push(resolve))
    if (turn === undefined) inFlight++
    return new Turn({ turn, leave, begin: (timeoutMs) => ask(address, { ...question, timeoutMs }), question })
  }
}

interface TurnOptions {
  readonly turn: Promise<void> | undefined
  readonly leave: () => void
  readonly begin: (timeoutMs: number) => Answers
  readonly question: Question
}

class Turn implements Answers {
  private readonly options: TurnOptions
  private answers: Answers | undefined
  private isOver = false
  private readonly sinceMs = performance.now()

  constructor(options: TurnOptions) {
    this.options = options
    if (options.turn === undefined) this.answers = options.begin(options.question.timeoutMs)
    else void options.turn.then(() => this.begin())
  }

  async next(): Promise<Buffer> {
    await this.options.turn
    if (this.answers === undefined) throw new HandleFault('closed', 'The answer was given up.')
    return this.answers.next()
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.answers?.end()
    // Without its turn it has nothing to leave yet: `begin` does.
    if (this.options.turn === undefined || this.answers !== undefined) this.options.leave()
  }

  private begin(): void {
    if (this.isOver) {
      this.options.leave()
      return
    }
    const leftMs = this.options.question.timeoutMs - (performance.now() - this.sinceMs)
    this.answers = this.options.begin(Math.max(leftMs, 1))
  }
}
