/** Puts the duty together from the settings: where reports go, under which prefix, and what the operator says. */
import type { Clock } from '../platform/clock.js'
import type { Config } from '../platform/config.js'
import type { Lifecycle } from '../platform/lifecycle.js'
import type { Logger } from '../platform/logger.js'
import type { Database } from '../platform/postgres.js'
import { ROLE_FACTS } from '../platform/roles.js'
import { isApiAddress } from '../platform/setting-kinds.js'
import type { Scope } from '../protocols/rest/door.js'
import type { Destination } from './destinations/destination.js'
import { folderDestination } from './destinations/folder.js'
import { nodeDestination } from './destinations/node.js'
import { reporting } from './duty/reporting.js'
import { watchedOperator } from './operator.js'
import { enterpriseReportingRoutes } from './routes/enterprise-reporting.js'
import { ownReportRoutes } from './routes/own-reports.js'
import { receivedReportRoutes } from './routes/received-reports.js'

export interface StartReporting {
  readonly config: Config
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  readonly life: Lifecycle
}

/** Safe in many processes at once: one of them does it. @throws NodeError `request-malformed`: the operator's file */
export async function startReporting({ config, db, clock, log, life }: StartReporting): Promise<void> {
  if (!ROLE_FACTS[config.role].reports) return
  const { nodePrefix, timeZone, stalenessBoundMs } = config
  const destinations = destinationsOf(config)
  if (destinations.length > 0 && nodePrefix === undefined)
    log.warn('Nothing is reported: JIEXI_NODE_PREFIX does not say under which prefix.')
  const duty = reporting({
    db,
    clock,
    log,
    node: nodePrefix ?? '',
    timeZone,
    stalenessBoundMs,
    isProbing: config.probeSeconds > 0,
    findOperator: await watchedOperator(config.operatorFile, log),
    destinations: nodePrefix === undefined ? [] : destinations,
  })
  await life.start('reporting', () => duty.start(), { stop: () => duty.stop() })
}

/** A node above without an API key is one to ask, not one to report to. */
function destinationsOf({ parent, parentApiKey, reportFolder }: ReportSettings): readonly Destination[] {
  const [first, ...others] = (parent ?? []).filter(isApiAddress)
  const isToTell = first !== undefined && parentApiKey !== undefined
  return [
    ...(isToTell ? [nodeDestination({ addresses: [first, ...others], apiKey: parentApiKey })] : []),
    ...(reportFolder === undefined ? [] : [folderDestination(reportFolder)]),
  ]
}

type ReportSettings = Pick<
  Config,
  | 'role'
  | 'timeZone'
  | 'nodePrefix'
  | 'parent'
  | 'parentApiKey'
  | 'reportFolder'
  | 'receivedReports'
  | 'receivedReportBytes'
>

/** For the REST door. */
export function reportRoutes(config: ReportSettings): readonly ((scope: Scope) => void)[] {
  const { role, timeZone, receivedReports: documents, receivedReportBytes: octets } = config
  const destinations = destinationsOf(config).map(({ name }) => name)
  return [
    (scope) => ownReportRoutes(scope, { timeZone, destinations, whyNone: whyNone(config) }),
    enterpriseReportingRoutes,
    ...(ROLE_FACTS[role].takesReports ? [(scope: Scope) => receivedReportRoutes(scope, { documents, octets })] : []),
  ]
}

/** undefined: reports are made. */
function whyNone(config: ReportSettings): string | undefined {
  if (!ROLE_FACTS[config.role].reports) return `a node with JIEXI_ROLE=${config.role} owes none.`
  if (config.nodePrefix === undefined) return 'JIEXI_NODE_PREFIX does not say under which prefix.'
  return destinationsOf(config).length > 0
    ? undefined
    : 'neither JIEXI_PARENT with JIEXI_PARENT_API_KEY nor JIEXI_REPORTS says where to.'
}
