/** A Handle server that answers every look-up with one value, and its site. */
import { siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import { tcpServer } from '../protocols/handle/client/scripted-server.js'
import { cleanUps } from './set-up.js'

export async function right(): Promise<{ readonly site: string; readonly port: number }> {
  const server = await tcpServer((request) => valuesTo(request, [value(1, 'URL', 'https://example.com/x')]))
  cleanUps.push(() => server.close())
  const site = Buffer.from(siteOctets({ addresses: [server.address] })).toString('base64')
  return { site, port: server.address.port }
}
