import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeConfig, readConfig, SETTINGS, settingsTable } from '../../src/platform/config.js'
import { NodeError } from '../../src/platform/errors.js'

describe('what is read', () => {
  test('with an empty environment everything has its default, and cannot be changed', () => {
    const config = readConfig({})
    expect(config).toEqual({
      port: 8080,
      host: '127.0.0.1',
      handlePort: undefined,
      handleHttpPort: undefined,
      handleAdministrators: [],
      handlePlainPasswords: false,
      countryHeader: undefined,
      handleTlsCert: undefined,
      handleTlsKey: undefined,
      handlePublicAddress: undefined,
      handleUdpOctetsPerSecond: 4_000_000,
      databaseUrl: undefined,
      databaseConnections: 10,
      preparedStatements: true,
      redisUrl: undefined,
      dataFolder: path.resolve('data'),
      adminKey: undefined,
      cacheMacKey: undefined,
      workers: 1,
      memoryCacheBytes: 256 * 2 ** 20,
      stalenessBoundMs: 1_000,
      maxStaleSeconds: 86_400,
      pollIntervalMs: 50,
      feedRetentionHours: 168,
      demo: true,
      logLevel: 'info',
      logSample: 0.01,
      trustProxy: false,
      drainSeconds: 12,
      enterprise: 'own',
      nodeName: os.hostname(),
      parent: undefined,
      parentPublicKey: undefined,
      foreign: { public: 'follow', known: 'follow' },
      peerNetworks: {},
      proxiedPrefixes: [],
      foreignTtlSeconds: 300,
      foreignCacheBytes: 33_554_432,
      probeSeconds: 30,
      role: 'secondary',
      nodePrefix: undefined,
      parentApiKey: undefined,
      operatorFile: undefined,
      receivedReports: 1_000_000,
      receivedReportBytes: 8 * 2 ** 30,
      reportFolder: undefined,
      timeZone: 'Asia/Shanghai',
    })
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('an empty variable counts as none, blanks around a value do not count', () => {
    expect(readConfig({ PORT: '', JIEXI_DATABASE_CONNECTIONS: ' 4 ' })).toMatchObject({
      port: 8080,
      databaseConnections: 4,
    })
  })

  test('samples are loaded into a database of our own only, unless asked for', () => {
    const DATABASE_URL = 'postgres://db/x'
    expect(readConfig({ DATABASE_URL }).demo).toBe(false)
    expect(readConfig({ DATABASE_URL, JIEXI_DEMO: 'true' }).demo).toBe(true)
    expect(readConfig({ JIEXI_DEMO: 'no' }).demo).toBe(false)
  })

  test.each([
    ['JIEXI_MEMORY_CACHE_BYTES', '256MiB', { memoryCacheBytes: 268_435_456 }],
    ['JIEXI_MEMORY_CACHE_BYTES', '0', { memoryCacheBytes: 0 }],
    ['JIEXI_MEMORY_CACHE_BYTES', '268435456', { memoryCacheBytes: 268_435_456 }],
    ['JIEXI_MEMORY_CACHE_BYTES', '1.5 gb', { memoryCacheBytes: 1_500_000_000 }],
    ['JIEXI_MEMORY_CACHE_BYTES', '2Gi', { memoryCacheBytes: 2_147_483_648 }],
    ['JIEXI_WORKERS', '2', { workers: 2 }],
    ['JIEXI_WORKERS', 'auto', { workers: os.availableParallelism() }],
    ['REDIS_URL', 'none', { redisUrl: 'none' }],
    ['REDIS_URL', 'unix:///run/redis.sock', { redisUrl: 'unix:///run/redis.sock' }],
    ['DATABASE_URL', 'postgresql:///db?host=/run/postgresql', { databaseUrl: 'postgresql:///db?host=/run/postgresql' }],
    ['JIEXI_TRUST_PROXY', '10.0.0.0/8, ::1', { trustProxy: ['10.0.0.0/8', '::1'] }],
    ['JIEXI_TRUST_PROXY', '10.0.0.0/32,fd00::/128', { trustProxy: ['10.0.0.0/32', 'fd00::/128'] }],
    ['JIEXI_TRUST_PROXY', 'true', { trustProxy: true }],
    ['JIEXI_LOG_SAMPLE', '1', { logSample: 1 }],
    ['JIEXI_LOG_LEVEL', 'WARN', { logLevel: 'warn' }],
    ['HOST', '::', { host: '::' }],
    ['PORT', '0', { port: 0 }],
    ['JIEXI_HANDLE_PORT', '0', { handlePort: 0 }],
    ['JIEXI_HANDLE_PORT', 'None', { handlePort: 'none' }],
    ['JIEXI_HANDLE_HTTP_PORT', '8001', { handleHttpPort: 8001 }],
    ['JIEXI_HANDLE_PUBLIC_ADDRESS', '192.0.2.1, 2001:db8::1', { handlePublicAddress: ['192.0.2.1', '2001:db8::1'] }],
    [
      'JIEXI_HANDLE_ADMINISTRATORS',
      '300:0.NA/88.118, 0:88.118.8/ADMIN',
      {
        handleAdministrators: [
          { index: 300, handle: '0.NA/88.118' },
          { index: 0, handle: '88.118.8/ADMIN' },
        ],
      },
    ],
    ['JIEXI_HANDLE_PLAIN_PASSWORDS', 'true', { handlePlainPasswords: true }],
    ['JIEXI_COUNTRY_HEADER', 'CF-IPCountry', { countryHeader: 'CF-IPCountry' }],
    ['JIEXI_PARENT', 'tcp://203.0.113.9:2641', { parent: ['tcp://203.0.113.9:2641'] }],
    [
      'JIEXI_PARENT',
      'tcp://203.0.113.9:2641,https://a.example',
      { parent: ['tcp://203.0.113.9:2641', 'https://a.example'] },
    ],
    ['JIEXI_PARENT', 'https://a.example, https://b.example/', { parent: ['https://a.example', 'https://b.example/'] }],
    ['JIEXI_FOREIGN', 'Refer', { foreign: { public: 'refer', known: 'refer' } }],
    ['JIEXI_FOREIGN', 'public=refuse, known=follow', { foreign: { public: 'refuse', known: 'follow' } }],
    [
      'JIEXI_PEER_NETWORKS',
      'parent=10.0.0.0/8:2641,88.118.8=[fd00::/8]:1-9',
      {
        peerNetworks: {
          parent: [{ address: '10.0.0.0', bits: 8, leastPort: 2641, mostPort: 2641 }],
          '88.118.8': [{ address: 'fd00::', bits: 8, leastPort: 1, mostPort: 9 }],
        },
      },
    ],
    ['JIEXI_PROXIED_PREFIXES', '88.118.8, 88.118.9', { proxiedPrefixes: ['88.118.8', '88.118.9'] }],
  ])('%s=%s', (name, text, expected) => {
    expect(readConfig({ [name]: text })).toMatchObject(expected)
  })
})

describe('what is refused', () => {
  test.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['HOST', 'http://x'],
    ['JIEXI_HANDLE_PORT', '65536'],
    ['JIEXI_HANDLE_HTTP_PORT', 'off'],
    ['JIEXI_HANDLE_PUBLIC_ADDRESS', 'example.org'],
    ['JIEXI_HANDLE_ADMINISTRATORS', '0.NA/88.118'],
    ['JIEXI_PARENT', '203.0.113.9'],
    ['JIEXI_PARENT', 'tcp://203.0.113.9:2641,ftp://a.example'],
    ['JIEXI_PARENT', 'https://user:word@a.example'],
    ['JIEXI_PARENT', 'https://a.example/path'],
    ['JIEXI_FOREIGN', 'ask'],
    ['JIEXI_FOREIGN', 'public=follow'],
    ['JIEXI_FOREIGN', 'public=follow,known=ask'],
    ['JIEXI_PEER_NETWORKS', '10.0.0.0/8:2641'],
    ['JIEXI_PEER_NETWORKS', 'parent=10.0.0.0/8'],
    ['JIEXI_PROXIED_PREFIXES', '88.118/x'],
    ['JIEXI_HANDLE_ADMINISTRATORS', '300:88.118'],
    ['JIEXI_HANDLE_ADMINISTRATORS', '4294967296:0.NA/88.118'],
    ['JIEXI_HANDLE_ADMINISTRATORS', '300:0.NA/88.118,'],
    ['JIEXI_HANDLE_PLAIN_PASSWORDS', 'over TLS'],
    ['JIEXI_COUNTRY_HEADER', 'x country'],
    ['JIEXI_HANDLE_UDP_OCTETS_PER_SECOND', 'many'],
    ['DATABASE_URL', 'mysql://db/x'],
    ['DATABASE_URL', 'postgres:///x'],
    ['REDIS_URL', 'localhost:6379'],
    ['JIEXI_ADMIN_KEY', 'too short'],
    ['JIEXI_CACHE_MAC_KEY', 'too short'],
    ['JIEXI_WORKERS', '0'],
    ['JIEXI_WORKERS', '65'],
    ['JIEXI_WORKERS', 'all'],
    ['JIEXI_MEMORY_CACHE_BYTES', '256 bananas'],
    ['JIEXI_MEMORY_CACHE_BYTES', '-5MiB'],
    ['JIEXI_DEMO', 'maybe'],
    ['JIEXI_LOG_LEVEL', 'loud'],
    ['JIEXI_LOG_SAMPLE', '1.5'],
    ['JIEXI_LOG_SAMPLE', 'all'],
    ['JIEXI_TRUST_PROXY', 'my-proxy'],
    ['JIEXI_TRUST_PROXY', '300.1.1.1'],
    ['JIEXI_TRUST_PROXY', '10.0.0.0/33'],
    ['JIEXI_TRUST_PROXY', '10.0.0.0/0'],
    ['JIEXI_TRUST_PROXY', '10.0.0.1,'],
    ['JIEXI_TRUST_PROXY', 'fd00::/129'],
    ['JIEXI_TRUST_PROXY', '1:2:3'],
    ['JIEXI_DATABASE_CONNECTIONS', '0'],
    ['JIEXI_NODE_NAME', 'a name with blanks'],
    ['JIEXI_POLL_INTERVAL_MS', '500'],
  ])('%s=%s', (name, text) => {
    expect(faultsOf({ [name]: text })).toEqual([{ field: name, reason: expect.stringContaining('expected') }])
  })

  test('a role that lacks what it needs, or has what is not for it', () => {
    expect(faultsOf({ JIEXI_ROLE: 'enterprise' })).toMatchObject([{ field: 'JIEXI_NODE_PREFIX' }])
    expect(faultsOf({ JIEXI_ROLE: 'recursive' })).toMatchObject([{ field: 'JIEXI_PARENT' }])
    const recursive = { JIEXI_ROLE: 'recursive', JIEXI_PARENT: 'https://a.example' }
    expect(readConfig(recursive).demo).toBe(false)
    expect(faultsOf({ ...recursive, JIEXI_DEMO: 'true', JIEXI_PARENT_API_KEY: 'x'.repeat(20) })).toMatchObject([
      { field: 'JIEXI_PARENT_API_KEY' },
      { field: 'JIEXI_DEMO' },
    ])
    const enterprise = { JIEXI_ROLE: 'enterprise', JIEXI_NODE_PREFIX: '88.118.9' }
    expect(faultsOf({ ...enterprise, JIEXI_ENTERPRISE: 'Not so' })).toMatchObject([{ field: 'JIEXI_ENTERPRISE' }])
  })

  test('the key of a parent that is asked by its API, whatever the case of its address', () => {
    const key = { JIEXI_PARENT_PUBLIC_KEY: 'parent.pem' }
    for (const JIEXI_PARENT of ['https://a.example', 'HTTPS://a.example'])
      expect(faultsOf({ ...key, JIEXI_PARENT })).toMatchObject([{ field: 'JIEXI_PARENT_PUBLIC_KEY' }])
    expect(() => readConfig({ ...key, JIEXI_PARENT: 'tcp://203.0.113.9:2641,HTTPS://a.example' })).not.toThrow()
  })

  test('a certificate without its key, and a key without its certificate', () => {
    expect(faultsOf({ JIEXI_HANDLE_TLS_CERT: 'cert.pem' })).toMatchObject([{ field: 'JIEXI_HANDLE_TLS_KEY' }])
    expect(faultsOf({ JIEXI_HANDLE_TLS_KEY: 'key.pem' })).toMatchObject([{ field: 'JIEXI_HANDLE_TLS_CERT' }])
  })

  test('all faults are told at once, in the message too', () => {
    const error = errorOf({ PORT: 'x', JIEXI_DATABASE_CONNECTIONS: 'y', JIEXI_LOG_LEVL: 'debug' })
    expect(error.code).toBe('request-malformed')
    expect(error.faults.map(({ field }) => field)).toEqual(['JIEXI_LOG_LEVL', 'PORT', 'JIEXI_DATABASE_CONNECTIONS'])
    for (const { field, reason } of error.faults) expect(error.message).toContain(`${field}: ${reason}`)
  })

  test.each([
    ['JIEXI_LOG_LEVL', 'JIEXI_LOG_LEVEL'],
    ['JIEXI_PORT', 'PORT'],
    ['JIEXI_DATABASE_URL', 'DATABASE_URL'],
    ['JIEXI_CACHE_BYTES', 'JIEXI_MEMORY_CACHE_BYTES'],
    ['JIEXI_DATA_FOLDER', 'JIEXI_DATA'],
  ])('a name that does not exist is told with the nearest that does: %s', (wrong, right) => {
    expect(faultsOf({ [wrong]: '1' })[0]?.reason).toContain(`Did you mean ${right}?`)
  })

  test('variables of the tests, of the command line and of compose are not mistaken for wrong ones', () => {
    const others = [
      'JIEXI_TEST_DATABASE_URL',
      'JIEXI_NODE',
      'JIEXI_API_KEY',
      'JIEXI_BIND',
      'JIEXI_PORT_1',
      'HOME',
      'NODE_ENV',
    ]
    expect(() => readConfig(Object.fromEntries(others.map((name) => [name, 'x'])))).not.toThrow()
  })
})

