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
  'memory-cache',
  'visible',
] as const

export type RowName = (typeof ROW_NAMES)[number]
