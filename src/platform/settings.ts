/** Every variable that the node reads: the one list behind reading them, their errors, and the table in the README. */
import type { AllowedNetwork } from './address-guard.js'
import { ROLES, type Role } from './roles.js'
import {
  address,
  addresses,
  byteCount,
  type Endpoint,
  endpoints,
  enterpriseId,
  type Following,
  file,
  folder,
  followings,
  fraction,
  type HandleIdentity,
  handleIdentities,
  headerName,
  hostName,
  nodeName,
  oneOf,
  parentAddresses,
  peerNetworks,
  portOrNone,
  prefixList,
  prefixName,
  proxies,
  type ReadSetting,
  secret,
  timeZone,
  wholeNumber,
  workerCount,
  yesOrNo,
} from './setting-kinds.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface Config {
  readonly port: number
  readonly host: string
  /** Of the native Handle protocol; `none`: closed; undefined: the usual one if it is free. */
  readonly handlePort: HandlePort | undefined
  /** Of the Handle System's HTTP; likewise. */
  readonly handleHttpPort: HandlePort | undefined
  /** Files in PEM: both or neither. */
  readonly handleTlsCert: string | undefined
  readonly handleTlsKey: string | undefined
  /** Where others reach the node, for its HS_SITE; undefined: where it listens. */
  readonly handlePublicAddress: readonly string[] | undefined
  /** Of answers over UDP to one source; 0: no limit. */
  readonly handleUdpOctetsPerSecond: number
  readonly handleAdministrators: readonly HandleIdentity[]
  readonly handlePlainPasswords: boolean
  /** In which a trusted proxy tells the reader's country; undefined: it is never known. */
  readonly countryHeader: string | undefined
  /** undefined: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined
  readonly databaseConnections: number
  readonly preparedStatements: boolean
  /** undefined: a private Redis when a redis-server is on PATH; `none`: no Redis at all. */
  readonly redisUrl: string | undefined
  /** Absolute. */
  readonly dataFolder: string
  /** undefined: one is made at the first start. */
  readonly adminKey: string | undefined
  /** undefined: the one in the database. */
  readonly cacheMacKey: string | undefined
  /** Processes that serve; 1: this one alone. */
  readonly workers: number
  readonly memoryCacheBytes: number
  readonly stalenessBoundMs: number
  readonly maxStaleSeconds: number
  readonly pollIntervalMs: number
  readonly feedRetentionHours: number
  readonly demo: boolean
  readonly logLevel: LogLevel
  /** Share of look-ups that are logged, 0 to 1. */
  readonly logSample: number
  /** Whose word on the client's address counts. */
  readonly trustProxy: boolean | readonly string[]
  readonly drainSeconds: number
  readonly nodeName: string
  /** A file; undefined: a key that is kept in the database. */
  readonly handleKey: string | undefined
  /** undefined: nobody is named for prefixes that are not this node's. */
  readonly parentSite: readonly Endpoint[] | undefined
  /** The node above this one: `tcp://` or `udp://` by the native protocol, `http(s)://` by our API. undefined: none is asked. */
  readonly parent: readonly string[] | undefined
  /** A PEM file with its public key; undefined: what it says need not be signed. */
  readonly parentPublicKey: string | undefined
  /** What becomes of look-ups that are another node's, by who asks. */
  readonly foreign: Readonly<Record<'public' | 'known', Following>>
  /** Private networks that peers may be in: by `parent`, or the prefix that a server answers for. */
  readonly peerNetworks: Readonly<Record<string, readonly AllowedNetwork[]>>
  /** Self-built prefixes whose servers are asked from here; `all`: every one. */
  readonly proxiedPrefixes: readonly string[]
  readonly foreignTtlSeconds: number
  readonly foreignCacheBytes: number
  /** 0: no other node is probed. */
  readonly probeSeconds: number
  readonly role: Role
  /** Whose node this is, in the role `enterprise`. */
  readonly enterprise: string
  /** This node's own; undefined: none is known. */
  readonly nodePrefix: string | undefined
  readonly parentApiKey: string | undefined
  /** A file; undefined: the operator has said nothing. */
  readonly operatorFile: string | undefined
  /** undefined: reports are written to no folder. */
  readonly reportFolder: string | undefined
  /** Of each node below. */
  readonly receivedReports: number
  readonly receivedReportBytes: number
  /** Of days and months in reports. */
  readonly timeZone: string
}

/** 0: a free one. */
export type HandlePort = number | 'none'

/** As the Handle System's clients expect them. */
export const USUAL_HANDLE_PORT = 2641
export const USUAL_HANDLE_HTTP_PORT = 8000

