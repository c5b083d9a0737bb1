/** What the tests of the page look at, registered as anybody would. */
import type { TestNode } from '../../support/node.js'

export const PREFIX = '88.995.7'
export const MACHINE = `${PREFIX}/PRESS-1`
export const PART = `${PREFIX}/JXDY2106023`
export const HOSTILE = `${PREFIX}/hostile`
export const GONE = `${PREFIX}/gone`
export const LONG = `${PREFIX}/long`
export const SCRIPT = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'

export async function register(node: TestNode): Promise<void> {
  const send = sender(node)
  const put = (identifier: string, body: unknown) => send('PUT', `/v1/identifiers/${identifier}`, body)

  await send('POST', '/v1/prefixes', { prefix: PREFIX })
  await put(MACHINE, { template: 'product', attributes: { name: 'Hydraulic press HP315 液压机' } })
  const attributes = {
    partNumber: 'CU-80',
    name: 'Clamping unit 夹紧装置',
    mass: '230',
    parent: MACHINE,
    drawing: 'https://drawings.example.com/CU-80.pdf',
  }
  const values = [
    { index: 1, type: 'URL', data: 'https://service.example.com/CU-80' },
    { index: 2, type: 'BIN', data: { format: 'base64', value: 'AAEC' } },
  ]
  await put(PART, { template: 'part', attributes, values })
  await put(PART, { template: 'part', attributes: { ...attributes, mass: '232' }, values })
  await put(HOSTILE, { template: 'product', attributes: { name: SCRIPT, description: 'javascript:window.broken=1' } })
  await put(GONE, { template: 'part', attributes: { partNumber: 'G-1', name: 'Gone part' } })
  await send('DELETE', `/v1/identifiers/${GONE}?reason=${encodeURIComponent('recalled 召回')}`)
  const word = 'x'.repeat(300)
  const long = { name: `A name that is long ${word}`, page: `https://www.example.com/${word}`, description: word }
  await put(LONG, { template: 'product', attributes: long, values: [{ index: 1, type: 'NOTE', data: word }] })
}

function sender(node: TestNode) {
  return async (method: string, address: string, body?: unknown): Promise<void> => {
    const response = await fetch(`${node.url}${address}`, {
      method,
      headers: {
        authorization: `Bearer ${node.adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${await response.text()}`)
  }
}
