/** Whom to believe over https: a server's own key, where a site has told it, or an authority. */
import type { KeyObject } from 'node:crypto'
import type { HttpTrust } from '../../../platform/http-client.js'
import type { Question } from './inbox.js'

const MAX_KEYS = 100

export class TrustedKeys {
  private readonly general: HttpTrust | undefined
  /** By the key, since connections are kept for each such object. */
  private readonly trusts = new Map<string, HttpTrust>()

  constructor(authorities: string | undefined) {
    this.general = authorities === undefined ? undefined : { authorities }
  }

  trustFor({ publicKey }: Question): HttpTrust | undefined {
    if (publicKey === undefined) return this.general
    const name = nameOf(publicKey)
    const trust = this.trusts.get(name) ?? { ...this.general, publicKey }
    if (this.trusts.size >= MAX_KEYS) this.trusts.clear()
    this.trusts.set(name, trust)
    return trust
  }
}

function nameOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64')
}
