/** What all answers of this server have in common, and what of it changes with time. */
import type { Clock } from '../../platform/clock.js'
import type { AnsweringServer } from './codec-resolution.js'
import { VERSION_2_11 } from './codec-version.js'
import { FLAG, withFlag } from './codes.js'

/** Clients refuse an answer past its expiration; as long as servers in use give them. */
const EXPIRES_AFTER_SECONDS = 12 * 3600
const LOOK_EVERY_MS = 1_000

export class ServerFacts implements AnsweringServer {
  readonly version = VERSION_2_11
  /** The reference server says of every answer that it is recursive, and clients compare. */
  readonly flags = withFlag(FLAG.authoritative, FLAG.recursive)
  siteSerial = 1
  expirationSeconds = 0
  /** Of the wall clock, as of the last look. */
  nowSeconds = 0
  private readonly timer: NodeJS.Timeout

  constructor(clock: Clock, siteSerial: () => number) {
    const look = () => {
      this.nowSeconds = Math.floor(clock.nowMs() / 1000)
      this.expirationSeconds = this.nowSeconds + EXPIRES_AFTER_SECONDS
      this.siteSerial = siteSerial()
    }
    look()
    this.timer = setInterval(look, LOOK_EVERY_MS).unref()
  }

  close(): void {
    clearInterval(this.timer)
  }
}
