/** The identifiers a batch look-up asks for: JSON, lines (JSON strings or plain text), or protobuf. */
import { type Fault, messageOf, NodeError } from '../../platform/errors.js'
import { checkJson } from '../http/strict-json.js'
import { decodeResolveRequest } from '../protobuf/messages.js'

export const MAX_BATCH = 1_000

/** @throws NodeError `request-malformed`, `too-large` */
export function readIdentifiers(body: unknown): readonly string[] {
  const identifiers = identifiersOf(body)
  if (identifiers.length > MAX_BATCH)
    throw new NodeError('too-large', `One request takes ${MAX_BATCH} identifiers; these are ${identifiers.length}.`)
  return identifiers
}

function identifiersOf(body: unknown): readonly string[] {
  if (Buffer.isBuffer(body)) return decodeResolveRequest(body)
  if (typeof body === 'string') return linesOf(body)
  const faults: Fault[] = []
  const list = ofObject(body, faults)
  if (list !== undefined && faults.length === 0) return list
  throw new NodeError('request-malformed', 'The body must be {"identifiers": ["…", …]}.', { faults })
}

function ofObject(body: unknown, faults: Fault[]): readonly string[] | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    faults.push({ field: 'body', reason: 'must be an object with the member identifiers' })
    return undefined
  }
  for (const name of Object.keys(body))
    if (name !== 'identifiers') faults.push({ field: name.slice(0, 64), reason: 'unknown; only identifiers is known' })
  const { identifiers } = body as { identifiers?: unknown }
  if (!Array.isArray(identifiers)) {
    faults.push({ field: 'identifiers', reason: 'must be a list of strings' })
    return undefined
  }
  const wrong = identifiers.findIndex((one) => typeof one !== 'string')
  if (wrong >= 0) faults.push({ field: `identifiers[${wrong}]`, reason: 'must be a string' })
  return identifiers
}

/** A line that begins with a quotation mark is a JSON string, else the identifier itself. Empty lines are passed over. */
function linesOf(text: string): readonly string[] {
  return text.split('\n').flatMap((line, at) => {
    const content = line.endsWith('\r') ? line.slice(0, -1) : line
    return content === '' ? [] : [content.startsWith('"') ? jsonString(content, at) : content]
  })
}

function jsonString(line: string, at: number): string {
  try {
    checkJson(line)
  } catch (error) {
    throw new NodeError('request-malformed', `Line ${at + 1} begins like a JSON string and is none.`, {
      faults: [{ field: `line ${at + 1}`, reason: messageOf(error) }],
    })
  }
  return JSON.parse(line) as string
}
