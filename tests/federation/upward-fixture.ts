/** The side that is told, on a registry of its own: an identifier as it is told, and nothing told yet before each test. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { upwardReceiver } from '../../src/federation/upward/receive.js'
import type { UpwardIdentifier, UpwardReceiver } from '../../src/protocols/rest/upward.js'
import { type RegistryFixture, registryFixture } from '../registry/fixture.js'

export let fixture: RegistryFixture
export let receiver: UpwardReceiver

export function eachUntold(): void {
  beforeAll(async () => {
    fixture = await registryFixture()
    receiver = upwardReceiver(fixture.registry)
  })
  beforeEach(async () => {
    for (const table of ['delegate_identifier', 'delegate_prefix', 'delegate'])
      await fixture.db.query(`delete from ${table}`)
  })
  afterAll(() => fixture.close())
}

/** Below 88.118.8, in its first version, unless told otherwise. */
export function part(name: string, more: Partial<UpwardIdentifier> = {}): UpwardIdentifier {
  return {
    kind: 'identifier',
    identifier: `88.118.8/${name}`,
    key: `88.118.8/${name}`.toLowerCase(),
    version: 1,
    state: 'registered',
    template: 'part',
    contentSha256: 'ab'.repeat(32),
    at: '2026-01-31T12:00:00.000Z',
    ...more,
  }
}
