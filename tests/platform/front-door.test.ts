import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type FrontDoor, frontDoor } from '../../src/platform/front-door.js'

const cleanUp: (() => unknown)[] = []

afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step()
})

test('each connection goes to the one that has the fewest; to equal ones in turn', async () => {
  const [one, two] = [taker(), taker()]
  const { connect } = await open([one, two])
  for (let count = 0; count < 6; count += 1) await connect()
  await expect.poll(() => [one.has(), two.has()]).toEqual([3, 3])
  one.takes(10)
  for (let count = 0; count < 5; count += 1) await connect()
  await expect.poll(() => [one.has(), two.has()]).toEqual([3, 8])
})

test('one that takes no more gets none; with nobody to take it a connection waits, unread', async () => {
  const busy = taker()
  busy.takes(Number.POSITIVE_INFINITY)
  const { door, connect } = await open([busy])
  const client = await connect()
  client.write('hello')
  // A second one, later: by now the first one has been looked at.
  await connect()
  expect(busy.has()).toBe(0)
  busy.takes(0)
  // The second one may not have been looked at yet.
  await expect
    .poll(() => {
      door.retry()
      return busy.has()
    })
    .toBe(2)
  const [octets] = (await once(busy.connections[0]!.resume(), 'data')) as [Buffer]
  expect(octets.toString()).toBe('hello')
})

test('a connection that comes back goes to another', async () => {
  const [dying, other] = [taker(), taker()]
  other.takes(1)
  const { door, connect } = await open([dying, other])
  await connect()
  await expect.poll(() => dying.has()).toBe(1)
  dying.takes(Number.POSITIVE_INFINITY)
  door.give(dying.connections[0]!)
  expect(other.connections).toEqual(dying.connections)
})

test('localhost is every address of that name', async () => {
  const one = taker()
  const door = frontDoor(() => [one])
  cleanUp.push(() => door.close())
  const { port } = await door.open({ host: 'localhost', port: 0 })
  const client = net.connect(port, '127.0.0.1')
  cleanUp.push(() => client.destroy())
  await once(client, 'connect')
  await expect.poll(() => one.has()).toBe(1)
})

test('a port that is taken is told with what to do', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  cleanUp.push(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as net.AddressInfo
  await expect(frontDoor(() => []).open({ host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'already-exists',
    message: expect.stringContaining('choose another port with PORT'),
  })
})

/** Takes what it is offered. */
function taker() {
  const connections: Socket[] = []
  let load: number | undefined
  return {
    connections,
    has: () => connections.length,
    /** In place of how many it has. */
    takes: (instead: number) => {
      load = instead
    },
    offer: (connection: Socket) => {
      connections.push(connection)
    },
    load: () => load ?? connections.length,
  }
}

async function open(takers: ReturnType<typeof taker>[]) {
  const door: FrontDoor = frontDoor(() => takers)
  cleanUp.push(() => door.close())
  const { port } = await door.open({ host: '127.0.0.1', port: 0 })
  const connect = async () => {
    const client = net.connect(port, '127.0.0.1')
    cleanUp.push(() => client.destroy())
    await once(client, 'connect')
    return client
  }
  return { door, connect }
}
