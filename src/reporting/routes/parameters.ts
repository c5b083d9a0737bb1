/** Parameters that routes of reports share. */
import { NodeError } from '../../platform/errors.js'
import { malformedField } from '../../registry/checks.js'
import { isTable, TABLES, type TableName } from '../tables/tables.js'

/** @throws NodeError `request-malformed` */
export function numberAfter(after: string | undefined): number | undefined {
  if (after === undefined) return undefined
  if (/^\d{1,15}$/.test(after)) return Number(after)
  throw malformedField('after', 'must be `next` of the page before.')
}

/** The route's pattern has seen to its form. */
export function idOf(text: string): number {
  return Number(text)
}

/** @throws NodeError `not-found` */
export function requireTable(name: string): TableName {
  if (isTable(name)) return name
  throw new NodeError('not-found', `There is no table ${name}. Known are ${TABLES.join(', ')}.`)
}
