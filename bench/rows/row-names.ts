/** The rows of the report, in its order. Each can be asked for alone. */
export const ROW_NAMES = [
  'import',
  'memory-zipf',
  'memory-uniform',
  'autocannon',
  'not-modified',
  'absent',
  'malformed',
  'not-served',
  'batch-resolve',
  'handle-udp',
  'handle-tcp-16',
  'handle-tcp-64',
  'handle-http',
  'redis',
  'postgres',
  'register',
  'register-batch',
  'mixed',
  'workers',
  'replicas',
  'scale',
  'latency-memory',
  'latency-redis',
  'latency-postgres',
  'latency-mixed',
  'latency-crowd',
  'memory-cache',
  'visible',
  'federation',
] as const

export type RowName = (typeof ROW_NAMES)[number]

/** Those whose figure is a rate that two builds can be compared by. */
export const COMPARABLE_ROWS = [
  'import',
  'memory-zipf',
  'memory-uniform',
  'not-modified',
  'absent',
  'malformed',
  'not-served',
  'batch-resolve',
  'redis',
  'postgres',
  'register',
  'register-batch',
] as const satisfies readonly RowName[]

export type ComparableName = (typeof COMPARABLE_ROWS)[number]
