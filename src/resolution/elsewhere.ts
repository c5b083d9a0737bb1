/** Why this node gives no answer for an identifier of its own, and where to ask instead, if that is known. */
import { NodeError } from '../platform/errors.js'
import { describeService, type ServiceLocation } from '../record/service.js'

/**
 *   foreign      no prefix of this node: `service` is the parent, which may know whose it is
 *   suspended    a prefix of this node that does not resolve at the moment
 *   self-built   a prefix of this node whose holder answers with a server of his own: `service` is that
 */
export type WhyElsewhere = 'foreign' | 'suspended' | 'self-built'

/** `prefix-not-served`, or `served-elsewhere` for the self-built. */
export class Elsewhere extends NodeError {
  readonly why: WhyElsewhere
  readonly prefix: string
  readonly service: ServiceLocation | undefined

  constructor(about: Pick<Elsewhere, 'why' | 'prefix' | 'service'>) {
    super(about.why === 'self-built' ? 'served-elsewhere' : 'prefix-not-served', sentence(about))
    this.why = about.why
    this.prefix = about.prefix
    this.service = about.service
  }
}

function sentence({ why, prefix, service }: Pick<Elsewhere, 'why' | 'prefix' | 'service'>): string {
  const where = service === undefined ? '' : describeService(service)
  switch (why) {
    case 'suspended':
      return `The prefix ${prefix} is suspended at this node; its identifiers do not resolve.`
    case 'self-built':
      return `The holder of ${prefix} answers for its identifiers with a server of its own: ask ${where}.`
    case 'foreign': {
      const whose = `${prefix} is not this node's prefix, so whether the identifier exists is for another node to say.`
      return where === '' ? whose : `${whose} Its parent node may know which: ${where}.`
    }
  }
}
