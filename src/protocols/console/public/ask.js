/** What the page asks of the node, and what came back: a kind of answer each time, never an exception. */

/**
 * The newest version is asked for explained, so that the page shows the way of this very look-up and not of another; the
 * record, or why there is none, lies inside. An older version takes no way worth drawing.
 */
export async function askRecord({ identifier, version }, signal) {
  const startedAt = performance.now()
  const answer = await ask(recordAddress(identifier, version === undefined ? { explain: 1 } : { version }), signal)
  const roundTripMs = performance.now() - startedAt
  if (answer.kind !== 'given') return answer
  if (version !== undefined) return { kind: 'record', record: answer.body, roundTripMs }
  const way = answer.body
  return way.record === undefined
    ? { kind: 'problem', status: way.status, problem: way.problem, way, roundTripMs }
    : { kind: 'record', record: way.record, way, roundTripMs }
}

/** Every value of a version, attributes included. */
export function askValues(identifier, version) {
  return ask(recordAddress(identifier, { version, values: 'all' }))
}

export function askHistory(identifier, { before, limit }, signal) {
  const query = new URLSearchParams({ limit: String(limit) })
  if (before) query.set('before', before)
  return ask(`/v1/history/${encodeURIComponent(identifier)}?${query}`, signal)
}

/** Label and kind of every attribute, by template name and attribute name. Without them the page shows plain names. */
export async function askTemplates() {
  const answer = await ask('/v1/templates')
  if (answer.kind !== 'given') return undefined
  return new Map(answer.body.items.map((template) => [template.name, template]))
}

export async function askSamples() {
  const answer = await ask('/console/samples.json')
  return answer.kind === 'given' ? answer.body.samples : []
}

function recordAddress(identifier, query) {
  return `/v1/identifiers/${encodeURIComponent(identifier)}?${new URLSearchParams(query)}`
}

function ask(address, signal) {
  return askNode(address, { signal })
}

/** Without an API key as anybody may ask. */
export async function askNode(address, { signal, apiKey } = {}) {
  let response
  let text
  const headers = { accept: 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) }
  try {
    response = await fetch(address, { headers, signal: signal ?? null })
    text = await response.text()
  } catch (error) {
    if (error.name === 'AbortError') throw error
    return { kind: 'offline' }
  }
  const body = parseJson(text)
  const { status } = response
  if (body !== undefined && response.ok) return { kind: 'given', body }
  if (typeof body?.code === 'string') return { kind: 'problem', status, problem: body }
  return { kind: 'unreadable', status }
}

function parseJson(text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
