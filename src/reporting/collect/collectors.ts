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
import { collectEnterpriseStatistics, collectOwnStatistics } from './statistics.js'

export const COLLECTORS: Readonly<Record<Exclude<TableName, 'event'>, Collect>> = {
  T1: collectOperator,
  T2: collectOwnResolution,
  T3: collectOwnStatistics,
  T4: collectOwnMetadata,
  T5: collectOwnApplications,
  T6: collectEnterprises,
  T7: collectEnterpriseRoutes,
  T8: collectEnterpriseStatistics,
  T9: collectIdentifiers,
  T10: collectEnterpriseApplications,
  T11: collectEnterpriseMetadata,
  performance: collectPerformance,
  'enterprise-performance': collectEnterprisePerformance,
  month: collectMonth,
}