describe('secrets', () => {
  test('a password in an address that takes none is not told either', () => {
    const { message } = errorOf({ JIEXI_PARENT: 'https://user:hunter2@a.example' })
    expect(message).toContain('https://[hidden]@a.example')
    expect(message).not.toContain('hunter2')
  })

  const environment = {
    DATABASE_URL: 'postgres://user:hunter2@db:5432/jiexi?password=hunter2',
    REDIS_URL: 'redis://:hunter2@cache:6379',
    JIEXI_ADMIN_KEY: 'hunter2-hunter2-hunter2',
    JIEXI_CACHE_MAC_KEY: 'hunter2-hunter2-hunter2-hunter2-hunter2',
  }

  test('a description tells where, and never shows them', () => {
    const described = describeConfig(readConfig(environment))
    expect(JSON.stringify(described)).not.toContain('hunter2')
    expect(described).toMatchObject({
      PORT: 8080,
      DATABASE_URL: 'postgres://db:5432/jiexi',
      REDIS_URL: 'redis://cache:6379',
      JIEXI_ADMIN_KEY: '[hidden]',
    })
  })

  test('a fault does not show them either', () => {
    const wrong = { DATABASE_URL: 'hunter2', REDIS_URL: 'http://hunter2', JIEXI_ADMIN_KEY: 'hunter2' }
    expect(errorOf(wrong).message).not.toContain('hunter2')
  })
})

describe('the table of settings', () => {
  test('it has a row for every setting, with its default', () => {
    const rows = settingsTable().split('\n')
    expect(rows).toHaveLength(Object.keys(SETTINGS).length + 2)
    expect(settingsTable()).toContain(
      '| `JIEXI_STALENESS_BOUND_MS` | `1000` | ms | No unmarked answer is older than this; `?wait=visible` waits for the largest of all replicas, so give all the same |',
    )
  })

  test('the README has exactly this table between its markers', () => {
    const readme = readFileSync(path.resolve(import.meta.dirname, '../../README.md'), 'utf8')
    const [, found] = /<!-- settings -->\n([\s\S]*?)\n?<!-- \/settings -->/.exec(readme) ?? []
    expect(found?.trim()).toBe(settingsTable())
  })
})

function errorOf(environment: Record<string, string>): NodeError {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

function faultsOf(environment: Record<string, string>) {
  return errorOf(environment).faults
}
