/**
 * The parameters of a request: of its query, and for a POST of its body too, when that is a form. Those that are not known
 * are passed over, as every server of this API does. A truth without a value is true: `?auth` is `?auth=true`.
 */
import type { FastifyRequest } from 'fastify'
import { RC } from '../handle/codes.js'
import { ApiRefusal } from './api-answer.js'

export type Parameters = URLSearchParams

export const FORM_TYPE = 'application/x-www-form-urlencoded'
const MAX_PARAMETERS = 500
const MAX_CALLBACK_LENGTH = 128
const MAX_INDEX = 0xffff_ffff

/** @throws ApiRefusal `protocolError` */
export function readParameters(request: FastifyRequest): Parameters {
  const parameters = queryOf(request)
  if (request.method === 'POST' && mediaTypeOf(request) === FORM_TYPE && Buffer.isBuffer(request.body)) {
    for (const [name, value] of new URLSearchParams(request.body.toString('utf8'))) parameters.append(name, value)
  }
  if (parameters.size <= MAX_PARAMETERS) return parameters
  throw malformed(`A request may have ${MAX_PARAMETERS} parameters.`)
}

export function queryOf({ raw }: FastifyRequest): Parameters {
  const url = raw.url ?? ''
  const mark = url.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
}

export function mediaTypeOf({ headers }: FastifyRequest): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

/** How an answer is to be written. Never fails: a refusal of the parameters themselves has a form as well. */
export function readForm(request: FastifyRequest): { readonly isPretty: boolean; readonly callback?: string } {
  const parameters = queryOf(request)
  const pretty = parameters.get('pretty')
  const isPretty = pretty !== null && !FALSE.has(pretty.toLowerCase())
  const callback = request.method === 'GET' ? parameters.get('callback') : null
  if (callback === null || callback === '') return { isPretty }
  return { isPretty, callback: callback.slice(0, MAX_CALLBACK_LENGTH).replace(/[^A-Za-z0-9_$]/g, '_') }
}

const TRUE: ReadonlySet<string> = new Set(['', 'true', 'yes', '1'])
const FALSE: ReadonlySet<string> = new Set(['false', 'no', '0'])

/** Undefined when it is not there. @throws ApiRefusal `protocolError` */
export function truthOf(parameters: Parameters, name: string): boolean | undefined {
  const text = parameters.get(name)?.toLowerCase()
  if (text === undefined) return undefined
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  throw malformed(`${name} is true or false.`)
}

/** @throws ApiRefusal `protocolError` */
export function indexesOf(texts: readonly string[]): readonly number[] {
  return texts.map((text) => {
    const index = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (index <= MAX_INDEX) return index
    throw malformed(`index is a whole number from 0 to ${MAX_INDEX}.`)
  })
}

/** @throws ApiRefusal `protocolError` */
export function numberOf(parameters: Parameters, name: string, max: number): number | undefined {
  const text = parameters.get(name)
  if (text === null || text === '' || text === '-1') return undefined
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw malformed(`${name} is a whole number from 0 to ${max}.`)
}

export function malformed(message: string): ApiRefusal {
  return new ApiRefusal(RC.protocolError, message)
}
