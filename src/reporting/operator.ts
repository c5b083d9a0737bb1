/**
 * What only the operator can say of the node: a JSON file (JIEXI_OPERATOR_FILE). It is read anew whenever it changes; a
 * file that cannot be used keeps the one before in force, and is told of. What it leaves out is reported as missing.
 */
import { readFile, stat } from 'node:fs/promises'
import { type Static, Type } from 'typebox'
import { messageOf, NodeError } from '../platform/errors.js'
import { checker } from './tables/report-shape.js'
import { Application, closed, Industry, Resolution, Subject, Text, Time } from './tables/shapes.js'

export const OperatorShape = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    subject: Type.Optional(Type.Partial(Subject, closed)),
    resolution: Type.Optional(Type.Array(Resolution, { maxItems: 100 })),
    applications: Type.Optional(Type.Array(Application, { maxItems: 1_000 })),
    /** By name. */
    templates: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({ industry: Type.Optional(Industry), isForActiveCarriers: Type.Optional(Type.Boolean()) }, closed),
      ),
    ),
    maintenance: Type.Optional(
      Type.Array(Type.Object({ from: Time, to: Time, reason: Text('原因') }, closed), { maxItems: 1_000 }),
    ),
  },
  closed,
)

export type Operator = Static<typeof OperatorShape>

const MAX_BYTES = 4 * 2 ** 20
const check = checker(OperatorShape, 'operator')

/** @throws NodeError `request-malformed`, with all its faults, in its message too */
export async function readOperator(file: string): Promise<Operator> {
  const { size } = await stat(file).catch((cause: unknown) => refuse(file, messageOf(cause), cause))
  if (size > MAX_BYTES) return refuse(file, `it is larger than ${MAX_BYTES} bytes.`)
  const text = await readFile(file, 'utf8').catch((cause: unknown) => refuse(file, messageOf(cause), cause))
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    return refuse(file, `it is not JSON: ${messageOf(cause)}.`, cause)
  }
  const faults = check.faults(document)
  if (faults.length === 0) return document as Operator
  const told = faults.map(({ field, reason }) => `\n  ${field}: ${reason}`).join('')
  throw new NodeError('request-malformed', `JIEXI_OPERATOR_FILE: ${file} cannot be used:${told}`, { faults })
}

function refuse(file: string, why: string, cause?: unknown): never {
  throw new NodeError('request-malformed', `JIEXI_OPERATOR_FILE: ${file} cannot be read: ${why}`, { cause })
}

/** The newest that could be used. Without a file nothing is known of the operator. */
export type FindOperator = () => Promise<Operator>

export async function watchedOperator(
  file: string | undefined,
  log: { warn(message: string): void },
): Promise<FindOperator> {
  if (file === undefined) return async () => ({})
  // At the start a file that cannot be used is an error: nothing is in force yet.
  let seen = await changedAt(file)
  let known = await readOperator(file)
  return async () => {
    const now = await changedAt(file)
    if (now === seen) return known
    seen = now
    known = await readOperator(file).catch((error: unknown) => {
      log.warn(`${messageOf(error)}\nWhat it said before stays in force.`)
      return known
    })
    return known
  }
}

async function changedAt(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`
}
