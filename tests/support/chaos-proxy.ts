/**
 * A TCP proxy that does to a connection what networks do: late bytes, few of them, none at all, none in one direction,
 * flipped bits, a line cut or reset. Held bytes are passed on afterwards, as TCP would send them again. Loopback only.
 */
import net from 'node:net'

export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string }

export type ProxyMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'latency'; readonly delayMs: number }
  /** Octets a second, for each direction of each connection. */
  | { readonly kind: 'rate'; readonly perSecond: number }
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

/** So small that what is slow trickles. */
const PIECE_MS = 50
const MAX_UNDER_WAY = 65_536

/** One direction of one connection. */
class Way {
  readonly from: net.Socket
  readonly carries: 'request' | 'answer'
  readonly #to: net.Socket
  #mode: ProxyMode = OPEN
  #isHeld = false
  #isFull = false
  /** Late bytes, each with the moment at which it arrives; later ones wait behind them. */
  #late: { readonly bytes: Buffer; readonly atMs: number }[] = []
  #lateOctets = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: net.Socket, to: net.Socket, carries: 'request' | 'answer') {
    this.from = from
    this.#to = to
    this.carries = carries
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      clearTimeout(this.#timer)
      to.destroy()
    })
    to.on('drain', () => {
      this.#isFull = false
      this.#flow()
    })
  }

  set(mode: ProxyMode): void {
    this.#mode = mode
    this.#isHeld = mode.kind === 'hang' || mode.kind === `hold-${this.carries}s`
    // What was late by the former mode need be so no longer.
    this.#arrive(this.#isHeld ? performance.now() : Number.POSITIVE_INFINITY)
    this.#flow()
  }

  #flow(): void {
    if (this.#isHeld || this.#isFull || this.#lateOctets > MAX_UNDER_WAY) this.from.pause()
    else this.from.resume()
  }

  #take(bytes: Buffer): void {
    const mode = this.#mode
    if (mode.kind === 'latency') this.#delay(bytes, performance.now() + mode.delayMs)
    else if (mode.kind === 'rate') this.#trickle(bytes, mode.perSecond)
    else this.#pass(mode.kind === 'corrupt' ? corrupted(bytes, mode) : bytes)
  }

  #trickle(bytes: Buffer, perSecond: number): void {
    const octets = Math.max(1, Math.floor((perSecond * PIECE_MS) / 1000))
    for (let at = 0; at < bytes.length; at += octets) {
      const piece = bytes.subarray(at, at + octets)
      const freeAtMs = this.#late.at(-1)?.atMs ?? performance.now()
      this.#delay(piece, freeAtMs + (1000 * piece.length) / perSecond)
    }
  }

  #delay(bytes: Buffer, atMs: number): void {
    // Never ahead of what was sent before.
    this.#late.push({ bytes, atMs: Math.max(atMs, this.#late.at(-1)?.atMs ?? 0) })
    this.#lateOctets += bytes.length
    this.#timer ??= this.#wake()
    this.#flow()
  }

  #wake(): NodeJS.Timeout | undefined {
    const [next] = this.#late
    if (next === undefined) return undefined
    return setTimeout(() => this.#arrive(performance.now()), Math.max(1, next.atMs - performance.now()))
  }

  /** Passes on what has arrived by then. */
  #arrive(untilMs: number): void {
    clearTimeout(this.#timer)
    while (this.#late.length > 0 && this.#late[0]!.atMs <= untilMs) {
      const { bytes } = this.#late.shift()!
      this.#lateOctets -= bytes.length
      this.#pass(bytes)
    }
    this.#timer = this.#isHeld ? undefined : this.#wake()
    this.#flow()
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
