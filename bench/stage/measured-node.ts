/** Starts a node for a row: with which caches, over which database, and with how many processes. */
import type { Bench } from '../bench.js'
import { type RunningNode, startNode } from './node-under-test.js'

/** Holds the hot records of any run, with room to spare. */
export const MEMORY_CACHE_BYTES = 2 ** 30
export const ADMIN_KEY = 'bench-administrator-key'
export const NO_REDIS = 'none'

export interface MeasuredNode {
  readonly memoryCacheBytes: number
  readonly redisUrl: string
  /** undefined: the one all rows share. */
  readonly databaseUrl?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Another build's dist/main.js. */
  readonly program?: string
  /** undefined: the one core of what is measured. */
  readonly cores?: readonly number[] | undefined
}

/** It is stopped at the end of the run at the latest. */
export async function startMeasuredNode(bench: Bench, wanted: MeasuredNode): Promise<RunningNode> {
  const { serverCore } = bench.pinned ?? {}
  const node = await startNode({
    databaseUrl: bench.stage.databaseUrl,
    ...wanted,
    cores: wanted.cores ?? (serverCore === undefined ? undefined : [serverCore]),
    adminKey: ADMIN_KEY,
    scratchFolder: bench.stage.scratchFolder,
  })
  bench.clean.add(node.stop)
  return node
}
