/** What a node tells of itself under /metrics, in Prometheus' text format. */

export interface NodeMetrics {
  /** The sum over all label values; 0 when there is no such metric. */
  total(name: string): number
  /** By the value of one label. */
  by(name: string, label: string): ReadonlyMap<string, number>
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/gm
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

export async function readMetrics(port: number): Promise<NodeMetrics> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`GET /metrics was answered with ${answer.status}: ${text.slice(0, 500)}`)
  return parseMetrics(text)
}

export function parseMetrics(text: string): NodeMetrics {
  const samples = [...text.matchAll(SAMPLE)].map(([, name, labels = '', value]) => ({
    name,
    labels: new Map([...labels.matchAll(LABEL)].map(([, label, of]) => [label, of] as const)),
    value: Number(value),
  }))
  const named = (name: string) => samples.filter((sample) => sample.name === name)
  return {
    total: (name) => named(name).reduce((sum, { value }) => sum + value, 0),
    by: (name, label) => {
      const sums = new Map<string, number>()
      for (const { labels, value } of named(name)) {
        const of = labels.get(label) ?? ''
        sums.set(of, (sums.get(of) ?? 0) + value)
      }
      return sums
    },
  }
}
