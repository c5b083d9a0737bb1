/** The way that a look-up took from node to node, as `?explain=1` tells it. */
import type { Place } from './country.js'
import type { Good } from './goods.js'

interface Step {
  readonly layer: string
  readonly outcome: string
  readonly atMs: number
}

interface Explanation {
  readonly steps: readonly Step[]
  readonly outcome: string
  readonly tier?: string
  readonly elapsedMs: number
  readonly problem?: { readonly detail: string }
}

/** One line: who was asked, each exchange on the way, what came of it. Past what is remembered. */
export async function wayOf({ name, node }: Place, { identifier }: Good, places: readonly Place[]): Promise<string> {
  const response = await fetch(`${node.url}/v1/identifiers/${identifier}?explain=1&authoritative=1`)
  const { steps, outcome, tier, elapsedMs, problem } = (await response.json()) as Explanation
  const hops = steps.filter(({ layer }) => layer === 'peer').map(({ outcome: said }) => withNames(said, places))
  const end = problem === undefined ? `${outcome}, from ${tier}` : `${outcome}: ${problem.detail}`
  return [name, ...hops, `${end} after ${elapsedMs.toFixed(1)} ms`].join(' → ')
}

/** Ports say nothing to a reader. */
function withNames(text: string, places: readonly Place[]): string {
  return places.reduce(
    (named, { name, node }) =>
      named
        .replaceAll(new RegExp(`(tcp|udp)://127\\.0\\.0\\.1:${node.handlePort}\\b`, 'g'), `${name} (Handle, $1)`)
        .replaceAll(node.url, `${name} (API)`),
    text,
  )
}
