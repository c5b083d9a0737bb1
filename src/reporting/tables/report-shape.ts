/** The envelope that every report comes in, and what a document must be to be one. */
import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Fault } from '../../platform/errors.js'
import { type SchemaFault, shapeRefused } from '../../protocols/http/schema-faults.js'
import { closed, Time } from './shapes.js'
import { REPORT_TABLES, TABLES, type TableName } from './tables.js'

export const FORMAT_VERSION = 1
/** Four octets with a sign, as they are stored. */
const MOST = 2 ** 31 - 1

export const PERIOD_KEY = '^[\\w.-]{1,64}$'

export function reportShape(table: TableName) {
  return Type.Object(
    {
      table: Type.Literal(table),
      formatVersion: Type.Literal(FORMAT_VERSION),
      node: Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'prefix of the node that reports',
        examples: ['88.118'],
      }),
      period: Type.Object(
        {
          key: Type.String({ pattern: PERIOD_KEY, examples: ['2026-11-25'] }),
          from: Time,
          to: Time,
          timeZone: Type.String({ examples: ['Asia/Shanghai'] }),
        },
        closed,
      ),
      revision: Type.Integer({ minimum: 1, maximum: MOST, description: 'the larger one replaces the smaller' }),
      part: Type.Integer({ minimum: 1, maximum: MOST }),
      isLast: Type.Boolean({ description: 'no further part follows' }),
      collectedAt: Time,
      missing: Type.Array(Type.Object({ field: Type.String(), reason: Type.String() }, closed), {
        maxItems: 10_000,
        description: 'what is asked for and is not there, or not for the whole of the period, and why',
      }),
      data: REPORT_TABLES[table].data,
    },
    {
      ...closed,
      $id: `/v1/schemas/reports/${table}`,
      title: REPORT_TABLES[table].title.en,
      description: REPORT_TABLES[table].title.zh,
    },
  )
}

export interface Missing {
  readonly field: string
  readonly reason: string
}

export type Report = Omit<Static<ReturnType<typeof reportShape>>, 'table' | 'data'> & {
  readonly table: TableName
  readonly data: unknown
}

/** JSON Schemas, as they are published. */
export const REPORT_SCHEMAS: Readonly<Record<TableName, object>> = Object.fromEntries(
  TABLES.map((table) => [
    table,
    { $schema: 'https://json-schema.org/draft/2020-12/schema', ...JSON.parse(JSON.stringify(reportShape(table))) },
  ]),
) as Record<TableName, object>

export interface Checker {
  /** All that is wrong with a document, up to a bound. */
  faults(document: unknown): readonly Fault[]
}

/** `whole`: what the document as such is called in a fault. */
export function checker(schema: TSchema, whole: string): Checker {
  let compiled: ReturnType<typeof Compile> | undefined
  return {
    faults(document) {
      compiled ??= Compile(schema)
      if (compiled.Check(document)) return []
      const found = compiled.Errors(document) as unknown as readonly SchemaFault[]
      return shapeRefused(found, { part: whole, schema }).faults
    },
  }
}

const checkers = new Map(TABLES.map((table) => [table, checker(reportShape(table), 'report')]))

/** What keeps a document from being a report of this table. */
export function reportFaults(table: TableName, document: unknown): readonly Fault[] {
  return checkers.get(table)!.faults(document)
}
