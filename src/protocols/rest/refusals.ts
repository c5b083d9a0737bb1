/** Answers that are no record, as refusals: who asked for a record is told why there is none. */
import { NodeError } from '../../platform/errors.js'
import type { Answer, Found } from '../../record/answer.js'
import { Elsewhere } from '../../resolution/elsewhere.js'

/** @throws NodeError `identifier-absent`, `identifier-withdrawn`, `served-elsewhere` */
export function requireFound(answer: Answer): Found {
  if (answer.kind === 'found') return answer
  throw refusalOf(answer)
}

export function refusalOf(answer: Exclude<Answer, Found>): NodeError {
  switch (answer.kind) {
    case 'absent':
      return new NodeError(
        'identifier-absent',
        answer.asOfMs === undefined
          ? `${answer.key} is not registered; this node is responsible for ${answer.prefix}.`
          : `${answer.key} is not registered, as the node says that is responsible for ${answer.prefix}.`,
      )
    case 'withdrawn': {
      const when = new Date(answer.withdrawnAtMs).toISOString()
      const why = answer.reason === '' ? 'No reason was given.' : `Reason: ${answer.reason}`
      return new NodeError('identifier-withdrawn', `${answer.spelling} was withdrawn on ${when}. ${why}`)
    }
    case 'referral':
      return new Elsewhere({ why: 'self-built', prefix: answer.prefix, service: answer.service })
  }
}
