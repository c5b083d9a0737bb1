/** A port that is wanted where nobody said otherwise, and whose absence stops nothing: the node starts without that door. */
import { messageOf, NodeError } from './errors.js'
import { type PortSetting, requireFreePort } from './free-port.js'
import type { Logger } from './logger.js'
import type { HandlePort } from './settings.js'

export interface WantedPort {
  /** undefined: the usual one if it is free. */
  readonly wanted: HandlePort | undefined
  readonly usual: number
  readonly setting: PortSetting
  /** For the log: `The Handle port`. */
  readonly name: string
}

/** undefined: closed. @throws NodeError as `open` does, for a port that was set */
export async function openWanted<Opened>(
  { wanted, usual, setting, name }: WantedPort,
  log: Pick<Logger, 'warn'>,
  open: (port: number) => Promise<Opened>,
): Promise<Opened | undefined> {
  if (wanted === 'none') return undefined
  if (wanted !== undefined) return open(wanted)
  try {
    return await open(usual)
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    log.warn(`${name} stays closed. ${messageOf(error)} ${setting}=none says that it is not wanted.`)
    return undefined
  }
}

/** Told before anything else is started. @throws NodeError as `listenOn` does */
export async function requireWantedPort(host: string, { wanted, setting }: WantedPort): Promise<void> {
  if (typeof wanted === 'number') await requireFreePort({ host, port: wanted }, setting)
}
