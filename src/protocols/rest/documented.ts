/** Describing routes in the OpenAPI document: what every operation shares. */
import type { TSchema } from 'typebox'
import { ProblemShape } from './schemas.js'

export interface Operation {
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** Needs an API key. */
  readonly secured?: boolean
}

export function problem(description: string) {
  return { description, content: { 'application/problem+json': { schema: ProblemShape } } }
}

const problems = problem('A problem document (RFC 9457); `type` leads to a page that explains it.')

export function operation({ tag, summary, description, secured }: Operation) {
  return {
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: secured === true ? [{ apiKey: [] }] : [{}, { apiKey: [] }],
  }
}

/** The answers of an operation: its good one, and problems. */
export function answers(status: number, description: string, content: Readonly<Record<string, TSchema>>) {
  return { response: { [status]: described(description, content), '4xx': problems, '5xx': problems } }
}

/** Without content it is a refusal. */
export function described(description: string, content: Readonly<Record<string, TSchema>>) {
  if (Object.keys(content).length === 0) return problem(description)
  const types = Object.entries(content).map(([type, schema]) => [type, { schema }])
  return { description, content: Object.fromEntries(types) }
}

/** For routes whose input is read by hand: the schema describes, and checks nothing. */
export const describedOnly = { validatorCompiler: () => () => true }
