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
  'latency-memory',
  'latency-redis',
  'latency-postgres',
] as const

export type RowName = (typeof ROW_NAMES)[number]
