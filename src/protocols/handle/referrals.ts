/**
 * "Ask there", as this protocol says it: with a handle whose values tell where the responsible service is, or with those values.
 *
 *   302    a prefix of this node whose holder answers himself
 *   303    no prefix of this node: who knows more of prefixes is named
 */
import { describeService, type ServiceLocation, serviceValues } from '../../record/service.js'
import type { Message } from './codec-message.js'
import { handleValuesOf } from './codec-record.js'
import { isOlder, type Version } from './codec-version.js'
import { FLAG, hasFlag, RC } from './codes.js'
import type { Reply } from './operation.js'
import { refusal } from './refusals.js'

const FIRST_WITH_REFERRALS: Version = { major: 2, minor: 10 }

export interface Elsewhere {
  readonly prefix: string
  readonly service: ServiceLocation
  readonly responseCode: typeof RC.serviceReferral | typeof RC.prefixReferral
}

export function referralReply({ prefix, service, responseCode }: Elsewhere, { header, envelope }: Message): Reply {
  const version = envelope.suggestedVersion.major === 0 ? envelope.version : envelope.suggestedVersion
  if (hasFlag(header.opFlags, FLAG.doNotRefer) || isOlder(version, FIRST_WITH_REFERRALS)) {
    return refusal(
      RC.notResponsible,
      `Handles below ${prefix} are not this server's to answer. Ask ${describeService(service)}.`,
    )
  }
  const { handle } = service
  const asPrefix = responseCode === RC.prefixReferral
  const values = handle === '' ? serviceValues(service, { timestampSeconds: 0, asPrefix }) : []
  return { responseCode, body: { kind: 'referral', handle, values: handleValuesOf(values) } }
}
