/** A server as the client knows it, by what was given at the start or by a site. */
import type { KeyObject } from 'node:crypto'
import type { Site } from '../../../record/value-types/hs-site.js'
import { isOlder, VERSION_2_11, type Version } from '../codec-version.js'
import { UNKNOWN_SERIAL } from '../codes.js'
import type { ServerAddress } from './server-address.js'

export interface Server {
  readonly address: ServerAddress
  /** What its answers are verified with, if it is known. */
  readonly publicKey?: KeyObject
  /** To speak with it. */
  readonly version: Version
  /** Of its site as we know it. */
  readonly siteSerial: number
  /** By whoever uses the client; others come from sites and referrals, and are looked at before they are asked. */
  readonly isGiven: boolean
}

/** This client speaks no newer one. */
export const OWN_VERSION = VERSION_2_11

export function serverAt(address: ServerAddress, publicKey?: KeyObject): Server {
  const server = { address, version: OWN_VERSION, siteSerial: UNKNOWN_SERIAL, isGiven: true }
  return publicKey === undefined ? server : { ...server, publicKey }
}

export function versionFor({ protocolVersion }: Site): Version {
  // A site that knows 3.0 knows ours.
  return isOlder(protocolVersion, OWN_VERSION) ? protocolVersion : OWN_VERSION
}
