/**
 * Choosing a media type by the Accept header (RFC 9110 §12.5.1): the highest quality wins, of equals the first offered;
 * of the ranges that match a type the most specific one counts.
 */
import { NodeError } from '../../platform/errors.js'

interface Range {
  readonly type: string
  readonly quality: number
}

const QUALITY = /;[ \t]*q=([01](?:\.\d{0,3})?)[ \t]*(?:;|$)/i

/** @throws NodeError `not-acceptable` naming what is offered */
export function chooseMediaType<Offer extends string>(accept: string | undefined, offers: readonly Offer[]): Offer {
  const first = offers[0]!
  if (accept === undefined || accept === '*/*' || accept === first || accept.trim() === '') return first
  const ranges = accept.split(',', 50).map(rangeOf)
  let best: Offer | undefined
  let bestQuality = 0
  for (const offer of offers) {
    const quality = qualityOf(offer, ranges)
    if (quality > bestQuality) {
      best = offer
      bestQuality = quality
    }
  }
  if (best === undefined)
    throw new NodeError('not-acceptable', `This can be given as ${offers.join(', ')}; the Accept header allows none.`)
  return best
}

function rangeOf(text: string): Range {
  const type = (text.split(';', 1)[0] ?? '').trim().toLowerCase()
  return { type, quality: Number(QUALITY.exec(text)?.[1] ?? 1) }
}

function qualityOf(offer: string, ranges: readonly Range[]): number {
  const family = `${offer.slice(0, offer.indexOf('/'))}/*`
  for (const wanted of [offer, family, '*/*']) {
    const range = ranges.find((one) => one.type === wanted)
    if (range !== undefined) return range.quality
  }
  return 0
}
