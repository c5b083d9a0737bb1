import { expect, test } from 'vitest'
import { decodedOctets, PLAIN_JSON } from '../../src/protocols/rest/plain-json.js'
import { plainOctets } from '../../src/protocols/rest/plain-octets.js'
import { encodeValues, passValues } from '../../src/record/codec.js'
import { readDraft } from '../../src/record/draft.js'
import { EncodedRecord } from '../../src/record/encoded-values.js'
import { isPlainFree } from '../../src/record/plain-record.js'
import type { Value } from '../../src/record/record.js'
import { isExposed, isSecretType } from '../../src/record/secret.js'
import { visibleValues } from '../../src/record/select.js'

const URL_VALUE = valueAt(1, 'URL', 'https://example.com/', 0b1110)

test('a secret is one in any case, and a subtype of it too', () => {
  expect(['HS_SECKEY', 'hs_seckey', 'HS_SecKey.old'].every(isSecretType)).toBe(true)
  expect(['HS_SECKEYS', 'HS_PUBKEY', 'XHS_SECKEY', ''].some(isSecretType)).toBe(false)
  expect(isExposed({ type: 'HS_SECKEY', permissions: 0b1110 })).toBe(true)
  expect(isExposed({ type: 'HS_SECKEY', permissions: 0b1101 })).toBe(true)
  expect(isExposed({ type: 'HS_SECKEY', permissions: 0b1100 })).toBe(false)
  expect(isExposed({ type: 'URL', permissions: 0b1110 })).toBe(false)
})

test('whatever its permissions say, nobody sees it but who may write', () => {
  for (const permissions of [0b1100, 0b1110, 0b1111]) {
    const values = [URL_VALUE, valueAt(300, 'HS_SECKEY', 'hush', permissions)]
    expect(visibleValues(values, 'public')).toEqual([URL_VALUE])
    expect(visibleValues(values, 'owner')).toEqual([URL_VALUE])
    expect(visibleValues(values, 'keeper')).toEqual(values)
  }
})

test('a draft gives it permissions that hide it, and refuses others', () => {
  const draft = (permissions?: string) =>
    readDraft({ values: [{ index: 300, type: 'HS_SECKEY', data: 'hush', ...(permissions && { permissions }) }] }, 1)
  expect(draft()).toMatchObject({ ok: true, value: { values: [{ permissions: 0b1100 }] } })
  expect(draft('1100').ok).toBe(true)
  for (const permissions of ['1110', '1101', '0010'])
    expect(draft(permissions)).toMatchObject({ ok: false, faults: [{ field: 'values[0].permissions' }] })
})

test('the short way of an import leaves it to the long one, which knows its permissions', () => {
  expect(isPlainFree({ index: 300, type: 'HS_SECKEY' })).toBe(false)
  expect(isPlainFree({ index: 300, type: 'HS_PUBKEY' })).toBe(true)
})

test('the short way to plain JSON does not show one that anybody may read by its permissions', () => {
  const values = [URL_VALUE, valueAt(300, 'Hs_SecKey', 'hush', 0b1110), valueAt(301, 'HS_SECRET', 'said', 0b1110)]
  const encoded = passValues(encodeValues(values))!
  const about = { key: '88.118.8/a', spelling: '88.118.8/A', prefix: '88.118.8', version: 1, template: '' }
  const record = new EncodedRecord({ ...about, registeredAtMs: 0, recordedAtMs: 0 }, encoded)
  expect(plainOctets(record)).toBeUndefined()
  const shown = decodedOctets(record)
  expect(shown).not.toContain('hush')
  expect(shown).toContain('said')
  expect(PLAIN_JSON.encode({ record } as never)).toBe(shown)
})

function valueAt(index: number, type: string, data: string, permissions: number): Value {
  return { index, type, data, ttlSeconds: 60, permissions, timestampSeconds: 1 }
}
