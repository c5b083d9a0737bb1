/** How each table is collected. Events are made one by one (duty/reporting.ts). */
import type { TableName } from '../tables/tables.js'
import type { Collect } from './collect.js'
import { collectEnterprisePerformance } from './enterprise-performance.js'
import { collectIdentifiers } from './identifiers.js'
import { collectMonth } from './month.js'
import { collectPerformance } from './performance.js'
import {
  collectEnterpriseApplications,
  collectEnterpriseMetadata,
  collectEnterpriseRoutes,
  collectEnterprises,
  collectOperator,
  collectOwnApplications,
  collectOwnMetadata,
  collectOwnResolution,
} from './said.js'
import { counted, stateOfNow } from './shortfalls.js'
import { collectEnterpriseStatistics, collectOwnStatistics } from './statistics.js'

const REQUESTS = ['requests', 'successes', 'sources']
const LATENCIES = ['data.resolution', 'data.registration']

export const COLLECTORS: Readonly<Record<Exclude<TableName, 'event'>, Collect>> = {
  T1: collectOperator,
  T2: collectOwnResolution,
  T3: counted(collectOwnStatistics, { by: 'hour', fields: REQUESTS.map((name) => `data.${name}`) }),
  T4: stateOfNow(collectOwnMetadata),
  T5: stateOfNow(collectOwnApplications),
  T6: stateOfNow(collectEnterprises),
  T7: stateOfNow(collectEnterpriseRoutes),
  T8: counted(collectEnterpriseStatistics, { by: 'hour', fields: REQUESTS.map((name) => `data.items[].${name}`) }),
  T9: collectIdentifiers,
  T10: stateOfNow(collectEnterpriseApplications),
  T11: collectEnterpriseMetadata,
  performance: counted(collectPerformance, { by: 'minute', fields: LATENCIES }),
  'enterprise-performance': counted(collectEnterprisePerformance, {
    by: 'hour',
    fields: ['data.items[].resolution', 'data.items[].availability'],
  }),
  month: counted(collectMonth, { by: 'minute', fields: [...LATENCIES, 'data.registrationEffective'] }),
}
