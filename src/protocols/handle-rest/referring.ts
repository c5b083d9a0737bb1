/**
 * "Ask there": a handle that another server answers for.
 *
 *   {"responseCode": 302 / 303, "message", "handle", "values"}     ; status 300
 *
 * 302 for a prefix of this node whose holder answers himself, 303 for a prefix of others when it is known who knows more. The
 * values are those that a record has for it: HS_SITE, HS_SERV. With ?doNotRefer, or when nobody is known, it is 301: not
 * this server's.
 */
import { describeService, type ServiceLocation, serviceValues } from '../../record/service.js'
import type { Elsewhere } from '../../resolution/elsewhere.js'
import { RC } from '../handle/codes.js'
import { type ApiAnswer, ApiRefusal, type Headers } from './api-answer.js'
import { valueJson } from './codec-value-json.js'

export interface Asking {
  /** As asked. */
  readonly handle: string
  readonly doesNotRefer: boolean
}

/** The holder of the prefix answers himself. @throws ApiRefusal `notResponsible` */
export function serviceReferral(
  { prefix, service }: { readonly prefix: string; readonly service: ServiceLocation },
  asking: Asking,
  headers: Headers,
): ApiAnswer {
  const message = `The holder of ${prefix} answers for its handles with a server of its own: ask ${describeService(service)}.`
  return refer({ responseCode: RC.serviceReferral, message, service }, asking, headers)
}

/** No prefix of this node. @throws ApiRefusal `notResponsible` */
export function prefixReferral({ message, service }: Elsewhere, asking: Asking): ApiAnswer {
  if (service !== undefined) return refer({ responseCode: RC.prefixReferral, message, service }, asking, {})
  throw new ApiRefusal(RC.notResponsible, message, { handle: asking.handle })
}

interface Referral {
  readonly responseCode: typeof RC.serviceReferral | typeof RC.prefixReferral
  readonly message: string
  readonly service: ServiceLocation
}

function refer(
  { responseCode, message, service }: Referral,
  { handle, doesNotRefer }: Asking,
  headers: Headers,
): ApiAnswer {
  if (doesNotRefer) throw new ApiRefusal(RC.notResponsible, message, { handle, headers })
  const values = serviceValues(service, { timestampSeconds: 0, asPrefix: responseCode === RC.prefixReferral })
  return { status: 300, headers, body: { responseCode, message, handle, values: values.map(valueJson) } }
}