export interface Setting<Value> {
  readonly name: string
  /** As one would write it; undefined: none. */
  readonly default?: string | undefined
  /** In place of the default in the table, where the default depends on the surroundings. */
  readonly defaultMeaning?: string
  readonly unit?: string
  readonly meaning: string
  /** Never shown. */
  readonly isSecret?: boolean
  readonly read: ReadSetting<Exclude<Value, undefined>>
}

const MIB = 2 ** 20
const GIB = 2 ** 30

export const SETTINGS: { readonly [Key in keyof Config]: Setting<Config[Key]> } = {
  port: {
    name: 'PORT',
    default: '8080',
    meaning: 'Port to listen on; 0 takes a free one',
    read: wholeNumber(0, 65_535),
  },
  host: {
    name: 'HOST',
    default: '127.0.0.1',
    meaning: 'Address to listen on; `0.0.0.0` or `::` for all (the container image sets `0.0.0.0`)',
    read: hostName,
  },
  handlePort: {
    name: 'JIEXI_HANDLE_PORT',
    defaultMeaning: '`2641` if it is free',
    meaning: 'Port of the native Handle protocol, UDP and TCP; 0 takes a free one, `none` closes it',
    read: portOrNone,
  },
  handleHttpPort: {
    name: 'JIEXI_HANDLE_HTTP_PORT',
    defaultMeaning: '`8000` if it is free',
    meaning:
      "Port of the Handle System's HTTP (JSON API, redirects, tunnel of the native protocol); 0 and `none` as above",
    read: portOrNone,
  },
  handleTlsCert: {
    name: 'JIEXI_HANDLE_TLS_CERT',
    meaning: 'Certificate chain, a PEM file: that HTTP port then speaks TLS too, beside plain HTTP',
    read: folder,
  },
  handleTlsKey: {
    name: 'JIEXI_HANDLE_TLS_KEY',
    meaning: 'Its private key, a PEM file',
    read: folder,
  },
  handlePublicAddress: {
    name: 'JIEXI_HANDLE_PUBLIC_ADDRESS',
    defaultMeaning: '`HOST`, where it is one address',
    meaning:
      'Addresses under which the Handle System reaches this node, with commas, such as `203.0.113.5,2001:db8::5`: they go into the records of its prefixes. The same on all replicas',
    read: addresses,
  },
  handleUdpOctetsPerSecond: {
    name: 'JIEXI_HANDLE_UDP_OCTETS_PER_SECOND',
    default: '4000000',
    unit: 'octets/s',
    meaning: 'Most octets of answers over UDP that one source address gets of each worker; 0 for no limit',
    read: wholeNumber(0, 1_000_000_000),
  },
  handleAdministrators: {
    name: 'JIEXI_HANDLE_ADMINISTRATORS',
    default: '',
    defaultMeaning: 'none',
    meaning:
      'Identities that administer the whole node by the Handle protocols, such as `300:0.NA/88.118`, with commas',
    read: handleIdentities,
  },
  handlePlainPasswords: {
    name: 'JIEXI_HANDLE_PLAIN_PASSWORDS',
    default: 'false',
    meaning: 'Whether the national SDK may log in with a password without TLS (operation 2000)',
    read: yesOrNo,
  },
  countryHeader: {
    name: 'JIEXI_COUNTRY_HEADER',
    defaultMeaning: 'none',
    meaning:
      "Header in which a proxy of `JIEXI_TRUST_PROXY` tells the reader's country as two letters, for redirects by `10320/loc`",
    read: headerName,
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    defaultMeaning: 'embedded PostgreSQL',
    meaning: 'PostgreSQL, `postgres://user:password@host:5432/database`',
    isSecret: true,
    read: address(['postgres', 'postgresql']),
  },
  databaseConnections: {
    name: 'JIEXI_DATABASE_CONNECTIONS',
    default: '10',
    unit: 'connections',
    meaning:
      'Most connections of each worker to PostgreSQL, besides one that follows changes and up to four for look-ups',
    read: wholeNumber(2, 1_000),
  },
  preparedStatements: {
    name: 'JIEXI_PREPARED_STATEMENTS',
    default: 'true',
    meaning: '`false` behind PgBouncer in transaction mode',
    read: yesOrNo,
  },
  redisUrl: {
    name: 'REDIS_URL',
    defaultMeaning: 'private redis-server if on PATH',
    meaning: 'Redis, `redis://`, `rediss://` or `unix:///path`; `none` for no Redis',
    isSecret: true,
    read: (text) => (text === 'none' ? text : address(['redis', 'rediss', 'unix'])(text)),
  },
  dataFolder: { name: 'JIEXI_DATA', default: './data', meaning: 'Folder of the embedded servers', read: folder },
  adminKey: {
    name: 'JIEXI_ADMIN_KEY',
    defaultMeaning: 'made at first start, shown once',
    meaning: 'Key of the administrator, at least 16 characters',
    isSecret: true,
    read: secret(16),
  },
  cacheMacKey: {
    name: 'JIEXI_CACHE_MAC_KEY',
    defaultMeaning: 'kept in the database',
    meaning: 'Key that protects entries in Redis, the same on all replicas, at least 32 characters',
    isSecret: true,
    read: secret(32),
  },
  workers: {
    name: 'JIEXI_WORKERS',
    default: '1',
    unit: 'processes',
    meaning: 'Worker processes that share the port: a number, or `auto` for one per processor core',
    read: workerCount,
  },
  memoryCacheBytes: {
    name: 'JIEXI_MEMORY_CACHE_BYTES',
    default: '256MiB',
    unit: 'bytes',
    meaning: 'Memory for cached records, divided between the workers; 0 turns the memory cache off',
    read: byteCount(0, 64 * GIB),
  },
  stalenessBoundMs: {
    name: 'JIEXI_STALENESS_BOUND_MS',
    default: '1000',
    unit: 'ms',
    meaning:
      'No unmarked answer is older than this; `?wait=visible` waits for the largest of all replicas, so give all the same',
    read: wholeNumber(100, 60_000),
  },
  maxStaleSeconds: {
    name: 'JIEXI_MAX_STALE_SECONDS',
    default: '86400',
    unit: 's',
    meaning: 'For how long cached records are answered, marked stale, while the database is down',
    read: wholeNumber(0, 31_536_000),
  },
  pollIntervalMs: {
    name: 'JIEXI_POLL_INTERVAL_MS',
    default: '50',
    unit: 'ms',
    meaning: 'Pause between two looks at the change feed',
    read: wholeNumber(1, 10_000),
  },
  feedRetentionHours: {
    name: 'JIEXI_FEED_RETENTION_HOURS',
    default: '168',
    unit: 'h',
    meaning: 'How long changes stay in the feed',
    read: wholeNumber(1, 87_600),
  },
  demo: {
    name: 'JIEXI_DEMO',
    defaultMeaning: '`true` of a secondary node with the embedded PostgreSQL, else `false`',
    meaning: 'Whether an empty database is filled with sample records',
    read: yesOrNo,
  },
  logLevel: {
    name: 'JIEXI_LOG_LEVEL',
    default: 'info',
    meaning: LOG_LEVELS.map((level) => `\`${level}\``).join(', '),
    read: oneOf(LOG_LEVELS),
  },
  logSample: {
    name: 'JIEXI_LOG_SAMPLE',
    default: '0.01',
    unit: '0 to 1',
    meaning: 'Share of look-ups that are logged; writes and internal errors always are',
    read: fraction,
  },
  trustProxy: {
    name: 'JIEXI_TRUST_PROXY',
    default: 'false',
    meaning: 'Proxies whose `X-Forwarded-For` counts: `false`, `true` (any), or addresses and networks with commas',
    read: proxies,
  },
  drainSeconds: {
    name: 'JIEXI_DRAIN_SECONDS',
    // The keep-alive time that clients are told (10 s), and time for what they send at its end to arrive.
    default: '12',
    unit: 's',
    meaning:
      'Time to finish what runs when the node is told to stop; from 11 on, no idle connection ends before its keep-alive time',
    read: wholeNumber(0, 600),
  },
  nodeName: {
    name: 'JIEXI_NODE_NAME',
    defaultMeaning: 'name of the host',
    meaning: 'Name of this replica in logs and metrics',
    read: nodeName,
  },
  handleKey: {
    name: 'JIEXI_HANDLE_KEY',
    defaultMeaning: 'made at first start, kept in the database',
    meaning: 'PEM file with the RSA key, of 2,048 bits or more, that signs certified answers. The same on all replicas',
    read: file,
  },
  parentSite: {
    name: 'JIEXI_PARENT_SITE',
    defaultMeaning: 'none',
    meaning:
      'Handle servers of the node above this one, such as `203.0.113.9:2641`, with commas: whoever asks for a prefix that is not this node’s is referred there',
    read: endpoints(2_641),
  },
  role: {
    name: 'JIEXI_ROLE',
    default: 'secondary',
    meaning:
      'What this node is in the national system: `secondary`; `top-level`, which takes what nodes below tell and report; `enterprise`, which holds one enterprise’s prefix; `recursive`, which holds nothing and asks others',
    read: oneOf(ROLES),
  },
  enterprise: {
    name: 'JIEXI_ENTERPRISE',
    default: 'own',
    meaning: 'Id of the enterprise whose node this is, in the role `enterprise`: made at the first start',
    read: enterpriseId,
  },
  nodePrefix: {
    name: 'JIEXI_NODE_PREFIX',
    defaultMeaning: 'none',
    meaning:
      'Prefix of this node itself, such as `88.118`; reports are made under it. In the role `enterprise` the one it holds',
    read: prefixName,
  },
  parent: {
    name: 'JIEXI_PARENT',
    defaultMeaning: 'none',
    meaning:
      'The node above this one, which is asked for prefixes that are not this node’s: `tcp://203.0.113.9:2641` by the Handle protocol, `https://node.example` by the API of this software; more addresses of it with commas. With both, look-ups go by the Handle protocol and the rest by the API',
    read: parentAddresses,
  },
  parentPublicKey: {
    name: 'JIEXI_PARENT_PUBLIC_KEY',
    defaultMeaning: 'none',
    meaning:
      'PEM file with the public key of that node: then only signed answers count, its own and those of the servers it names, and identities of other nodes are known by them. For the Handle protocol',
    read: file,
  },
  foreign: {
    name: 'JIEXI_FOREIGN',
    default: 'follow',
    meaning:
      'What becomes of look-ups that other nodes answer: `follow` asks them from here, `refer` says where to ask, `refuse` does not; or by asker, with an API key or without: `public=refer,known=follow`',
    read: followings,
  },
  peerNetworks: {
    name: 'JIEXI_PEER_NETWORKS',
    default: '',
    defaultMeaning: 'none',
    meaning:
      'Private networks, with ports, that a peer’s servers may be in: `parent=10.0.0.0/8:2641,88.118.8=10.2.0.0/16:2641-2650`. Elsewhere only public addresses are asked',
    read: peerNetworks,
  },
  proxiedPrefixes: {
    name: 'JIEXI_PROXIED_PREFIXES',
    default: '',
    defaultMeaning: 'none',
    meaning:
      'Prefixes with servers of their holders’ own that are asked from here, in place of referring to them: with commas, or `all`',
    read: prefixList,
  },
  foreignTtlSeconds: {
    name: 'JIEXI_FOREIGN_TTL_SECONDS',
    default: '300',
    unit: 's',
    meaning: 'For how long at most an answer of another node is given again; its own time to live may be shorter',
    read: wholeNumber(5, 86_400),
  },
  foreignCacheBytes: {
    name: 'JIEXI_FOREIGN_CACHE_BYTES',
    default: '32MiB',
    unit: 'bytes',
    meaning: 'Memory of each worker for answers of other nodes; 0 keeps none',
    read: byteCount(0, 64 * GIB),
  },
  probeSeconds: {
    name: 'JIEXI_PROBE_SECONDS',
    default: '30',
    unit: 's',
    meaning:
      'How often the parent node and the servers of self-built prefixes are asked whether they are there; 0: never',
    read: wholeNumber(0, 86_400),
  },
  parentApiKey: {
    name: 'JIEXI_PARENT_API_KEY',
    defaultMeaning: 'none',
    meaning:
      'API key that the node above gave to this one: with it, and an `https://` parent, this node tells it of all changes, and reports',
    isSecret: true,
    read: secret(16),
  },
  operatorFile: {
    name: 'JIEXI_OPERATOR_FILE',
    defaultMeaning: 'none',
    meaning: 'JSON file with what only the operator can say in reports; read anew when it changes',
    read: file,
  },
  reportFolder: {
    name: 'JIEXI_REPORTS',
    defaultMeaning: 'none',
    meaning: 'Folder that reports are written to',
    read: folder,
  },
  receivedReports: {
    name: 'JIEXI_RECEIVED_REPORTS',
    default: '1000000',
    unit: 'documents',
    meaning: 'Reports of each node below that are kept; beyond it the oldest of the table that has most go',
    read: wholeNumber(10, 1_000_000_000),
  },
  receivedReportBytes: {
    name: 'JIEXI_RECEIVED_REPORT_BYTES',
    default: '8GiB',
    unit: 'bytes',
    meaning: 'Bytes of them, compressed; beyond it the oldest of the table that takes most go',
    read: byteCount(32 * MIB, 1_024 * GIB),
  },
  timeZone: {
    name: 'JIEXI_TIME_ZONE',
    default: 'Asia/Shanghai',
    meaning: 'Where a day and a month of the reports begin at midnight',
    read: timeZone,
  },
}

/** Markdown, for the README. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS as Readonly<Record<string, Setting<unknown>>>).map((setting) => {
    const byDefault = setting.defaultMeaning ?? (setting.default === undefined ? '' : `\`${setting.default}\``)
    return `| \`${setting.name}\` | ${byDefault} | ${setting.unit ?? ''} | ${setting.meaning} |`
  })
  return ['| Variable | Default | Unit | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}
