/** Identifiers of the demonstration catalogue to try: the banner prints them, the page offers them. */
import type { ConsoleSample } from '../protocols/console/door.js'

/** Ferrero Nutella, 13 oz. */
export const SAMPLE_PRODUCT = '88.118.1/00009800895007'
/** A clamping unit; has two versions, a machine it belongs to and parts that belong to it. */
export const SAMPLE_PART = '88.118.8/JXDY2106023'
/** The press that SAMPLE_PART belongs to. */
export const SAMPLE_MACHINE = '88.118.8/HP315-2106-001'
/** A valve of a batch that was called back. */
export const SAMPLE_WITHDRAWN = '88.118.8/FM2106002'

export const DEMO_SAMPLES: readonly ConsoleSample[] = [
  { kind: 'product', identifier: SAMPLE_PRODUCT },
  { kind: 'machine', identifier: SAMPLE_MACHINE },
  { kind: 'part', identifier: SAMPLE_PART },
  { kind: 'withdrawn', identifier: SAMPLE_WITHDRAWN },
  { kind: 'malformed', identifier: '88.118. 8/JXDY2106023' },
]
