/**
 * A TCP proxy that does to a connection what networks do: late bytes, none at all, none in one direction, flipped bits,
 * a line cut or reset. Held bytes are passed on afterwards, as TCP would send them again. Loopback only.
 */
import net from 'node:net'

export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string }

export type ProxyMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'latency'; readonly delayMs: number }
  /** Connections stay open and pass nothing on. */
  | { readonly kind: 'hang' }
  /** A black hole in one direction. */
  | { readonly kind: 'hold-requests' }
  | { readonly kind: 'hold-answers' }
  /** Cuts every connection and refuses new ones. */
  | { readonly kind: 'cut' }
  /** Flips a bit in this share of the pieces that pass. `random` gives numbers from 0 to 1. */
  | { readonly kind: 'corrupt'; readonly share: number; readonly random: () => number }

export interface ChaosProxy {
  readonly port: number
  set(mode: ProxyMode): void
  /** Ends every connection with a TCP reset, once. */
  reset(): void
  /** Where new connections lead; those that are open are cut. */
  redirect(target: ProxyTarget): void
  close(): Promise<void>
}

const OPEN: ProxyMode = { kind: 'open' }

export async function chaosProxy(first: ProxyTarget): Promise<ChaosProxy> {
  let target = first
  let mode = OPEN
  const ways = new Set<Way>()
  const destroyAll = () => {
    for (const way of ways) way.from.destroy()
  }

  const server = net.createServer((client) => {
    if (mode.kind === 'cut') {
      client.destroy()
      return
    }
    const upstream = net.connect(target)
    for (const socket of [client, upstream]) socket.setNoDelay(true)
    for (const way of [new Way(client, upstream, 'request'), new Way(upstream, client, 'answer')]) {
      ways.add(way)
      way.from.once('close', () => ways.delete(way))
      way.set(mode)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as net.AddressInfo).port,
    set(next) {
      mode = next
      if (mode.kind === 'cut') destroyAll()
      else for (const way of ways) way.set(mode)
    },
    reset() {
      // The client's end; the server's may be a unix socket, which knows no reset, and is closed with it.
      for (const way of ways) if (way.carries === 'request') way.from.resetAndDestroy()
    },
    redirect(next) {
      target = next
      destroyAll()
    },
    async close() {
      destroyAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One direction of one connection. */
class Way {
  readonly from: net.Socket
  readonly carries: 'request' | 'answer'
  readonly #to: net.Socket
  #mode: ProxyMode = OPEN
  #isHeld = false
  #isFull = false
  /** Bytes under way, for as long as there is latency; later ones wait behind them. */
  #delayed = 0
  #arrivesAtMs = 0

  constructor(from: net.Socket, to: net.Socket, carries: 'request' | 'answer') {
    this.from = from
    this.#to = to
    this.carries = carries
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    to.on('drain', () => {
      this.#isFull = false
      this.#flow()
    })
  }

  set(mode: ProxyMode): void {
    this.#mode = mode
    this.#isHeld = mode.kind === 'hang' || mode.kind === `hold-${this.carries}s`
    this.#flow()
  }

  #flow(): void {
    if (this.#isHeld || this.#isFull) this.from.pause()
    else this.from.resume()
  }

  #take(bytes: Buffer): void {
    const passed = this.#mode.kind === 'corrupt' ? corrupted(bytes, this.#mode) : bytes
    const delayMs = this.#mode.kind === 'latency' ? this.#mode.delayMs : 0
    if (delayMs === 0 && this.#delayed === 0) {
      this.#pass(passed)
      return
    }
    // Never ahead of what was sent before.
    const nowMs = performance.now()
    this.#arrivesAtMs = Math.max(nowMs + delayMs, this.#arrivesAtMs)
    this.#delayed += 1
    setTimeout(() => {
      this.#delayed -= 1
      this.#pass(passed)
    }, this.#arrivesAtMs - nowMs)
  }

  #pass(bytes: Buffer): void {
    if (this.#to.destroyed || this.#to.write(bytes)) return
    this.#isFull = true
    this.#flow()
  }
}

function corrupted(bytes: Buffer, mode: { readonly share: number; readonly random: () => number }): Buffer {
  if (mode.random() >= mode.share) return bytes
  const copy = Buffer.from(bytes)
  const at = Math.floor(mode.random() * copy.length)
  copy[at] = copy[at]! ^ (1 << Math.floor(mode.random() * 8))
  return copy
}
