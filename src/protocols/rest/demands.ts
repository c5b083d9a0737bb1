/**
 * What a look-up may demand beyond the freshness bound:
 *
 *   ?min-version=3        this version or a later one, else a problem that names the newest
 *   ?authoritative=1      past every cache
 *   Jiexi-Token: …        at least the write that the token is of
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import type { Answer } from '../../record/answer.js'
import { readPassage } from '../../resolution/passage.js'
import type { Query } from '../../resolution/resolve.js'
import type { WriteTokens } from '../../resolution/write-token.js'

export type Demands = Pick<Query, 'authoritative' | 'minVersion' | 'token' | 'passage'>

export const TOKEN_HEADER = 'jiexi-token'

/** For the descriptions of routes. */
export const demandQuery = {
  authoritative: Type.Optional(Type.Literal('1', { description: 'past every cache, from the database' })),
  'min-version': Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'this version or a later one; where there is none yet, 404 `version-absent` names the newest',
    }),
  ),
}

export const demandHeaders = {
  [TOKEN_HEADER]: Type.Optional(
    Type.String({
      description: 'of a write: show at least that write; of several writes of one caller the highest stands for all',
      examples: ['7301-3fa94c1b'],
    }),
  ),
}

/** @throws NodeError `request-malformed`, `token-unknown`, `authority-unavailable` */
export async function readDemands(
  tokens: WriteTokens,
  asked: { readonly authoritative: boolean; readonly minVersion: number | undefined },
  headers: IncomingHttpHeaders,
): Promise<Demands> {
  const text = headers[TOKEN_HEADER]
  const passage = readPassage(headers)
  return {
    ...(passage === undefined ? {} : { passage }),
    ...(asked.authoritative ? { authoritative: true } : {}),
    ...(asked.minVersion === undefined ? {} : { minVersion: asked.minVersion }),
    ...(text === undefined ? {} : { token: await tokens.read(String(text)) }),
  }
}

/** The authority has answered, and knows of no version as high as that. @throws NodeError `version-absent` */
export function requireMinVersion(answer: Answer, minVersion: number | undefined): void {
  const refusal = minVersionRefusal(answer, minVersion)
  if (refusal !== undefined) throw refusal
}

export function minVersionRefusal(answer: Answer, minVersion: number | undefined): NodeError | undefined {
  const { kind, key, version } = answer
  // A referral's version is the prefix's, and says nothing about the identifier's.
  if (minVersion === undefined || version >= minVersion || kind === 'referral') return undefined
  const newest = version === 0 ? 'it was never registered' : `its newest is ${version}`
  return new NodeError('version-absent', `${key} has no version ${minVersion} yet: ${newest}.`)
}
