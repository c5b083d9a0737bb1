/** "Ask there", as this protocol says it: the handle whose values tell where the responsible service is. */
import type { Referral } from '../../record/answer.js'
import type { Message } from './codec-message.js'
import { isOlder, type Version } from './codec-version.js'
import { FLAG, hasFlag, RC } from './codes.js'
import type { Reply } from './operation.js'
import { refusal } from './refusals.js'

const FIRST_WITH_REFERRALS: Version = { major: 2, minor: 10 }

/** @param answer its first location is the handle that has the HS_SITE or HS_SERV values of the service */
export function referralReply(
  { locations, prefix }: Pick<Referral, 'locations' | 'prefix'>,
  { header, envelope }: Message,
): Reply {
  const [handle] = locations
  const version = envelope.suggestedVersion.major === 0 ? envelope.version : envelope.suggestedVersion
  if (handle === undefined || hasFlag(header.opFlags, FLAG.doNotRefer) || isOlder(version, FIRST_WITH_REFERRALS)) {
    const where = handle === undefined ? '' : ` Its service is described by ${handle}.`
    return refusal(RC.notResponsible, `Handles below ${prefix} are not this server's.${where}`)
  }
  return { responseCode: RC.serviceReferral, body: { kind: 'referral', handle, values: [] } }
}
